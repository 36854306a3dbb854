package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
)

// export names the outputs that every stack has; a broker adds its own. They are read by people, by amora user and by
// other stacks: renaming one breaks them.
func export(ctx *pulumi.Context, regions []region, e *components.Endpoint) error {
	p := regions[0].Plan
	// The endpoints are true once something answers there: names move last.
	ctx.Export("mqttEndpoint", after(pulumi.String("mqtts://"+p.Names.Host+":8883"), e.AddressRecordID.ToStringOutput()))
	ctx.Export("websocketEndpoint", after(pulumi.String("wss://"+p.Names.WebSocketHost+"/mqtt"),
		e.WebSocketRecordID.ToStringOutput()))
	p.summary().export(ctx)
	ctx.Export("recovery", p.recoveryOutput())
	forecast, err := p.forecastOutputs()
	if err != nil {
		return fmt.Errorf("forecast: %w", err)
	}
	for name, value := range forecast {
		ctx.Export(name, value)
	}
	ctx.Export("nameServers", regions[0].zone.NameServers)
	for _, r := range regions {
		r.export(ctx, "resourceGroupName", r.base.ResourceGroup)
		r.export(ctx, "vaultName", r.vault.Name)
		r.export(ctx, "databaseHost", r.database.Host)
	}
	return nil
}
