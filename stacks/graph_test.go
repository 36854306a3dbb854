package stacks

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

var update = flag.Bool("update", false, "write the golden graphs anew; read the difference before committing it")

// stackConfig is the config that the repository ships for a stack.
func stackConfig(t *testing.T, stack string) map[string]string {
	t.Helper()
	project, err := workspace.LoadProject(filepath.Join("..", "Pulumi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := workspace.LoadProjectStack(nil, project, filepath.Join("..", "Pulumi."+stack+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	values, err := file.Config.Decrypt(config.NopDecrypter)
	if err != nil {
		t.Fatal(err)
	}
	raw := map[string]string{}
	for key, value := range values {
		raw[key.String()] = value
	}
	return raw
}

func deployed(t *testing.T, stack string, changes map[string]string) []pulumitest.Resource {
	t.Helper()
	raw := stackConfig(t, stack)
	for key, value := range changes {
		raw[namespace+key] = value
	}
	return pulumitest.Run(t, stack, Program(raw))
}

// deployments are the shipped stacks with each broker.
var deployments = map[string]struct {
	stack   string
	changes map[string]string
}{
	"dev":        {"dev", nil},
	"prod":       {"prod", nil},
	"dev-hivemq": {"dev", map[string]string{"broker": HiveMQAKS}},
	"prod-hivemq": {"prod",
		map[string]string{"broker": HiveMQAKS,
			"hivemq": `{"licence":"dGhlLWxpY2VuY2U=","securityLicence":"dGhlLW90aGVyLWxpY2VuY2U="}`}},
	"dev-vernemq": {"dev", map[string]string{"broker": VerneMQVMs, "vernemq": `{"sshKey":"` + sshKey + `"}`}},
	"prod-vernemq": {"prod",
		map[string]string{"broker": VerneMQVMs, "vernemq": `{"sshKey":"` + sshKey + `","bastion":true}`}},
	"prod-hivemq-backup": {"prod", map[string]string{"broker": HiveMQAKS, "availability": backedUp,
		"hivemq": `{"licence":"dGhlLWxpY2VuY2U=","securityLicence":"dGhlLW90aGVyLWxpY2VuY2U="}`}},
	"prod-vernemq-backup": {"prod", map[string]string{"broker": VerneMQVMs, "availability": backedUp,
		"vernemq": `{"sshKey":"` + sshKey + `"}`}},
}

const backedUp = `{"zones":[1,2,3],"databaseHA":true,"backupRetentionDays":14,"diskBackup":true}`

// inTwoRegions are shipped stacks with a second region.
var inTwoRegions = map[string]map[string]string{
	"prod-regions": {"availability": besideEurope},
	"prod-hivemq-regions": {"broker": HiveMQAKS, "availability": besideEurope,
		"hivemq": `{"licence":"dGhlLWxpY2VuY2U="}`},
	"prod-vernemq-regions": {"broker": VerneMQVMs, "availability": besideEurope},
}

const besideEurope = `{"zones":[1,2,3],"databaseHA":true,"backupRetentionDays":14,"secondaryLocation":"northeurope"}`

const sshKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f operator@example.com"

// deployment is one of deployments.
func deployment(t *testing.T, name string) []pulumitest.Resource {
	t.Helper()
	return deployed(t, deployments[name].stack, deployments[name].changes)
}

func TestTheResourcesOfEachShippedStackAreTheReviewedOnes(t *testing.T) {
	for name := range deployments {
		t.Run(name, func(t *testing.T) { reviewed(t, name, deployment(t, name)) })
	}
	for name, changes := range inTwoRegions {
		t.Run(name, func(t *testing.T) { reviewed(t, name, deployed(t, "prod", changes)) })
	}
}

// reviewed compares resources with the golden graph of that name.
func reviewed(t *testing.T, name string, resources []pulumitest.Resource) {
	t.Helper()
	got := pulumitest.Graph(resources)
	golden := filepath.Join("testdata", name+".graph")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the graph differs from %s; run make generate, and read the difference:\n%s", golden, got)
	}
}

func TestEveryResourceDescendsFromAComponentAndIsNamedAfterIt(t *testing.T) {
	for name := range deployments {
		for _, r := range deployment(t, name) {
			if !r.Custom || r.Type == "pulumi:pulumi:Stack" || strings.HasPrefix(r.Type, "pulumi:providers:") {
				continue
			}
			component := r.Parent[strings.LastIndex(r.Parent, "::")+2:]
			if !strings.Contains(r.Parent, "::amora:") {
				t.Errorf("%s has the parent %q, which is no component", r.Name, r.Parent)
			}
			if !strings.HasPrefix(r.Name, component+"-") {
				t.Errorf("%s is not named after its component %s", r.Name, component)
			}
		}
	}
}

func TestNoTwoResourcesShareAURN(t *testing.T) {
	for name := range deployments {
		seen := map[string]bool{}
		for _, r := range deployment(t, name) {
			if seen[r.URN()] {
				t.Errorf("%s is registered twice", r.URN())
			}
			seen[r.URN()] = true
		}
	}
}

// untagged are the types that Azure gives no tags.
var untagged = []string{
	"Subnet", "PrivateDnsZoneGroup", "RecordSet", "Configuration", "Database", "RoleAssignment", "AFDOriginGroup",
	"AFDOrigin", "AFDCustomDomain", "Route", "SecurityPolicy",
	"MaintenanceConfiguration", "FederatedIdentityCredential", "BlobContainer", "Blob", "BlobServiceProperties",
	"ManagementPolicy", "ProtectedItem", "ProtectionPolicy", "Extension", "FluxConfiguration",
	"DiagnosticSetting", "DataCollectionRuleAssociation", "ManagementLockByScope",
}

func TestEverythingThatTakesTagsCarriesThem(t *testing.T) {
	all := maps.Clone(inTwoRegions)
	for name, d := range deployments {
		if d.stack == "prod" {
			all[name] = d.changes
		}
	}
	for name, changes := range all {
		tagged := map[string]string{"tags": `{"owner":"iot"}`}
		maps.Copy(tagged, changes)
		for _, n := range newEstate(deployed(t, "prod", tagged)).azure() {
			if takesNoTags(n.kind) {
				if n.at("tags") != nil {
					t.Errorf("%s: %s carries tags, and %s takes none", name, n.Name, n.kind)
				}
				continue
			}
			if n.text("tags", "owner") != "iot" || n.text("tags", "stack") != "prod" {
				t.Errorf("%s: %s (%s) carries the tags %v", name, n.Name, n.kind, n.at("tags"))
			}
		}
	}
}

func TestATagIsLeftOutWhereAzureTakesNoSuchName(t *testing.T) {
	minding := []string{"network:Zone", "network:PrivateZone", "network:VirtualNetworkLink", "network:Profile"}
	found := map[string]bool{}
	tagged := map[string]string{"tags": `{"Cost Center":"4711","owner":"iot"}`}
	for _, changes := range inTwoRegions {
		config := maps.Clone(changes)
		maps.Copy(config, tagged)
		for _, n := range newEstate(deployed(t, "prod", config)).azure() {
			if takesNoTags(n.kind) {
				continue
			}
			minds := slices.Contains(minding, n.kind)
			found[n.kind] = true
			if has := n.text("tags", "Cost Center") == "4711"; has == minds || n.text("tags", "owner") != "iot" {
				t.Errorf("%s (%s) has the tags %v", n.Name, n.kind, n.at("tags"))
			}
		}
	}
	for _, kind := range minding {
		if !found[kind] {
			t.Errorf("no stack has a %s", kind)
		}
	}
}

func takesNoTags(kind string) bool {
	return slices.Contains(untagged, kind[strings.LastIndex(kind, ":")+1:]) ||
		slices.Contains(untaggedBetweenRegions, kind)
}

func TestEveryPasswordIsASecretInput(t *testing.T) {
	planted := []string{"random-password", "insights-key", "managed-key", "the-licence", "dGhlLWxpY2VuY2U=",
		"dGhlLW90aGVyLWxpY2VuY2U="}
	resources := append(deployment(t, "prod-hivemq"),
		deployed(t, "prod", map[string]string{
			"emqx": `{"image":"docker.io/emqx/emqx-enterprise:5.10.0","licence":"the-licence"}`})...)
	found := map[string]int{}
	for _, r := range resources {
		walk(resource.NewObjectProperty(r.Inputs), false, func(v string, secret bool) {
			for _, p := range planted {
				if strings.Contains(v, p) {
					found[p]++
					if !secret {
						t.Errorf("%s (%s) has %s in the clear", r.Name, r.Type, p)
					}
				}
			}
		})
	}
	for _, p := range planted {
		if found[p] == 0 {
			t.Errorf("%s was seen nowhere: the test looks at nothing", p)
		}
	}
}

// walk visits every string of a value, and whether a secret encloses it.
func walk(v resource.PropertyValue, secret bool, visit func(string, bool)) {
	switch {
	case v.IsSecret():
		walk(v.SecretValue().Element, true, visit)
	case v.IsOutput():
		walk(v.OutputValue().Element, secret || v.OutputValue().Secret, visit)
	case v.IsString():
		visit(v.StringValue(), secret)
	case v.IsAsset():
		visit(v.AssetValue().Text, secret)
	case v.IsArray():
		for _, e := range v.ArrayValue() {
			walk(e, secret, visit)
		}
	case v.IsObject():
		for _, e := range v.ObjectValue() {
			walk(e, secret, visit)
		}
	}
}

func TestABadConfigRegistersNothing(t *testing.T) {
	raw := stackConfig(t, "dev")
	raw["amora-sync:capacity"] = `{"minNodes":11}`
	resources, err := pulumitest.TryRun("dev", Program(raw))
	if err == nil || !strings.Contains(err.Error(), "must be 2 to 10") {
		t.Errorf("the error is %v", err)
	}
	for _, r := range resources {
		if r.Type != "pulumi:pulumi:Stack" {
			t.Errorf("%s was registered", r.URN())
		}
	}
}

// countsNodes says whether a resource knows how many nodes there are: what reads their metrics, and what compares those
// with the plan.
func countsNodes(name string) bool {
	return name == "emqx-collector" || strings.HasPrefix(name, "on-call-")
}

func TestOneMoreNodeAddsItsAppAndChangesNothingThatServesClients(t *testing.T) {
	before := map[string]string{}
	for _, r := range deployed(t, "prod", nil) {
		before[r.URN()] = resource.NewObjectProperty(r.Inputs).String()
	}
	var added []string
	for _, r := range deployed(t, "prod", map[string]string{"capacity": `{"minNodes":4,"maxNodes":10}`}) {
		inputs, was := before[r.URN()]
		switch {
		case !was:
			added = append(added, r.Name)
		case inputs != resource.NewObjectProperty(r.Inputs).String() && r.Custom:
			if !countsNodes(r.Name) {
				t.Errorf("%s changed", r.Name)
			}
		}
	}
	if len(added) != 1 || added[0] != "emqx-emqx-3" {
		t.Errorf("added: %v", added)
	}
}

func TestStatefulResourcesAreProtectedInProductionOnly(t *testing.T) {
	for _, stack := range []string{"dev", "prod"} {
		protected := 0
		for _, r := range deployed(t, stack, nil) {
			if r.Protect {
				protected++
			}
			if want := stack == "prod"; r.Name == "database-server" && r.Protect != want {
				t.Errorf("%s: protection of the database is %v", stack, r.Protect)
			}
		}
		if stack == "dev" && protected > 0 {
			t.Errorf("dev protects %d resources", protected)
		}
	}
}

func TestEveryPasswordReachesItsContainerAsAReferenceToASecret(t *testing.T) {
	secret, file := regexp.MustCompile(`PASSWORD|COOKIE|AUTH|LICENSE`), regexp.MustCompile(`_FILE$`)
	looked := 0
	for _, r := range deployed(t, "prod",
		map[string]string{"emqx": `{"image":"docker.io/emqx/emqx-enterprise:5.10.0","licence":"x"}`}) {
		template := bare(r.Inputs["template"])
		if !template.IsObject() {
			continue
		}
		for _, kind := range []resource.PropertyKey{"containers", "initContainers"} {
			for _, container := range elements(template.ObjectValue()[kind]) {
				for _, v := range elements(container.ObjectValue()["env"]) {
					variable := v.ObjectValue()
					if name := variable["name"].StringValue(); !secret.MatchString(name) || file.MatchString(name) {
						continue
					}
					looked++
					if variable["secretRef"].IsNull() || !variable["value"].IsNull() {
						t.Errorf("%s: %s is %v", r.Name, variable["name"].StringValue(), variable)
					}
				}
			}
		}
	}
	if looked < 3*5+3 { // three nodes with five each, two jobs with three
		t.Errorf("only %d variables were looked at", looked)
	}
}

// elements are those of a list, or none.
func elements(v resource.PropertyValue) []resource.PropertyValue {
	if v = bare(v); v.IsArray() {
		return v.ArrayValue()
	}
	return nil
}

// containerApp is what a test reads of a Container App's inputs.
type containerApp struct {
	environment map[string]string // of the first container
	targets     map[int]bool      // ports that it takes, and whether from outside the environment
}

func appsOf(t *testing.T, stack string) map[string]containerApp {
	t.Helper()
	return appsAmong(deployed(t, stack, nil))
}

func appsAmong(resources []pulumitest.Resource) map[string]containerApp {
	apps := map[string]containerApp{}
	for _, r := range resources {
		if !strings.HasSuffix(r.Type, ":ContainerApp") {
			continue
		}
		app := containerApp{map[string]string{}, map[int]bool{}}
		template := bare(r.Inputs["template"]).ObjectValue()
		for _, v := range elements(elements(template["containers"])[0].ObjectValue()["env"]) {
			if value := v.ObjectValue()["value"]; value.IsString() {
				app.environment[v.ObjectValue()["name"].StringValue()] = value.StringValue()
			}
		}
		configuration := bare(r.Inputs["configuration"]).ObjectValue()
		if configuration["ingress"].IsNull() {
			continue // the collector: nothing connects to it
		}
		ingress := bare(configuration["ingress"]).ObjectValue()
		app.targets[int(ingress["targetPort"].NumberValue())] = ingress["external"].BoolValue()
		for _, p := range ingress["additionalPortMappings"].ArrayValue() {
			app.targets[int(p.ObjectValue()["targetPort"].NumberValue())] = p.ObjectValue()["external"].BoolValue()
		}
		apps[r.Inputs["containerAppName"].StringValue()] = app
	}
	return apps
}

// bare takes a value out of its wrappers.
func bare(v resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case v.IsSecret():
			v = v.SecretValue().Element
		case v.IsOutput():
			v = v.OutputValue().Element
		default:
			return v
		}
	}
}

