package standin

import (
	"regexp"
	"time"
)

var groupKinds = []*kind{
	{
		token: "resources:ResourceGroup", arm: "Microsoft.Resources/resourceGroups",
		path:     []string{"resourceGroupName"},
		identify: func(in props) string { return idUnless(in.str("resourceGroupName"), groupID) },
		naming: naming{pattern: regexp.MustCompile(`^[\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-]$`),
			rule: "1 to 90 letters, digits, and _ ( ) - . without a period at the end"},
		located: true, required: []string{"location"}, latency: 3 * time.Second,
		compute: func(*World, *Resource) map[string]any {
			return map[string]any{"properties": map[string]any{"provisioningState": "Succeeded"}}
		},
	},
}

// idUnless makes an id of a name, and none while the name is unknown.
func idUnless(name string, id func(string) string) string {
	if name == "" {
		return ""
	}
	return id(name)
}

// provisioned is what most services add once they are done.
func provisioned(*World, *Resource) map[string]any {
	return map[string]any{"provisioningState": "Succeeded"}
}
