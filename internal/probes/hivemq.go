package probes

var hivemq = []Probe{
	{
		Number: 14, Of: HiveMQ,
		Assumption: "Application Gateway takes `listeners`, `backendSettingsCollection` and `routingRules` at API " +
			"2023-02-01, without a feature flag",
		By:    "`pulumi up` makes the gateway; `openssl s_client -connect HOST:8883` shows the certificate",
		Needs: "Microsoft.Network/applicationGateways",
		ask:   certificateIsShown,
	},
	{
		Number: 15, Of: HiveMQ,
		Assumption: "Flux reads the blob container as the nodes' identity (`useKubeletIdentity`, and " +
			"`managedIdentity.clientId` of the same)",
		By:    "`az k8s-configuration flux show -g RG -c NAME -t managedClusters -n hivemq` is compliant",
		Needs: "Microsoft.ContainerService/managedClusters",
		ask:   fluxIsCompliant,
	},
	{
		Number: 16, Of: HiveMQ,
		Assumption: "`waitForReconciliation` holds the deployment until brokers are ready, and 40 minutes are " +
			"enough",
		By:    "`pulumi up` ends with the brokers running",
		Needs: "Microsoft.ContainerService/managedClusters",
		ask:   brokersRun,
	},
	{
		Number: 17, Of: HiveMQ,
		Assumption: "Flux fills numbers into `${brokers}`, `${cpu}` and `${memory}` as numbers and quantities",
		By:         "the HelmRelease `broker` is ready",
		Needs:      "Microsoft.ContainerService/managedClusters",
		Partly:     true,
		ask:        brokersRun,
	},
	{
		Number: 18, Of: HiveMQ,
		Assumption: "The enterprise security extension takes this `config.xml`: `POSTGRES`, `${…}` from the " +
			"environment, `iss` and `aud` as reserved claims, `authorization-key` from the username",
		By:    "its log names no error; add a user; connect",
		Needs: "Microsoft.ContainerService/managedClusters",
	},
	{
		Number: 19, Of: HiveMQ,
		Assumption: "It reads PBKDF2 with SHA-512 and 64 bytes as `PKCS5S2`, and views as well as tables",
		By:         "as above, with a wrong password too",
		Needs:      "Microsoft.ContainerService/managedClusters",
	},
	{
		Number: 20, Of: HiveMQ,
		Assumption: "Its JDBC driver may lie in `drivers/jdbc`, and speaks TLS to the server, which refuses " +
			"anything else; it does not verify the server's name",
		By:    "`SELECT ssl FROM pg_stat_ssl` shows true for its connections",
		Needs: "Microsoft.ContainerService/managedClusters",
	},
	{
		Number: 21, Of: HiveMQ,
		Assumption: "The operator makes the service account `hivemq-platform-pod-broker`, and picks up a changed " +
			"Secret `credentials` without a restart (the extension itself takes changed files, see " +
			"`tests/brokers/hivemq`)",
		By:    "`kubectl -n hivemq get serviceaccount`; add a user to a trial; connect",
		Needs: "Microsoft.ContainerService/managedClusters",
		ask:   serviceAccountIsThere,
	},
	{
		Number: 22, Of: HiveMQ,
		Assumption: "A node of a D4s_v3 has room for a broker with 2.5 vCPU and 8 GiB beside AKS' own pods",
		By:         "every broker is scheduled",
		Needs:      "Microsoft.ContainerService/managedClusters",
		ask:        podsAreScheduled,
	},
	{
		Number: 23, Of: HiveMQ,
		Assumption: "The load balancer's static address, idle timeout and `externalTrafficPolicy: Local` work " +
			"together with the gateway's probes",
		By:         "stop a broker; its clients reconnect elsewhere within 30 seconds",
		Needs:      "Microsoft.ContainerService/managedClusters",
		Disruptive: true,
	},
	{
		Number: 24, Of: HiveMQ,
		Assumption: "Cilium lets pods reach the private API server by the rule that names no destination",
		By:         "the operator starts",
		Needs:      "Microsoft.ContainerService/managedClusters",
		ask:        operatorRuns,
	},
	{
		Number: 25, Of: HiveMQ,
		Assumption: "Deleting a pool drains it within the disruption budget",
		By:         "change `hivemq.vmSize`; `kubectl -n hivemq get pods` never shows two that are not ready",
		Needs:      "Microsoft.ContainerService/managedClusters",
	},
	{
		Number: 64, Of: HiveMQ,
		Assumption: "What the operator adds to a broker's pod would be let in by the level `restricted`, as " +
			"everything is that is ours (`tests/manifests`)",
		By: "`kubectl label --dry-run=server --overwrite namespace hivemq " +
			"pod-security.kubernetes.io/enforce=restricted` warns of nothing; then `base.yaml.tmpl` can " +
			"say so",
		Needs: "Microsoft.ContainerService/managedClusters",
		ask:   restrictedWouldDo,
	},
}
