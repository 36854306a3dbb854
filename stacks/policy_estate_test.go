package stacks

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/amora-sync/mqtt-on-azure/internal/azurenative"
	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

// estate is what a rule looks at: all resources of one deployment.
type estate []node

// node is a resource with its inputs as plain values.
type node struct {
	pulumitest.Resource
	kind string         // "keyvault:Vault": module and type, without the API's version
	id   string         // ARM id, as the mocks give it
	in   map[string]any // inputs without wrappers
}

func newEstate(resources []pulumitest.Resource) estate {
	e := make(estate, 0, len(resources))
	for _, r := range resources {
		e = append(e, node{r, azurenative.Kind(r.Type), "/id/" + r.Name, plainInputs(r)})
	}
	return e
}

// all are the resources of some kinds.
func (e estate) all(kinds ...string) []node {
	var found []node
	for _, n := range e {
		if slices.Contains(kinds, n.kind) {
			found = append(found, n)
		}
	}
	return found
}

// azure are the resources that Azure has, without components, providers and what is random.
func (e estate) azure() []node {
	var found []node
	for _, n := range e {
		if strings.HasPrefix(n.Type, "azure-native:") {
			found = append(found, n)
		}
	}
	return found
}

// where says which resources of a kind have a value at a path.
func (e estate) where(kind string, value any, path ...string) []node {
	return slices.DeleteFunc(e.all(kind), func(n node) bool { return n.at(path...) != value })
}

// byID is the resource with an ARM id.
func (e estate) byID(id any) (node, bool) {
	for _, n := range e.azure() {
		if n.id == id {
			return n, true
		}
	}
	return node{}, false
}

// beside are the resources in the region of one. What both regions share is in the first.
func (e estate) beside(n node) estate { return e.in(n.secondary()) }

// in are the resources of the second region, or those of the first.
func (e estate) in(second bool) estate {
	return slices.DeleteFunc(slices.Clone(e), func(n node) bool { return n.secondary() != second })
}

func (n node) secondary() bool { return strings.HasPrefix(n.Name, secondaryPrefix) }

// network is the one in which a subnet is.
func (e estate) network(subnet any) (node, bool) {
	in, known := e.byID(subnet)
	for _, n := range e.where("network:VirtualNetwork", in.text("virtualNetworkName"), "virtualNetworkName") {
		if known && n.text("resourceGroupName") == in.text("resourceGroupName") {
			return n, true
		}
	}
	return node{}, false
}

// replicates says whether a database's server follows another one of the stack. Azure makes no backups of it, and no
// standby, until somebody promotes it (Microsoft's "Read replicas in Azure Database for PostgreSQL").
func (e estate) replicates(server node) bool {
	source, known := e.byID(server.at("sourceServerResourceId"))
	return server.text("createMode") == "Replica" && known && source.kind == "dbforpostgresql:Server"
}

// onReplica names the violations by a server that replicates another one.
func (e estate) onReplica(server node, found []violation) []violation {
	if e.replicates(server) {
		for i := range found {
			found[i] = found[i].on("replica")
		}
	}
	return found
}

func (n node) at(path ...string) any { return at(n.in, path...) }

// text is a string input, "" for none.
func (n node) text(path ...string) string {
	text, _ := n.at(path...).(string)
	return text
}

// number is a numeric input, -1 for none.
func (n node) number(path ...string) float64 {
	if number, ok := n.at(path...).(float64); ok {
		return number
	}
	return -1
}

func (n node) list(path ...string) []map[string]any { return list(n.at(path...)) }

// texts are the strings in a list.
func texts(value any) []string {
	var found []string
	elements, _ := value.([]any)
	for _, e := range elements {
		if text, ok := e.(string); ok {
			found = append(found, text)
		}
	}
	return found
}

// demand gives a violation where something does not hold.
func demand(holds bool, n node, what string, args ...any) []violation {
	if holds {
		return nil
	}
	return []violation{breaks(n, what, args...)}
}