func TestTheNodeAppsOfAStackFormOneCluster(t *testing.T) {
	for stack, nodes := range map[string]int{"dev": 2, "prod": 3} {
		locks, names := map[string]bool{}, map[string]bool{}
		for name, app := range appsOf(t, stack) {
			if name == "edge" {
				continue
			}
			own := app.environment
			locks[own["PGHOST"]+own["PGDATABASE"]+own["GATE_REGION"]] = true
			names[own["EMQX_NODE__NAME"]] = true
			if own["EMQX_NODE__NAME"] != "emqx@emqx-"+own["GATE_INDEX"]+"."+assets.ClusterDomain {
				t.Errorf("%s: node %s holds the name of %s", stack, name, own["GATE_INDEX"])
			}
		}
		if len(locks) != 1 || len(names) != nodes {
			t.Errorf("%s has its nodes %v at %d places for locks", stack, names, len(locks))
		}
	}
}

func TestTheNodesOfAStackAreToldWhoseTokensTheyTakeAndTakeNoQuestionsAboutThemFromOutside(t *testing.T) {
	stack := deployed(t, "dev", map[string]string{"security": `{"clientIds":"username",` + aJWT + "}}"})
	for name, app := range appsAmong(stack) {
		if name == "edge" {
			continue
		}
		for _, v := range (assets.JWT{JWKSURL: "https://x.example/keys", Issuer: "i", Audience: "a",
			UsernameClaim: "sub"}).Environment(assets.ClientIDsUsername) {
			if app.environment[v.Name] != v.Value {
				t.Errorf("%s has %s=%q, want %q", name, v.Name, app.environment[v.Name], v.Value)
			}
		}
		if _, reached := app.targets[assets.GateTokenPort]; reached {
			t.Errorf("%s takes questions about tokens from other apps", name)
		}
	}
	for name, app := range appsOf(t, "dev") {
		if port, has := app.environment["GATE_TOKEN_PORT"]; has {
			t.Errorf("%s judges tokens of nobody at %s", name, port)
		}
	}
}

