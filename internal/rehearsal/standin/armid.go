package standin

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
)

// SubscriptionID is the Azure subscription that everything is rehearsed in.
const SubscriptionID = "00000000-0000-0000-0000-000000000001"

// Who the rehearsal is signed in as, and where.
const (
	tenantID = "00000000-0000-0000-0000-000000000002"
	clientID = "00000000-0000-0000-0000-000000000003"
	objectID = "00000000-0000-0000-0000-000000000004"
)

const subscriptionScope = "/subscriptions/" + SubscriptionID

var armIDPattern = regexp.MustCompile(`(?i)^/subscriptions/[^/\s]+(/[^/\s]+)*$`)

func isARMID(s string) bool { return armIDPattern.MatchString(s) }

// fold makes ids comparable: Azure's are the same in any case.
func fold(id string) string { return strings.ToLower(strings.TrimRight(id, "/")) }

func groupID(group string) string { return subscriptionScope + "/resourceGroups/" + group }

func lastSegment(id string) string { return id[strings.LastIndex(id, "/")+1:] }

// parentID is the id of the resource that a child resource is in, and "" for one that is directly in a group or at a
// scope.
func parentID(id string) string {
	at := strings.LastIndex(fold(id), "/providers/")
	if at < 0 || strings.Count(id[at:], "/") < 6 {
		return ""
	}
	for range 2 {
		id = id[:strings.LastIndex(id, "/")]
	}
	return id
}

// groupOf is the id of the resource group that an id is in, or "".
func groupOf(id string) string {
	segments := strings.Split(id, "/")
	if len(segments) < 5 || !strings.EqualFold(segments[3], "resourceGroups") {
		return ""
	}
	return strings.Join(segments[:5], "/")
}

// typeOf is the ARM type in an id, such as "Microsoft.Network/virtualNetworks/subnets".
func typeOf(id string) string {
	at := strings.LastIndex(fold(id), "/providers/")
	if at < 0 {
		if groupOf(id) != "" {
			return "Microsoft.Resources/resourceGroups"
		}
		return "Microsoft.Resources/subscriptions"
	}
	segments := strings.Split(id[at+len("/providers/"):], "/")
	name := segments[0]
	for i := 1; i < len(segments); i += 2 {
		name += "/" + segments[i]
	}
	return name
}

func within(id, scope string) bool {
	id, scope = fold(id), fold(scope)
	return id == scope || strings.HasPrefix(id, scope+"/")
}

// digest gives Azure's invented values (principal ids, domains, keys) a value that stays the same for one id.
func digest(parts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.ToLower(strings.Join(parts, "|")))))
}

func guid(parts ...string) string {
	d := digest(parts...)
	return d[:8] + "-" + d[8:12] + "-4" + d[13:16] + "-8" + d[17:20] + "-" + d[20:32]
}

// Identify gives the id that a resource of a Pulumi type has with these inputs, its ARM type, and the inputs that only
// make up the id.
func Identify(token string, inputs map[string]any) (id, armType string, parts []string, err error) {
	k, err := kindOf(token)
	if err != nil {
		return "", "", nil, err
	}
	id = k.id(inputs)
	return id, typeOf(id), k.idProperties(), nil
}
