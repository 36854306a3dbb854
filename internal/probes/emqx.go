package probes

var emqx = []Probe{
	{
		Number: 1, Of: EMQX,
		Assumption: "`emqx-N` resolves as `emqx-N.k8se-apps.svc.cluster.local` inside a workload-profile " +
			"environment",
		By: "`az containerapp exec -n emqx-0 -g RG --command \"getent hosts " +
			"emqx-1.k8se-apps.svc.cluster.local\"`. If it does not: change `assets.ClusterDomain`, its " +
			"comment names the fallback",
		Needs:  "Microsoft.App/containerApps",
		Partly: true,
		ask:    nodesServe,
	},
	{
		Number: 2, Of: EMQX,
		Assumption: "Erlang distribution and RPC pass the environment's TCP ingress on 4370 and 5369 and stay up " +
			"(that nodes with a network each need no other ports is settled: `tests/brokers/emqx`)",
		By: "`az containerapp exec -n emqx-0 … --command \"emqx ctl cluster status\"` shows every node, and " +
			"still does after a day",
		Needs: "Microsoft.App/containerApps",
		ask:   nodesAreOneCluster,
	},
	{
		Number: 3, Of: EMQX,
		Assumption: "An app can have an HTTP main port and an additional external TCP port 8883 at once",
		By:         "`openssl s_client -connect HOST:8883` shows the certificate",
		Needs:      "Microsoft.App/containerApps",
		ask:        certificateIsShown,
	},
	{
		Number: 4, Of: EMQX,
		Assumption: "Front Door reaches the edge on 443 and the network security group lets it in",
		By:         "the origin is healthy in the portal; `wss://` connects",
		Needs:      "Microsoft.App/containerApps",
		ask:        webSocketIsReached,
	},
	{
		Number: 5, Of: EMQX,
		Assumption: "The network security group's rules are enough for the environment's own traffic",
		By:         "the environment provisions, and apps start",
		Needs:      "Microsoft.App/managedEnvironments",
		ask:        environmentAndAppsRun,
	},
	{
		Number: 6, Of: EMQX,
		Assumption: "The edge's container gets a token for the vault within 20 seconds of its start, and the " +
			"vault answers `openssl s_client`; a renewed certificate reaches clients without a restart",
		By: "`pulumi up` makes the edge; issue a new version twice; after ten minutes each, `openssl " +
			"s_client -connect HOST:8883` shows it, a client that was connected still is, and the " +
			"replicas are those of before (`az containerapp replica list`)",
		Needs:  "Microsoft.App/containerApps",
		Partly: true,
		ask:    certificateIsShown,
	},
	{
		Number: 7, Of: EMQX,
		Assumption: "While a node app is updated, Azure ends its old revision though the new one waits at its " +
			"gate, whose TCP probe answers; a start that waits its turn for five minutes is no failure " +
			"(that the gate waits, and goes on when the old node ends, is settled: `tests/brokers/emqx`)",
		By:    "change `emqx.vcpu`; the new replica's log says `gate: the name is held` within two minutes",
		Needs: "Microsoft.App/containerApps",
	},
	{
		Number: 8, Of: EMQX,
		Assumption: "The cron rule starts a node from zero replicas, and nothing else wakes it",
		By:         "set `emqx.peak`; watch the replica count for a day",
		Needs:      "Microsoft.App/containerApps",
	},
	{
		Number: 9, Of: EMQX,
		Assumption: "The images behave as assumed: `psql` finds the system's CA certificates, `setsid` is beside " +
			"it, `openssl` with its legacy provider, `nc` and the user `haproxy` are in HAProxy's (so its " +
			"Dockerfile says), `redis-cli` speaks TLS",
		By:    "the node apps' init container, the edge and the two jobs succeed",
		Needs: "Microsoft.App/jobs",
		ask:   jobsSucceeded,
	},
	{
		Number: 10, Of: EMQX,
		Assumption: "`az acr import` is not turned away by Docker Hub's limits for anonymous pulls",
		By:         "the mirror script succeeds; otherwise it can be run again",
		Needs:      "Microsoft.App/containerApps",
	},
	{
		Number: 11, Of: EMQX,
		Assumption: "The image runs the gate as the compiled EMQX of `tests/brokers` does: its Erlang is 26 (25 " +
			"there), and a cluster's tables are of `rlog` (`mnesia` there)",
		By: "`az containerapp logs show -n emqx-0 …` says `gate: clients are let in`; a wrong password is " +
			"refused",
		Needs:  "Microsoft.App/containerApps",
		Partly: true,
		ask:    nodesServe,
	},
	{
		Number: 12, Of: EMQX,
		Assumption: "Azure Managed Redis with the EnterpriseCluster policy answers `HGETALL` and single-key " +
			"`MULTI` as Redis does",
		By:     "run the rules job; `emqx ctl` shows no authorization errors",
		Needs:  "Microsoft.App/jobs",
		Partly: true,
		ask:    jobsSucceeded,
	},
	{
		Number: 13, Of: EMQX,
		Assumption: "The provider's own view of create-only properties is the one that the guards list",
		By:         "`pulumi preview` of an edited `location` fails, and shows no replacement",
		Needs:      "Microsoft.App/containerApps",
	},
}