func TestOnlyTheEdgeTakesConnectionsFromOutsideAndTheNodesTakeWhatItForwards(t *testing.T) {
	for name, app := range appsOf(t, "prod") {
		if name == "edge" {
			if !app.targets[assets.EdgeMQTTSPort] || !app.targets[assets.EdgeWebSocketPort] || len(app.targets) != 2 {
				t.Errorf("the edge takes %v", app.targets)
			}
			continue
		}
		for port, external := range app.targets {
			if external {
				t.Errorf("%s takes %d from outside", name, port)
			}
		}
		for _, n := range assets.EdgeNodes() {
			for _, port := range []int{n.MQTT, n.WebSocket, n.Gate} {
				if _, open := app.targets[port]; n.Name == name && !open {
					t.Errorf("the edge forwards to port %d of %s, which is closed", port, name)
				}
			}
		}
	}
}

func TestTheProgramTakesItsConfigFromTheEngine(t *testing.T) {
	config, err := json.Marshal(stackConfig(t, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(pulumi.EnvConfig, string(config))
	if got, want := pulumitest.Graph(pulumitest.Run(t, "dev", Deploy)),
		pulumitest.Graph(deployed(t, "dev", nil)); got != want {
		t.Errorf("it deploys\n%s", got)
	}
	t.Setenv(pulumi.EnvConfig, "{}")
	if _, err := pulumitest.TryRun("dev", Deploy); err == nil ||
		!strings.Contains(err.Error(), "amora-sync:location = (not set)") {
		t.Errorf("without a config it says %v", err)
	}
	t.Setenv(pulumi.EnvConfig, "")
	if _, err := pulumitest.TryRun("dev", Deploy); err == nil || !strings.Contains(err.Error(), pulumi.EnvConfig) {
		t.Errorf("without an engine it says %v", err)
	}
}

func TestOnePlanAgainstFloodsServesBothRegions(t *testing.T) {
	plans, networks := []string{}, 0
	for _, r := range deployed(t, "prod",
		map[string]string{"availability": besideEurope, "security": `{"ddos":"network","deployFrom":["203.0.113.0/28"]}`}) {
		switch {
		case strings.HasSuffix(r.Type, ":DdosProtectionPlan"):
			plans = append(plans, r.Name)
		case strings.HasSuffix(r.Type, ":VirtualNetwork"):
			networks++
			plan := r.Inputs["ddosProtectionPlan"]
			if !r.Inputs["enableDdosProtection"].BoolValue() || !plan.IsObject() ||
				plan.ObjectValue()["id"].StringValue() != "/id/network-ddos-plan" {
				t.Errorf("%s is protected by %v", r.Name, plan)
			}
		}
	}
	if len(plans) != 1 || networks != 2 {
		t.Errorf("%v serve %d networks", plans, networks)
	}
}
