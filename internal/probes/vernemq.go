package probes

var vernemq = []Probe{
	{
		Number: 26, Of: VerneMQ,
		Assumption: "VerneMQ 2.1.2 builds on Ubuntu 24.04 with its own Erlang 25 and the packages that " +
			"`install.sh` names (it was compiled with Debian 12's, 25.2.3, and dependencies that were " +
			"fetched by hand)",
		By:     "`pulumi up` ends; otherwise `/var/lib/amora-sync/build.log` on machine 0 says why",
		Needs:  "Microsoft.Compute/virtualMachines",
		Partly: true,
		ask:    machinesServe,
	},
	{
		Number: 27, Of: VerneMQ,
		Assumption: "A build that is made on one machine runs on another of the same image (that nodes fetch one " +
			"build and run it is settled: `tests/brokers/vernemq`)",
		By:     "node 1 serves",
		Needs:  "Microsoft.Compute/virtualMachines",
		Partly: true,
		ask:    machinesServe,
	},
	{
		Number: 28, Of: VerneMQ,
		Assumption: "A managed run command that fails, or takes 90 minutes, fails the deployment " +
			"(`treatFailureAsDeploymentFailure`)",
		By: "stop `amora-node.timer`, break `/etc/amora-sync/node.env` on a machine, and change " +
			"`vernemq.vmSize`",
		Needs:      "Microsoft.Compute/virtualMachines",
		Disruptive: true,
	},
	{
		Number: 29, Of: VerneMQ,
		Assumption: "The data disk is at `/dev/disk/azure/scsi1/lun0`, or with NVMe at " +
			"`/dev/disk/azure/data/by-lun/0`",
		By:    "`findmnt --target /opt/vernemq/data/msgstore/` says `/var/lib/vernemq`",
		Needs: "Microsoft.Compute/virtualMachines",
		ask:   dataIsOnItsDisk,
	},
	{
		Number: 30, Of: VerneMQ,
		Assumption: "VerneMQ logs in to Azure's PostgreSQL over TLS with the system's CAs, as it does to one of " +
			"ours",
		By:    "`journalctl -u vernemq`; `SELECT ssl FROM pg_stat_ssl`",
		Needs: "Microsoft.Compute/virtualMachines",
	},
	{
		Number: 31, Of: VerneMQ,
		Assumption: "A leave lets `vernemq.service` end as inactive (that `cluster show --format=json`, `join` " +
			"and `leave` answer as the scripts want is settled: `tests/brokers/vernemq`)",
		By:    "`capacity.minNodes` from 3 to 4 and back",
		Needs: "Microsoft.Compute/virtualMachines",
	},
	{
		Number: 32, Of: VerneMQ,
		Assumption: "A node that has left is empty enough to join again (that one on a new disk joins after the " +
			"others have forgotten it is settled: `tests/brokers/vernemq`)",
		By:    "as above, twice; replace a disk with `allowReplace: [disks]`",
		Needs: "Microsoft.Compute/virtualMachines",
	},
	{
		Number: 33, Of: VerneMQ,
		Assumption: "The load balancer's probe reaches `/health` on 8888, and a stopped node loses its clients " +
			"within 10 seconds (what `/health` answers is settled: `tests/brokers/vernemq`)",
		By:     "`systemctl stop vernemq` on a machine",
		Needs:  "Microsoft.Compute/virtualMachines",
		Partly: true,
		ask:    machinesServe,
	},
	{
		Number: 34, Of: VerneMQ,
		Assumption: "Azure takes no change of `customData` and the like, so that the engine has to replace the " +
			"machine",
		By:    "change `vernemq.sshKey`; the preview shows replacements",
		Needs: "Microsoft.Compute/virtualMachines",
	},
	{
		Number: 35, Of: VerneMQ,
		Assumption: "Bastion takes its security group with these flows",
		By:         "`vernemq.bastion: true`",
		Needs:      "Microsoft.Compute/virtualMachines",
	},
	{
		Number: 36, Of: VerneMQ,
		Assumption: "A reboot ends VerneMQ by `SIGTERM`, and within two minutes it is back (what is lost of what " +
			"is in flight is in [VerneMQ](vernemq.md), measured by `tests/brokers/vernemq`)",
		By:         "reboot a machine; a client with a persistent session gets its messages",
		Needs:      "Microsoft.Compute/virtualMachines",
		Disruptive: true,
	},
	{
		Number: 63, Of: VerneMQ,
		Assumption: "Ubuntu 24.04's systemd puts up the fence of `vernemq.service`, for `systemd-run` as well; " +
			"VerneMQ and its epmd work inside it (that it needs nothing of root's and no programs of its " +
			"own is for `tests/brokers/vernemq` to say, which has no systemd)",
		By: "node 0 serves; `systemd-analyze security vernemq.service` says at most 3.5; `systemd-run " +
			"--pipe --uid=vernemq --property=IPAddressDeny=169.254.169.254 curl -m 3 -H Metadata:true " +
			"http://169.254.169.254/metadata/instance?api-version=2021-02-01` gets no answer, and without " +
			"the property one",
		Needs: "Microsoft.Compute/virtualMachines",
		ask:   fenceStands,
	},
}
