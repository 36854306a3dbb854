package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
)

// export names the outputs of a stack. They are read by people, by amora user and by other stacks: renaming one breaks them.
func export(ctx *pulumi.Context, p Plan, f *foundation, broker *components.OnContainerApps) {
	// The endpoints are true once something answers there: they wait for the broker's address.
	ctx.Export("mqttEndpoint", afterwards("mqtts://"+p.Names.Host+":8883", broker.Address))
	ctx.Export("websocketEndpoint", afterwards("wss://"+p.Names.WebSocketHost+"/mqtt", broker.EdgeHost))
	ctx.Export("broker", pulumi.String(p.Broker))
	ctx.Export("domain", pulumi.String(p.Names.Host))
	ctx.Export("nodeCount", pulumi.Int(p.EMQX.MinNodes))
	ctx.Export("resourceGroupName", f.base.ResourceGroup)
	ctx.Export("vaultName", f.vault.Name)
	ctx.Export("nameServers", f.zone.NameServers)
	ctx.Export("databaseHost", f.database.Host)
	ctx.Export("adminJobName", broker.AdminJobName)
	ctx.Export("rulesJobName", broker.RulesJobName)
}

func afterwards(text string, event pulumi.StringOutput) pulumi.StringOutput {
	return event.ApplyT(func(string) string { return text }).(pulumi.StringOutput)
}
