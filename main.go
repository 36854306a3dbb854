// Command mqtt-on-azure is the Pulumi program: one MQTT broker on Azure per stack.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/stacks"
)

func main() {
	pulumi.Run(stacks.Deploy)
}
