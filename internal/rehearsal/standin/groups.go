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
		naming:   naming{pattern: regexp.MustCompile(`^[\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-]$`), rule: "1 to 90 letters, digits, and _ ( ) - . without a period at the end"},
		located:  true, required: []string{"location"}, latency: 3 * time.Second,
		compute: func(*World, *Resource) map[string]any {
			return map[string]any{"properties": map[string]any{"provisioningState": "Succeeded"}}
		},
	},
	{
		token: "authorization:ManagementLockByScope", arm: "Microsoft.Authorization/locks",
		path:     []string{"scope", "lockName"},
		identify: lockID(func(in props) string { return in.str("scope") }),
		required: []string{"level"}, enums: map[string][]string{"level": {"CanNotDelete", "ReadOnly"}}, latency: 5 * time.Second,
	},
	{
		token: "authorization:ManagementLockAtResourceGroupLevel", arm: "Microsoft.Authorization/locks",
		path:     []string{"resourceGroupName", "lockName"},
		identify: lockID(func(in props) string { return idUnless(in.str("resourceGroupName"), groupID) }),
		required: []string{"level"}, enums: map[string][]string{"level": {"CanNotDelete", "ReadOnly"}}, latency: 5 * time.Second,
		admit: func(w *World, r, _ *Resource) error {
			if group := groupOf(r.ID); !w.exists(group) {
				return refusal("ResourceGroupNotFound", "Resource group '%s' could not be found.", lastSegment(group))
			}
			return nil
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

func lockID(scope func(props) string) func(props) string {
	return func(in props) string {
		if scope(in) == "" || in.str("lockName") == "" {
			return ""
		}
		return scope(in) + "/providers/Microsoft.Authorization/locks/" + in.str("lockName")
	}
}

// provisioned is what most services add once they are done.
func provisioned(*World, *Resource) map[string]any {
	return map[string]any{"provisioningState": "Succeeded"}
}
