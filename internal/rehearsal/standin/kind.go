package standin

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/azurenative"
)

// kind is all that the stand-in knows about one resource type. A new type is one more entry in a table of kinds.
type kind struct {
	token string // without API version and provider, such as "network:Subnet"
	arm   string // ARM type, such as "Microsoft.Network/virtualNetworks/subnets"

	// path holds the input properties that make the id, outermost first; the last one is the name of the resource itself.
	// "=x" stands for the constant x.
	path    []string
	naming  naming
	global  bool // the name is taken for all of Azure
	located bool // has a location, by default the one of its group

	required []string // besides path and resourceGroupName
	// what Azure can't change: an edit replaces the resource. path, resourceGroupName and location always are
	fixed []string
	// what Azure can't change either, but azure-native does not know: it tries, and Azure refuses
	refused   []string
	enums     map[string][]string // by path of the property
	echoed    []string            // what of path Azure gives back
	unechoed  []string            // inputs that Azure keeps and does not give back with the rest
	writeOnly []string            // what Azure never gives back; "[]" stands for every element of a list

	latency  time.Duration // to create one, typically
	observes bool          // what it names is watched and not used, so that it can be deleted all the same
	scope    string        // the input that names what it is at, which has to be there

	dataPlane bool // azure-native deletes it past Azure Resource Manager, whose locks do not reach so far

	identify func(in props) (id string)                 // instead of path
	alone    func(id string) string                     // id of what takes one change at a time
	check    func(in props) []fault                     // what can be told before Azure is asked
	admit    func(w *World, r, old *Resource) error     // Azure's refusals of a creation (old is nil) or an update
	compute  func(w *World, r *Resource) map[string]any // outputs that Azure adds
	brings   func(w *World, r *Resource) []*Resource    // what Azure makes along with a new one
	volatile []string                                   // outputs that an update changes
	release  func(w *World, r *Resource) error          // Azure's refusals of a deletion
	takes    func(w *World, r *Resource) []*Resource    // what is elsewhere and goes along with a deleted one
	leaves   func(w *World, r *Resource) []*Resource    // what a deleted one was the only sign of, and stays
	echoes   []echo                                     // inputs in which Azure lists resources of their own as well
	keepName bool                                       // a deleted one is soft-deleted and keeps its name
	taken    func(id string, softDeleted bool) error    // refusal of a name that is taken, when global or keepName
}

// naming is the rule for a resource's name.
type naming struct {
	pattern *regexp.Regexp
	rule    string // in words
	auto    string // what azure-native calls a resource without a name: autoRandom, autoCopy or autoGUID
}

const (
	autoRandom = ""     // the logical name and eight hexadecimal digits
	autoCopy   = "copy" // the logical name, as for what is inside another resource
	autoGUID   = "guid"
)

// fault is what is wrong with one input property.
type fault struct{ property, reason string }

// kinds is every resource type, by token without API version; kindsByARM by ARM type in lower case. Neither is written
// to again.
var kinds, kindsByARM map[string]*kind

// The rules of the kinds look other kinds up, which Go allows only once the tables are there.
func init() {
	kinds, kindsByARM = tables(groupKinds, lockKinds, networkKinds, dnsKinds, postgresKinds, cacheKinds, vaultKinds,
		registryKinds, identityKinds,
		appKinds, edgeKinds, storageKinds, kubernetesKinds, gatewayKinds, privateLinkKinds, computeKinds,
		loadBalancerKinds, bastionKinds,
		monitorKinds, alertKinds, collectionKinds, diagnosticKinds, directoryKinds, backupKinds, trafficManagerKinds,
		peeringKinds, replicationKinds)
}

func tables(areas ...[]*kind) (byToken, byARM map[string]*kind) {
	byToken, byARM = map[string]*kind{}, map[string]*kind{}
	for _, k := range slices.Concat(areas...) {
		byToken["azure-native:"+k.token] = k
		byARM[strings.ToLower(k.arm)] = k
	}
	return byToken, byARM
}

func unversioned(token string) string { return azurenative.Unversioned(token) }

func kindOf(token string) (*kind, error) {
	if k := kinds[unversioned(token)]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf(
		"the rehearsal does not know the resource type %s: add it to a table of kinds in the package standin", token)
}

// RefusedChanges are the inputs of a Pulumi type that Azure does not change, though azure-native would try: a program
// has to say that such a change is a replacement.
func RefusedChanges(token string) []string {
	if k := kinds[unversioned(token)]; k != nil {
		return slices.Clone(k.refused)
	}
	return nil
}

// Latency is how long Azure typically takes to create a resource of a Pulumi type. It is zero for types that Azure has
// no part in.
func Latency(token string) time.Duration {
	if k := kinds[unversioned(token)]; k != nil {
		return k.latency
	}
	return 0
}

