package stacks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// losses are the parts of a stack that a config takes away, where what they hold would be lost unless allowReplace
// agrees. Other losses are those of something that stays and would have to be another one: each component refuses them,
// by what it finds deployed.
func losses(before Summary, p Plan) Faults {
	var f Faults
	after := p.summary()
	if before.Zone != "" && before.Zone != after.Zone && !allows(p.AllowReplace, "zone") {
		f.add("dns.zone", quoted(p.Names.Zone),
			"would take the place of %s, a zone of the stack's own, which is then deleted with every name in it; "+
				"undo the edit, or add \"zone\" to amora-sync:allowReplace to agree to the loss", before.Zone)
	}
	if before.SecondaryLocation != "" && before.SecondaryLocation != after.SecondaryLocation &&
		!allows(p.AllowReplace, "secondary") {
		f.add("availability.secondaryLocation", quoted(after.SecondaryLocation),
			"would take %s away, with the replica, the vault and the broker there; "+
				"undo the edit, or add \"secondary\" to amora-sync:allowReplace to agree to the loss", before.SecondaryLocation)
	}
	switch moved := before.Broker == p.Broker && before.Zones != "" && before.Zones != after.Zones; {
	case !moved || p.Broker == VerneMQVMs:
	case p.Broker == EMQXContainerApps && !strings.Contains(before.Zones+after.Zones, ","):
		f.add("availability.zones", "["+after.Zones+"]",
			"would move nothing: Container Apps picks a zone by itself, and the database stays in %s; undo the edit",
			before.Zones)
	case !allows(p.AllowReplace, "resourceGroup"):
		f.add("availability.zones", "["+after.Zones+"]",
			"would replace what the broker runs on, which is in %s for good: its nodes would go, with every session, "+
				"before there are others; undo the edit, set another broker in the same run, or add \"resourceGroup\" to "+
				"amora-sync:allowReplace to agree to the "+
				"loss of everything", before.Zones)
	}
	if before.SystemVMSize != "" && after.SystemVMSize != "" && before.SystemVMSize != after.SystemVMSize &&
		!allows(p.AllowReplace, "resourceGroup") {
		f.add("hivemq.systemVmSize", quoted(after.SystemVMSize),
			"would change nothing: Azure changes the size of these nodes no more; undo the edit, which was %s",
			before.SystemVMSize)
	}
	return f
}

// notTogether are the changes of a database that Azure does not take in one request, as it gets all of a run in one. A
// server in another region, or one that begins with another backup, is made anew.
func notTogether(before, after Summary) Faults {
	if before.DatabaseSKU == "" || before.Location != after.Location || before.DatabaseBegan != after.DatabaseBegan {
		return nil
	}
	var f Faults
	burstable := func(s Summary) bool { return databaseTier(s.DatabaseSKU) == burstableTier }
	standby := before.DatabaseStandby != after.DatabaseStandby
	if standby && burstable(before) != burstable(after) {
		first := map[bool]string{true: "database.sku", false: "availability.databaseHA"}[burstable(before)]
		f.add("availability.databaseHA", fmt.Sprint(after.DatabaseStandby),
			"must not change in the run in which database.sku goes from %s to %s, which Azure refuses: edit %s first, and the "+
				"other one in a run of its own", before.DatabaseSKU, after.DatabaseSKU, first)
	}
	old, new := before.DatabaseVersion, after.DatabaseVersion
	switch {
	case old == new:
	case len(new) < len(old) || len(new) == len(old) && new < old:
		f.add("database.version", quoted(new), "must be %s or newer: the server's data is in that version's form", old)
	case standby || before.DatabaseSKU != after.DatabaseSKU || before.DatabaseStorageGB != after.DatabaseStorageGB:
		f.add("database.version", quoted(new), "must change in a run of its own: Azure upgrades from %s by a request that "+
			"changes neither size nor storage nor standby", old)
	}
	return f
}

// allows says whether the loss of a stateful resource is agreed to. With the resource group goes everything that is in
// it.
func allows(allowReplace []string, resource string) bool {
	return slices.Contains(allowReplace, resource) || slices.Contains(allowReplace, "resourceGroup")
}

// goes says whether a resource is of a part whose loss is agreed to, and would come back under the id that it has: all
// in the resource group, the second region with what leads there, or the database's server with what hangs on it. A
// server that is restored has another name, and is made out of the one before it.
func (p Plan) goes(name string) bool {
	local, secondary := strings.CutPrefix(name, secondaryPrefix)
	switch {
	case slices.Contains(p.AllowReplace, "resourceGroup"):
		return true
	case slices.Contains(p.AllowReplace, "secondary") && (secondary || strings.HasPrefix(name, "peering-")):
		return true
	default:
		return slices.Contains(p.AllowReplace, "database") && p.Restore == nil && strings.HasPrefix(local, "database-")
	}
}

// deleteFirst has Pulumi delete what goes before it makes the next one, as it does by itself where both have one id.
// After a run that ended in between, the next one would otherwise make each resource that has no difference of its own,
// and then delete it as the old one.
func (p Plan) deleteFirst(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
	if !p.goes(args.Name) {
		return nil
	}
	return &pulumi.ResourceTransformationResult{
		Props: args.Props, Opts: append(slices.Clone(args.Opts), pulumi.DeleteBeforeReplace(true)),
	}
}
