// Package pulumitest runs Pulumi programs under mocks and records the resources that they register.
package pulumitest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Resource is one registration.
type Resource struct {
	Type, Name   string
	Parent       string   // URN
	Dependencies []string // URNs
	Protect      bool
	Custom       bool // not a component
	Inputs       resource.PropertyMap
	Aliases      []string // what it was called before: a URN, or a name and the URN of its parent

	IgnoreChanges, ReplaceOnChanges     []string // paths of inputs
	DeleteBeforeReplace, RetainOnDelete bool
}

// URN is the resource's name in the state.
func (r Resource) URN() string {
	parent := resource.URN(r.Parent)
	if r.Parent == "" {
		return r.Type + "::" + r.Name // the stack itself
	}
	return string(resource.NewURN(parent.Stack(), parent.Project(), parent.QualifiedType(), tokens.Type(r.Type), r.Name))
}

// Recorder is a mock of the engine and of Azure.
type Recorder struct {
	mu        sync.Mutex
	resources []Resource
}

// Run runs a program and gives back all that it registered, sorted by URN.
func Run(t *testing.T, stack string, program pulumi.RunFunc) []Resource {
	t.Helper()
	resources, err := TryRun(stack, program)
	if err != nil {
		t.Fatalf("the program failed: %v", err)
	}
	return resources
}

// TryRun is Run for a program that may fail.
func TryRun(stack string, program pulumi.RunFunc) ([]Resource, error) {
	recorder := &Recorder{}
	err := pulumi.RunErr(program, pulumi.WithMocks("project", stack, recorder))
	slices.SortFunc(recorder.resources, func(a, b Resource) int { return strings.Compare(a.URN(), b.URN()) })
	return recorder.resources, err
}

// Call answers the invokes of the program.
func (r *Recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	answers := map[string]map[string]any{
		"azure-native:authorization:getClientConfig": {
			"clientId": "client", "objectId": "object", "tenantId": "tenant",
			"subscriptionId": "00000000-0000-0000-0000-000000000001",
		},
		"azure-native:cache/v20250401:listDatabaseKeys": {"primaryKey": "managed-key", "secondaryKey": "other"},
		"azure-native:cache:listRedisKeys":              {"primaryKey": "classic-key", "secondaryKey": "other"},
		"pulumi:pulumi:readStackOutputs":                {"outputs": map[string]any{}},
	}
	answer, ok := answers[args.Token]
	if !ok {
		return nil, fmt.Errorf("no answer to invoke %s", args.Token)
	}
	return resource.NewPropertyMapFromMap(answer), nil
}

// NewResource records a registration and invents what Azure would compute.
func (r *Recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if slices.Contains(args.RegisterRPC.GetIgnoreChanges(), "secretName") {
		// It ends in six characters that are others in each run. The engine keeps those of the first one.
		args.Inputs = args.Inputs.Copy()
		name := args.Inputs["secretName"].StringValue()
		args.Inputs["secretName"] = resource.NewProperty(name[:len(name)-6] + "random")
	}
	record := Resource{
		Type: args.TypeToken, Name: args.Name, Custom: args.Custom, Inputs: args.Inputs,
		Parent: args.RegisterRPC.GetParent(), Dependencies: args.RegisterRPC.GetDependencies(),
		Protect:       args.RegisterRPC.GetProtect(),
		IgnoreChanges: args.RegisterRPC.GetIgnoreChanges(), ReplaceOnChanges: args.RegisterRPC.GetReplaceOnChanges(),
		DeleteBeforeReplace: args.RegisterRPC.GetDeleteBeforeReplace(), RetainOnDelete: args.RegisterRPC.GetRetainOnDelete(),
	}
	for _, alias := range args.RegisterRPC.GetAliases() {
		name := alias.GetUrn()
		if spec := alias.GetSpec(); spec != nil {
			name = strings.TrimSpace(spec.GetName()+" "+spec.GetType()) + " in " + spec.GetParentUrn()
		}
		record.Aliases = append(record.Aliases, name)
	}
	r.mu.Lock()
	r.resources = append(r.resources, record)
	r.mu.Unlock()

	outputs := args.Inputs.Copy()
	for key, value := range args.Inputs {
		// azure-native takes a name as virtualNetworkName and gives it back as name.
		if name := string(key); strings.HasSuffix(name, "Name") && strings.EqualFold(name, azureNameKey(args.TypeToken)) {
			outputs["name"] = value
		}
	}
	for key, value := range computed(args.TypeToken, args.Name) {
		outputs[resource.PropertyKey(key)] = resource.NewPropertyValue(value)
	}
	return "/id/" + args.Name, outputs, nil
}

// azureNameKey is the input that names a resource of a type.
func azureNameKey(token string) string {
	kind := token[strings.LastIndex(token, ":")+1:]
	irregular := map[string]string{
		"PrivateZone": "privateZoneName", "ManagedEnvironment": "environmentName",
		"UserAssignedIdentity": "resourceName", "RedisEnterprise": "clusterName",
		"AFDEndpoint": "endpointName", "AFDOriginGroup": "originGroupName", "AFDOrigin": "originName",
		"AFDCustomDomain": "customDomainName",
		"AzureCliScript":  "scriptName", "RecordSet": "relativeRecordSetName", "ManagedCluster": "resourceName",
		"StorageAccount": "accountName",
		"BlobContainer":  "containerName", "Component": "resourceName", "Workbook": "resourceName",
		"VirtualMachine": "vmName", "B2CTenant": "resourceName",
	}
	if key, ok := irregular[kind]; ok {
		return key
	}
	return kind + "Name"
}

func computed(token, name string) map[string]any {
	switch token[strings.LastIndex(token, ":")+1:] {
	case "RandomString":
		return map[string]any{"result": "abc123"}
	case "RandomPassword":
		return map[string]any{"result": "random-password"}
	case "UserAssignedIdentity":
		return map[string]any{"principalId": "principal-" + name, "clientId": "client-" + name}
	case "Registry":
		return map[string]any{"loginServer": "registry.azurecr.io"}
	case "Server":
		return map[string]any{"fullyQualifiedDomainName": "db.postgres.database.azure.com"}
	case "RedisEnterprise", "Redis":
		return map[string]any{"hostName": "cache.redis.example"}
	case "PublicIPAddress":
		return map[string]any{"ipAddress": "203.0.113.8"}
	case "ManagedCluster":
		return map[string]any{"oidcIssuerProfile": map[string]any{"issuerURL": "https://issuer.example/"}}
	case "ManagedEnvironment":
		return map[string]any{"staticIp": "203.0.113.7"}
	case "ContainerApp":
		return map[string]any{
			"configuration": map[string]any{"ingress": map[string]any{"fqdn": "edge.example.azurecontainerapps.io"}}}
	case "Profile":
		return map[string]any{"frontDoorId": "11111111-2222-3333-4444-555555555555"}
	case "AFDEndpoint":
		return map[string]any{"hostName": "amora.azurefd.example"}
	case "AFDCustomDomain":
		return map[string]any{"validationProperties": map[string]any{"validationToken": "token"}}
	case "Component":
		return map[string]any{"connectionString": "InstrumentationKey=insights-key"}
	case "Zone":
		return map[string]any{"nameServers": []any{"ns1.example", "ns2.example"}}
	}
	return nil
}
