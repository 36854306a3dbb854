package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// export names the outputs that every stack has; a broker adds its own. They are read by people, by amora user and by other stacks: renaming one breaks them.
func export(ctx *pulumi.Context, p Plan, f *foundation, at endpoints) {
	// The endpoints are true once something answers there: they wait for the broker's address.
	ctx.Export("mqttEndpoint", after(pulumi.String("mqtts://"+p.Names.Host+":8883"), at.address))
	ctx.Export("websocketEndpoint", after(pulumi.String("wss://"+p.Names.WebSocketHost+"/mqtt"), at.webSocketHost))
	ctx.Export("broker", pulumi.String(p.Broker))
	ctx.Export("domain", pulumi.String(p.Names.Host))
	ctx.Export("nodeCount", pulumi.Int(p.Nodes))
	ctx.Export("resourceGroupName", f.base.ResourceGroup)
	ctx.Export("vaultName", f.vault.Name)
	ctx.Export("nameServers", f.zone.NameServers)
	ctx.Export("databaseHost", f.database.Host)
}
