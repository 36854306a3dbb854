package arm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// What stands for where a template is deployed: texts that keep to the rules for such values.
const (
	group  = "zqx-name" // of the resource group, and the prefix of names
	domain = "zqx.domain.example"
	suffix = "zqxsfx"
	tenant = "00000000-0000-0000-0000-00000000a201"
)

// computed are the outputs of Azure that the program uses, by type without API version: azure-native's path, and the
// one of Azure Resource Manager.
var computed = map[string]map[string]string{
	"app:ContainerApp":       {"configuration.ingress.fqdn": "configuration.ingress.fqdn"},
	"app:ManagedEnvironment": {"staticIp": "staticIp"},
	"cache:Redis":            {"hostName": "hostName"},
	"cache:RedisEnterprise":  {"hostName": "hostName"},
	"cdn:AFDCustomDomain": {
		"validationProperties.validationToken": "validationProperties.validationToken"},
	"cdn:AFDEndpoint":                      {"hostName": "hostName"},
	"cdn:Profile":                          {"frontDoorId": "frontDoorId"},
	"containerregistry:Registry":           {"loginServer": "loginServer"},
	"dbforpostgresql:Server":               {"fullyQualifiedDomainName": "fullyQualifiedDomainName"},
	"insights:Component":                   {"connectionString": "ConnectionString"},
	"keyvault:Secret":                      {"properties.secretUriWithVersion": "secretUriWithVersion"},
	"managedidentity:UserAssignedIdentity": {"principalId": "principalId", "clientId": "clientId"},
}

// registered is a resource that the program asked for.
type registered struct {
	logical, token, name, version string // name: of the type, without API version
	id, armType                   string
	parts                         []string // inputs that only make up the id
	inputs                        map[string]any
	needs                         []string // logical names
}

// recorder is what the program takes for the engine and for Azure.
type recorder struct {
	words
	mu        sync.Mutex
	resources []*registered
	secrets   []string // parameters that hold the program's random passwords
	errors    []error
}

func newRecorder() *recorder {
	r := &recorder{words: words{expressions: map[string]string{}}}
	r.put(standin.SubscriptionID, "subscription().subscriptionId")
	r.put(tenant, "subscription().tenantId")
	r.put(group, "parameters('name')")
	r.put(strings.ReplaceAll(group, "-", ""), "replace(parameters('name'), '-', '')")
	r.put(domain, "parameters('domain')")
	r.put(strings.ReplaceAll(domain, ".", "-"), "replace(parameters('domain'), '.', '-')")
	r.put(suffix, "variables('suffix')")
	return r
}

// Call answers what the program asks Azure for.
func (r *recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	in := plain(resource.NewProperty(args.Args)).(map[string]any)
	keys := func(token, path string, names ...string) (resource.PropertyMap, error) {
		id, version, err := r.target(token, path, in, names)
		if err != nil {
			return nil, err
		}
		key := r.stand(fmt.Sprintf("listKeys(%s, '%s').primaryKey", id, version))
		return resource.NewPropertyMapFromMap(map[string]any{"primaryKey": key, "secondaryKey": key}), nil
	}
	switch _, name, _ := strings.Cut(args.Token, ":"); {
	case name == "authorization:getClientConfig":
		return resource.NewPropertyMapFromMap(map[string]any{
			"subscriptionId": standin.SubscriptionID, "tenantId": tenant, "clientId": "", "objectId": "",
		}), nil
	case strings.HasSuffix(name, ":listDatabaseKeys"):
		return keys("azure-native:cache/v20250401:Database", "Microsoft.Cache/redisEnterprise/databases", "clusterName",
			"databaseName")
	case name == "cache:listRedisKeys":
		return keys("azure-native:cache:Redis", "Microsoft.Cache/redis", "name")
	case name == "pulumi:readStackOutputs":
		return resource.NewPropertyMapFromMap(map[string]any{"outputs": map[string]any{}}), nil
	}
	return nil, fmt.Errorf("the template has no word for %s", args.Token)
}

// target is the expression of a resource's id, by the arguments that name it, and its API version.
func (r *recorder) target(token, armType string, in map[string]any, names []string) (expression, version string,
	err error) {
	if _, version, err = typed(token); err != nil {
		return "", "", err
	}
	arguments := []string{quoted(armType)}
	for _, name := range names {
		arguments = append(arguments, r.expression(in[name].(string)))
	}
	return "resourceId(" + strings.Join(arguments, ", ") + ")", version, nil
}

