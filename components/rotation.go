package components

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// Rotation is a mark for each kind of secret that the program makes, such as the date of its last change. Another mark
// makes other secrets, and brings them to the nodes, one after the other.
type Rotation struct {
	Database string // passwords of administrator and brokers
	Cookie   string // what lets nodes into a cluster; HiveMQ has none
}

// mark is another text for another mark of either kind, and "" where nothing ever rotated.
func (r Rotation) mark() string {
	if r == (Rotation{}) {
		return ""
	}
	return r.Database + "/" + r.Cookie
}

// brokerRole is what brokers with this password log in as. The name tells nothing of the password, and is no secret.
func brokerRole(password pulumi.StringOutput) pulumi.StringOutput {
	return pulumi.Unsecret(password.ApplyT(func(password string) string {
		return assets.BrokerRole(databaseRoles, password)
	}).(pulumi.StringOutput)).(pulumi.StringOutput)
}