// each checks all resources of a kind.
func each(kind string, check func(estate, node) []violation) func(estate) []violation {
	return func(e estate) []violation {
		var found []violation
		for _, n := range e.all(kind) {
			found = append(found, check(e, n)...)
		}
		return found
	}
}

// both is one check of several.
func both(checks ...func(estate) []violation) func(estate) []violation {
	return func(e estate) []violation {
		var found []violation
		for _, check := range checks {
			found = append(found, check(e)...)
		}
		return found
	}
}

// input is a string somewhere in a resource's inputs. An element of a list goes by the key of the list, and the value
// of {name, value} by its name.
type input struct {
	key, value string
	secret     bool
}

// strings are all of a resource's inputs.
func (n node) strings() []input {
	var found []input
	var visit func(key string, v resource.PropertyValue, secret bool)
	visit = func(key string, v resource.PropertyValue, secret bool) {
		switch {
		case v.IsSecret():
			visit(key, v.SecretValue().Element, true)
		case v.IsOutput():
			visit(key, v.OutputValue().Element, secret || v.OutputValue().Secret)
		case v.IsArray():
			for _, element := range v.ArrayValue() {
				visit(key, element, secret)
			}
		case v.IsObject():
			for k, element := range v.ObjectValue() {
				inner := string(k)
				if name := bare(v.ObjectValue()["name"]); k == "value" && name.IsString() {
					inner = name.StringValue()
				}
				visit(inner, element, secret)
			}
		case v.IsString():
			found = append(found, input{key, v.StringValue(), secret})
		case v.IsAsset():
			found = append(found, input{key, v.AssetValue().Text, secret})
		}
	}
	visit("", resource.NewObjectProperty(n.Inputs), false)
	return found
}

// file is the text of a file that the deployment uploads, "" for none.
func (e estate) file(name string) string {
	for _, n := range e.where("storage:Blob", name, "blobName") {
		return n.text("source")
	}
	return ""
}

// securityRule is a rule of a network security group.
type securityRule struct {
	group            node
	name             string
	access           string
	inbound          bool
	priority         float64
	protocol         string
	sources, targets []string
	ports            []string // "*", "443" or "30000-32767"
}

// securityRules are those of a group, the first to be looked at first.
func securityRules(group node) []securityRule {
	either := func(r map[string]any, one, many string) []string {
		if text, ok := r[one].(string); ok && text != "" {
			return append(texts(r[many]), text)
		}
		return texts(r[many])
	}
	var rules []securityRule
	for _, r := range group.list("securityRules") {
		rule := securityRule{group: group, inbound: r["direction"] == "Inbound"}
		rule.name, _ = r["name"].(string)
		rule.access, _ = r["access"].(string)
		rule.protocol, _ = r["protocol"].(string)
		rule.priority, _ = r["priority"].(float64)
		rule.sources = either(r, "sourceAddressPrefix", "sourceAddressPrefixes")
		rule.targets = either(r, "destinationAddressPrefix", "destinationAddressPrefixes")
		rule.ports = either(r, "destinationPortRange", "destinationPortRanges")
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b securityRule) int { return int(a.priority - b.priority) })
	return rules
}

// outside says whether a source of a security rule is beyond the network. AzureLoadBalancer is not: it stands for the
// address from which Azure's health probes come, and clients keep theirs.
func outside(source string) bool {
	if source == "AzureLoadBalancer" || source == "VirtualNetwork" {
		return false
	}
	if prefix, err := netip.ParsePrefix(source); err == nil {
		return !prefix.Addr().IsPrivate()
	}
	address, err := netip.ParseAddr(source)
	return err != nil || !address.IsPrivate()
}

// tier is what people call the subnet of a security group.
func (e estate) tier(group node) string {
	for _, subnet := range e.where("network:Subnet", group.id, "networkSecurityGroup", "id") {
		return subnet.text("subnetName")
	}
	return group.Name
}