func (k *kind) nameProperty() string { return k.path[len(k.path)-1] }

func (k *kind) inGroup() bool { return k.identify == nil }

// idProperties are the inputs that only say where a resource is: Azure does not give them back.
func (k *kind) idProperties() []string {
	properties := slices.DeleteFunc(slices.Clone(k.path), func(p string) bool { return strings.HasPrefix(p, "=") })
	if k.inGroup() {
		return append([]string{"resourceGroupName"}, properties...)
	}
	return properties
}

// id is the ARM id that a resource with these inputs has, or "" while a part of it is unknown.
func (k *kind) id(in props) string {
	if k.identify != nil {
		return k.identify(in)
	}
	types := strings.Split(k.arm, "/")
	id := groupID(in.str("resourceGroupName")) + "/providers/" + types[0]
	for i, property := range k.path {
		name, constant := strings.CutPrefix(property, "=")
		if !constant {
			name = in.str(property)
		}
		if name == "" {
			return ""
		}
		id += "/" + types[i+1] + "/" + name
	}
	if in.str("resourceGroupName") == "" {
		return ""
	}
	return id
}

// outputs are what Azure gives back for a resource.
func (k *kind) outputs(w *World, r *Resource) map[string]any {
	out := clone(r.Inputs)
	for _, property := range k.idProperties() {
		if !slices.Contains(k.echoed, property) {
			delete(out, property)
		}
	}
	for _, path := range slices.Concat(k.writeOnly, k.unechoed) {
		change(out, path, func(any) any { return nil })
	}
	echoIdentities(w, out)
	merge(out, k.added(w, r))
	return out
}

// added are the outputs that are not just inputs given back.
func (k *kind) added(w *World, r *Resource) map[string]any {
	out := map[string]any{"name": lastSegment(r.ID), "type": k.arm}
	if k.located {
		out["location"] = locationOf(w, r)
	}
	if k.compute != nil {
		merge(out, k.compute(w, r))
	}
	return out
}

// locationOf is where a resource is, as Azure writes it: "West Europe" is westeurope.
func locationOf(w *World, r *Resource) string {
	location := r.in().str("location")
	if location == "" {
		location = w.find(groupOf(r.ID)).out().str("location")
	}
	return strings.ToLower(strings.ReplaceAll(location, " ", ""))
}

// echoIdentities turns the list of identities that a program gives into the map that Azure gives back.
func echoIdentities(w *World, out props) {
	identity, _ := out["identity"].(map[string]any)
	list, isList := identity["userAssignedIdentities"].([]any)
	if !isList {
		return
	}
	byID := map[string]any{}
	for _, e := range list {
		if id, ok := e.(string); ok {
			known := w.find(id).out()
			byID[id] = map[string]any{"principalId": known.str("principalId"), "clientId": known.str("clientId")}
		}
	}
	identity["userAssignedIdentities"] = byID
}

// isFixed tells whether a change at a path replaces the resource: the path, a part of it, or what it is a part of is
// create-only.
func (k *kind) isFixed(path string) bool {
	fixed := append(k.idProperties(), k.fixed...)
	if k.located {
		fixed = append(fixed, "location")
	}
	return slices.ContainsFunc(fixed, func(f string) bool {
		return f == "*" || path == f || strings.HasPrefix(path, f+".") || strings.HasPrefix(path, f+"[") ||
			strings.HasPrefix(f, path+".")
	})
}

// faults are what can be told about inputs before Azure is asked. Unknown values pass.
func (k *kind) faults(in props) []fault {
	var faults []fault
	required := append(k.idProperties(), k.required...)
	for _, property := range required {
		if !in.has(property) {
			faults = append(faults, fault{property, fmt.Sprintf("missing required property '%s'", property)})
		}
	}
	name := in.str(k.nameProperty())
	if name != "" && k.naming.pattern != nil && !k.naming.pattern.MatchString(name) {
		faults = append(faults, fault{k.nameProperty(), fmt.Sprintf("'%s' is no valid name: %s", name, k.naming.rule)})
	}
	for _, path := range slices.Sorted(maps.Keys(k.enums)) {
		value := in.str(path)
		if value != "" && !slices.ContainsFunc(k.enums[path],
			func(allowed string) bool { return strings.EqualFold(allowed, value) }) {
			faults = append(faults, fault{path, fmt.Sprintf("'%s' is not one of %s", value, strings.Join(k.enums[path], ", "))})
		}
	}
	faults = append(faults, k.checkTags(in)...)
	if k.check != nil {
		faults = append(faults, k.check(in)...)
	}
	return faults
}