// NewResource records a resource, and gives back words for what Azure would compute.
func (r *recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	inputs := plain(resource.NewProperty(args.Inputs)).(map[string]any)
	switch {
	case !args.Custom || strings.HasPrefix(args.TypeToken, "pulumi:"):
		return args.Name, args.Inputs, nil
	case args.TypeToken == "random:index/randomString:RandomString":
		inputs["result"] = suffix
	case args.TypeToken == "random:index/randomPassword:RandomPassword":
		parameter := camel(args.Name)
		r.mu.Lock()
		r.secrets = append(r.secrets, parameter)
		r.mu.Unlock()
		password := r.stand("parameters('" + parameter + "')")
		// Another password has another role, here as in the program: nodes that have the one before go on with theirs.
		r.put(assets.BrokerRole("mqtt_broker", password),
			"format('mqtt_broker_{0}', take(uniqueString(parameters('"+parameter+"')), 8))")
		inputs["result"] = password
	default:
		id, err := r.record(args, inputs)
		return id, resource.NewPropertyMapFromMap(inputs), err
	}
	return args.Name, resource.NewPropertyMapFromMap(inputs), nil
}

// record keeps a resource of Azure, and adds to its inputs what Azure would.
func (r *recorder) record(args pulumi.MockResourceArgs, inputs map[string]any) (string, error) {
	if slices.Contains(args.RegisterRPC.GetIgnoreChanges(), "secretName") {
		// It ends in six characters that are others in each run. They keep apart what a stack puts into its vault one
		// after the other.
		name := inputs["secretName"].(string)
		inputs["secretName"] = name[:len(name)-7]
	}
	name, version, err := typed(args.TypeToken)
	if err != nil {
		return "", err
	}
	id, armType, parts, err := standin.Identify(args.TypeToken, inputs)
	if err != nil {
		return "", err
	}
	kept := &registered{logical: args.Name, token: args.TypeToken, name: name, version: version, id: id,
		armType: armType, parts: parts, inputs: clone(inputs)}
	for _, urn := range args.RegisterRPC.GetDependencies() {
		kept.needs = append(kept.needs, urn[strings.LastIndex(urn, "::")+2:])
	}
	expression, err := r.idExpression(kept)
	if err != nil {
		return "", err
	}
	r.put(id, expression)
	for ours, theirs := range computed[name] {
		set(inputs, strings.Split(ours, "."), r.stand(fmt.Sprintf("reference(%s, '%s').%s", expression, version, theirs)))
	}
	inputs["name"] = id[strings.LastIndex(id, "/")+1:]
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resources = append(r.resources, kept)
	return id, nil
}

// idExpression is how a template says the id of a resource in its own resource group.
func (r *recorder) idExpression(of *registered) (string, error) {
	if of.name == "resources:ResourceGroup" {
		return "resourceGroup().id", nil
	}
	if shapes[of.name].scoped != "" {
		return "", nil // nothing refers to it
	}
	names, err := of.names()
	if err != nil {
		return "", err
	}
	arguments := []string{quoted(of.armType)}
	for _, name := range names {
		arguments = append(arguments, r.expression(name))
	}
	return "resourceId(" + strings.Join(arguments, ", ") + ")", nil
}

// names are the names in an id, outermost first.
func (of *registered) names() ([]string, error) {
	path, ok := strings.CutPrefix(of.id, "/subscriptions/"+standin.SubscriptionID+"/resourceGroups/"+group+"/providers/")
	if !ok {
		return nil, fmt.Errorf(
			"%s is outside of the stack's resource group, which a template of that group can't reach: %s", of.logical, of.id)
	}
	segments := strings.Split(path, "/")
	var names []string
	for i := 2; i < len(segments); i += 2 {
		names = append(names, segments[i])
	}
	return names, nil
}

// run has the program ask for its resources.
func (r *recorder) run(program pulumi.RunFunc, stack string) error {
	err := pulumi.RunErr(program, pulumi.WithMocks("amora-sync", stack, r))
	slices.SortFunc(r.resources, func(a, b *registered) int { return strings.Compare(a.logical, b.logical) })
	slices.Sort(r.secrets)
	return errors.Join(append(r.errors, err)...)
}

// plain gives a value as JSON has it, secrets among it: a template takes them as parameters.
func plain(v resource.PropertyValue) any {
	var unwrap func(resource.PropertyValue) (any, bool)
	unwrap = func(v resource.PropertyValue) (any, bool) {
		switch {
		case v.IsSecret():
			return v.SecretValue().Element.MapRepl(nil, unwrap), true
		case v.IsOutput():
			return v.OutputValue().Element.MapRepl(nil, unwrap), true
		}
		return nil, false
	}
	return v.MapRepl(nil, unwrap)
}

func clone(value map[string]any) map[string]any { return copied(value).(map[string]any) }

func copied(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, e := range v {
			out[key] = copied(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = copied(e)
		}
		return out
	}
	return value
}

func set(in map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := in[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			in[name] = inner
		}
		in = inner
	}
	in[path[len(path)-1]] = value
}

// camel turns a logical name such as database-admin-password into databaseAdminPassword.
func camel(name string) string {
	words := strings.Split(name, "-")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
