package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
)

// export names the outputs that every stack has; a broker adds its own. They are read by people, by amora user and by other stacks: renaming one breaks them.
func export(ctx *pulumi.Context, p Plan, f *foundation, e *components.Endpoint) {
	// The endpoints are true once something answers there: names move last.
	ctx.Export("mqttEndpoint", after(pulumi.String("mqtts://"+p.Names.Host+":8883"), e.AddressRecordID.ToStringOutput()))
	ctx.Export("websocketEndpoint", after(pulumi.String("wss://"+p.Names.WebSocketHost+"/mqtt"), e.WebSocketRecordID.ToStringOutput()))
	ctx.Export("broker", pulumi.String(p.Broker))
	ctx.Export("domain", pulumi.String(p.Names.Host))
	ctx.Export("nodeCount", pulumi.Int(p.Nodes))
	ctx.Export("resourceGroupName", f.base.ResourceGroup)
	ctx.Export("vaultName", f.vault.Name)
	ctx.Export("nameServers", f.zone.NameServers)
	ctx.Export("databaseHost", f.database.Host)
}
