package probes

var everywhere = []Probe{
	{
		Number: 37, Of: Everywhere,
		Assumption: "Container Apps reads Key Vault references through the vault's private endpoint, where the " +
			"environment's network has it",
		By: "`pulumi up` of prod; otherwise the revision says that it is unable to get the value",
	},
	{
		Number: 38, Of: Everywhere,
		Assumption: "An Application Gateway finds a vault with a private endpoint by the private DNS zone of its " +
			"network",
		By: "HiveMQ with a certificate in the stack's own, private vault",
	},
	{
		Number: 39, Of: Everywhere,
		Assumption: "A lock on a secret, a database or an SOA record keeps the vault, the server and the zone, " +
			"and nothing beside it",
		By: "`az keyvault delete`, `az postgres flexible-server delete`, `az network dns zone delete` on " +
			"a protected stack, each refused; a switch of the broker, which is not",
	},
	{
		Number: 40, Of: Everywhere,
		Assumption: "Azure takes `allLogs` for each of these types, and dedicated tables where the service has " +
			"them",
		By:     "`az monitor diagnostic-settings list --resource …`",
		Needs:  "Microsoft.Insights/diagnosticSettings",
		Partly: true,
		ask:    logsAreSent,
	},
	{
		Number: 41, Of: Everywhere,
		Assumption: "The collector's exporter writes a gauge or a delta sum to `AppMetrics` with the value in " +
			"`Sum` and the attributes in `Properties`",
		By:    "`AppMetrics | where Name startswith \"mqtt.\" | take 10`",
		Needs: "Microsoft.OperationalInsights/workspaces",
		ask:   metricsCome,
	},
	{
		Number: 42, Of: Everywhere,
		Assumption: "A node's page is read through the environment's ingress; that it wants no password is known",
		By:         "`curl http://emqx-0:18083/api/v5/prometheus/stats` from the collector's console",
		Needs:      "Microsoft.App/containerApps",
		Partly:     true,
		ask:        metricsCome,
	},
	{
		Number: 43, Of: Everywhere,
		Assumption: "HiveMQ's metrics are called as in the dashboard of its chart",
		By:         "`kubectl exec` with `curl http://localhost:9399/`",
		Needs:      "Microsoft.ContainerService/managedClusters",
		Partly:     true,
		ask:        metricsCome,
	},
	{
		Number: 44, Of: Everywhere,
		Assumption: "The collector reaches the clients' own name from inside, to look at the certificate",
		By:         "`mqtt.certificate.days` has rows",
		Needs:      "Microsoft.OperationalInsights/workspaces",
		ask:        certificateIsSeen,
	},
	{
		Number: 45, Of: Everywhere,
		Assumption: "The workbook opens with its queries bound to the workspace",
		By:         "`pulumi stack output dashboard`",
	},
	{
		Number: 46, Of: Everywhere,
		Assumption: "Azure Monitor Agent takes a user-assigned identity by `mi_res_id`, and leaves `Perf` and " +
			"`Syslog` rows",
		By:    "`Perf | summarize count() by Computer`",
		Needs: "Microsoft.Compute/virtualMachines",
		ask:   machinesReport,
	},
	{
		Number: 47, Of: Everywhere,
		Assumption: "Container Insights follows a data collection rule that names only some streams and one " +
			"namespace",
		By:    "`ContainerLogV2 | summarize count() by PodNamespace`",
		Needs: "Microsoft.ContainerService/managedClusters",
		ask:   podLogsComeFromHiveMQOnly,
	},
	{
		Number: 48, Of: Everywhere,
		Assumption: "Azure takes the public address that is in `security.deployFrom` within a minute, before the " +
			"first blob is written",
		By: "`pulumi up` with a new address; run again where it is refused",
	},
	{
		Number: 49, Of: Everywhere,
		Assumption: "HiveMQ's security extension puts the MQTT username for `${mqtt-username}` in a reserved " +
			"claim",
		By: "a token whose `sub` is another name is refused, and one with the same name is not; so too " +
			"one without `exp`, and one whose `aud` is a list",
	},
	{
		Number: 50, Of: Everywhere,
		Assumption: "A new public address has DDoS IP Protection with `protectionMode: Enabled` and no plan",
		By:         "`az network public-ip show --query ddosSettings`",
		Needs:      "Microsoft.Network/publicIPAddresses",
		ask:        addressIsProtected,
	},
	{
		Number: 51, Of: Everywhere,
		Assumption: "Traffic Manager probes 8883 by TCP, and an alias record leads to a profile with external " +
			"endpoints only",
		By:     "`dig +short DOMAIN`; stop one region's broker, and look again after 90 s",
		Needs:  "Microsoft.Network/trafficManagerProfiles",
		Partly: true,
		ask:    nameHasAnAddress,
	},
	{
		Number: 52, Of: Everywhere,
		Assumption: "A replica in a peered network is made with the first region's private DNS zone, and both " +
			"servers are found by name in both networks",
		By: "`pulumi up` with `availability.secondaryLocation`; a login in each region",
	},
	{
		Number: 53, Of: Everywhere,
		Assumption: "After `promote --promote-mode switchover` in both directions, `pulumi preview` wants nothing",
		By:         "the rehearsal in [failing over](failover.md#a-region)",
	},
	{
		Number: 54, Of: Everywhere,
		Assumption: "A larger `database.sku` reaches a server with a replica",
		By:         "edit it; where Azure wants the replica or the primary first, it refuses",
	},
	{
		Number: 55, Of: Everywhere,
		Assumption: "A server is restored with the administrator's password in the request, which then is the new " +
			"one",
		By: "`database.restore`; the next run of the schema logs in",
	},
	{
		Number: 56, Of: Everywhere,
		Assumption: "Disks that have no network access (`DenyAll`) are backed up and restored all the same",
		By:         "[disks](restore-disks.md), on a node that may be lost",
	},
	{
		Number: 57, Of: Everywhere,
		Assumption: "Front Door leaves an origin of priority 1 that fails its probes, and comes back",
		By:         "stop the edge of one region; `wss://` connects within two minutes",
	},
	{
		Number: 58, Of: Everywhere,
		Assumption: "Azure counts a replica's missing log on the primary, and a region's endpoint by " +
			"`EndpointName`",
		By: "the two metrics, while the replica is restarted and one endpoint is disabled",
	},
	{
		Number: 59, Of: Everywhere,
		Assumption: "Resource Manager takes `infrastructure/azuredeploy.json`, and takes it again without " +
			"touching the subnets",
		By: "`az deployment group what-if` before the first deployment and after it, with the arguments " +
			"of [ARM](arm.md)",
	},
	{
		Number: 60, Of: Everywhere,
		Assumption: "Jobs log in by OIDC, and the hosted runner has what the scripts take for granted",
		By: "the workflow `preview` of a pull request, and a deployment of `dev`, in the " +
			"[order](pull-request.md#set-up-github)",
	},
	{
		Number: 61, Of: Everywhere,
		Assumption: "A nightly drift check of HiveMQ says nothing of `agentPoolProfiles`, in which Azure lists " +
			"each pool, and which the program ignores",
		By:  "`pulumi refresh --preview-only --expect-no-changes` after a first deployment",
		ask: nothingDrifts,
	},
	{
		Number: 62, Of: Everywhere,
		Assumption: "HiveMQ's security extension refuses client ids with `+` or `#` where a rule has " +
			"`${clientid}`",
		By: "with a licence, connect as `+` with a user whose rule is `devices/${clientid}/#`; subscribe " +
			"to `devices/other/x`",
	},
	{
		Number: 65, Of: Everywhere,
		Assumption: "Azure gives a job's references to the vault back as it takes them, so that another job can " +
			"be made with them; one that is made with a secret, started and deleted (`amora user`) leaves " +
			"its secret in no log",
		By: "`amora user add`; `az monitor activity-log list -g RG --offset 1h` holds no `$2a$`; `az " +
			"containerapp job list` shows no `admin-…`",
		Needs:  "Microsoft.App/jobs",
		Partly: true,
		ask:    activityLogHasNoHash,
	},
	{
		Number: 66, Of: Everywhere,
		Assumption: "AKS brings a file of `az aks command invoke` to its pod by something that it does not log",
		By: "`amora user add`; the workspace's table `AKSAuditAdmin` holds no `:210000:`, in plain or in " +
			"base64",
	},
	{
		Number: 67, Of: Everywhere,
		Assumption: "Azure's administrator owns the database and its schema `public`, as PostgreSQL 15 and newer " +
			"make it: it may take `CREATE` and `TEMPORARY` from everybody",
		By: "the log of `schema` has no `WARNING:  no privileges could be revoked`",
	},
	{
		Number: 68, Of: Everywhere,
		Assumption: "Azure takes a verifier of a password (`SCRAM-SHA-256$…`), as psql's `\\password` sends it",
		By:         "the log of `schema` says `schema: applied`",
	},
	{
		Number: 69, Of: Everywhere,
		Assumption: "Front Door's firewall answers 429 to who asks too often, its rule holds for `/mqtt`, and a " +
			"policy may be tied to a domain that is not validated yet",
		By: "`pulumi up` ends; `seq 1500 | xargs -P 50 -I{} curl -so /dev/null -w '%{http_code}\\n' " +
			"https://ws.HOST/mqtt | sort | uniq -c` shows some 429",
		Needs:      "Microsoft.Cdn/profiles",
		Disruptive: true,
		ask:        firewallAnswers429,
	},
}
