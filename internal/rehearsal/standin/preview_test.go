package standin

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

var unknownText = resource.MakeComputed(resource.NewStringProperty(""))

func TestAPreviewGivesInputsBackAndLeavesTheRestUnknown(t *testing.T) {
	r := rehearse(t, Faults{})
	app := planned(t, "app").with("environmentId", unknownText).
		with("configuration.secrets", l{m{"name": "tls", "value": "x"}})
	inputs, reasons := r.check(app)
	if reasons != "" {
		t.Fatal(reasons)
	}
	response, err := r.azure.Create(t.Context(), plugin.CreateRequest{Type: tokens.Type(app.token), Properties: inputs,
		Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	out := props(plainMap(response.Properties))
	for path, want := range map[string]any{
		"configuration.ingress.fqdn":       unknown{},
		"configuration.ingress.targetPort": 8080.0,
		"environmentId":                    unknown{},
		"latestRevisionFqdn":               unknown{},
		"name":                             unknown{},
		"template.scale.maxReplicas":       10.0,
	} {
		if got := out.at(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if len(r.world.Resources()) != 0 || r.azure.server.Calls() != 0 {
		t.Error("a preview has changed the world")
	}
}

func TestAPreviewOfUnknownsAloneIsPossibleForEveryType(t *testing.T) {
	r := rehearse(t, Faults{})
	for _, p := range platform() {
		inputs := resource.PropertyMap{}
		for key := range p.inputs {
			inputs[resource.PropertyKey(key)] = unknownText
		}
		checked, err := r.azure.Check(t.Context(), plugin.CheckRequest{Type: tokens.Type(p.token), News: inputs})
		if err != nil || len(checked.Failures) != 0 {
			t.Errorf("%s: %v (%v)", p.token, checked.Failures, err)
		}
		response, err := r.azure.Create(t.Context(),
			plugin.CreateRequest{Type: tokens.Type(p.token), Properties: inputs, Preview: true})
		if err != nil || !response.Properties["name"].IsComputed() {
			t.Errorf("%s: %v (%v)", p.token, response.Properties, err)
		}
	}
}

func TestAPreviewOfAnUpdateKnowsWhatWillNotChange(t *testing.T) {
	r := rehearse(t, Faults{})
	made := r.upTo("job")["app"]
	app := planned(t, "app").with("template.scale.maxReplicas", 5)
	response, err := r.azure.Update(t.Context(), plugin.UpdateRequest{
		Type: tokens.Type(app.token), ID: made.ID, OldOutputs: made.Properties,
		NewInputs: resource.NewPropertyMapFromMap(app.inputs), Preview: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	before, out := props(plainMap(made.Properties)), props(plainMap(response.Properties))
	if out.str("configuration.ingress.fqdn") != before.str("configuration.ingress.fqdn") {
		t.Errorf("the fqdn is %v", out.at("configuration.ingress.fqdn"))
	}
	if out.at("latestRevisionName") != (unknown{}) {
		t.Errorf("the revision is %v: an update makes a new one", out.at("latestRevisionName"))
	}
	if out.num("template.scale.maxReplicas") != 5 {
		t.Errorf("maxReplicas is %v", out.at("template.scale.maxReplicas"))
	}
}

func TestSecretsStaySecretInOutputs(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("network")
	network := planned(t, "network").with("tags", m{"token": resource.MakeSecret(resource.NewStringProperty("s3cret"))})
	for _, preview := range []bool{true, false} {
		inputs, _ := r.check(network)
		response, err := r.azure.Create(t.Context(),
			plugin.CreateRequest{Type: tokens.Type(network.token), Properties: inputs, Preview: preview})
		if err != nil {
			t.Fatal(err)
		}
		token := response.Properties["tags"].ObjectValue()["token"]
		if !token.IsSecret() || plain(token) != "s3cret" {
			t.Errorf("preview %v: the token is %v", preview, token)
		}
	}
}

func TestANameThatIsAbsentIsMadeAndKept(t *testing.T) {
	r := rehearse(t, Faults{})
	for _, c := range []struct{ part, property, pattern string }{
		{"network", "virtualNetworkName", `^network[0-9a-f]{8}$`},
		{"endpoints", "subnetName", `^endpoints$`},
		{"pull", "roleAssignmentName", `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$`},
	} {
		p := planned(t, c.part).with(c.property, nil)
		inputs, reasons := r.check(p)
		name := inputs[resource.PropertyKey(c.property)].StringValue()
		if reasons != "" || !regexp.MustCompile(c.pattern).MatchString(name) {
			t.Errorf("%s is called %q (%s)", c.part, name, reasons)
		}
		again, err := r.azure.Check(t.Context(), plugin.CheckRequest{
			URN: urn(p.token, p.name), Name: p.name, Type: tokens.Type(p.token), Olds: inputs,
			News: resource.NewPropertyMapFromMap(p.inputs), RandomSeed: []byte("another"),
		})
		if err != nil || again.Properties[resource.PropertyKey(c.property)].StringValue() != name {
			t.Errorf("%s is now called %v (%v)", c.part, again.Properties[resource.PropertyKey(c.property)], err)
		}
	}
}

func TestALocationThatIsAbsentIsTheOneOfTheGroupAndNoChange(t *testing.T) {
	r := rehearse(t, Faults{})
	made := r.upTo("nsg")["network"]
	if location := made.Properties["location"].StringValue(); location != "westeurope" {
		t.Errorf("the network is in %q", location)
	}
	if d := r.diff(made.ID, planned(t, "network"), planned(t, "network")); d.Changes != plugin.DiffNone {
		t.Errorf("it has changed: %v", d.DetailedDiff)
	}
}

func (r *rehearsed) diff(id resource.ID, before, after part) plugin.DiffResult {
	r.t.Helper()
	d, err := r.azure.Diff(r.t.Context(), plugin.DiffRequest{
		Type: tokens.Type(after.token), ID: id, OldInputs: resource.NewPropertyMapFromMap(before.inputs),
		NewInputs: resource.NewPropertyMapFromMap(after.inputs),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func TestADiffUpdatesReplacesOrIsQuiet(t *testing.T) {
	secret := resource.MakeSecret(resource.NewStringProperty("Passw0rdPassw0rd"))
	for _, c := range []struct {
		sentence, part, path string
		value                any
		want                 map[string]plugin.DiffKind
	}{
		{"nothing", "server", "version", "17", nil},
		{"a password that is a secret now", "server", "administratorLoginPassword", secret, nil},
		{"a location in other words", "group", "location", "westeurope", nil},
		{"an id in another case", "server", "network.delegatedSubnetResourceId",
			strings.ToLower(networkID + "/subnets/database"), nil},
		{"a new password", "server", "administratorLoginPassword", "N3wPassword",
			map[string]plugin.DiffKind{"administratorLoginPassword": plugin.DiffUpdate}},
		{"more storage", "server", "storage.storageSizeGB", 256,
			map[string]plugin.DiffKind{"storage.storageSizeGB": plugin.DiffUpdate}},
		{"another login", "server", "administratorLogin", "other",
			map[string]plugin.DiffKind{"administratorLogin": plugin.DiffUpdateReplace}},
		{"another zone of names", "server", "network.privateDnsZoneArmResourceId", unknownText,
			map[string]plugin.DiffKind{"network.privateDnsZoneArmResourceId": plugin.DiffUpdateReplace}},
		{"no network", "env", "vnetConfiguration", nil,
			map[string]plugin.DiffKind{"vnetConfiguration": plugin.DiffDeleteReplace}},
		{"another tag", "env", "tags", m{"a.b": "c"}, map[string]plugin.DiffKind{"tags": plugin.DiffAdd}},
		{"one more range", "network", "addressSpace.addressPrefixes", l{"10.0.0.0/16", "10.1.0.0/16"},
			map[string]plugin.DiffKind{"addressSpace.addressPrefixes[1]": plugin.DiffAdd}},
		{"another role", "pull", "roleDefinitionId", acrImport,
			map[string]plugin.DiffKind{"roleDefinitionId": plugin.DiffUpdateReplace}},
		{"a larger disk", "disk", "diskSizeGB", 256, map[string]plugin.DiffKind{"diskSizeGB": plugin.DiffUpdate}},
		{"a disk in another zone", "disk", "zones", l{"2"}, map[string]plugin.DiffKind{"zones[0]": plugin.DiffUpdate}},
		{"a larger machine", "machine", "hardwareProfile.vmSize", "Standard_D8s_v3",
			map[string]plugin.DiffKind{"hardwareProfile.vmSize": plugin.DiffUpdate}},
		{"a machine without its disk", "machine", "storageProfile.dataDisks", nil,
			map[string]plugin.DiffKind{"storageProfile.dataDisks": plugin.DiffDelete}},
		{"another cache of the system's disk", "machine", "storageProfile.osDisk.caching", "ReadOnly",
			map[string]plugin.DiffKind{"storageProfile.osDisk.caching": plugin.DiffUpdate}},
		{"another beginning of a machine", "machine", "osProfile.customData", "b3RoZXI=",
			map[string]plugin.DiffKind{"osProfile.customData": plugin.DiffUpdate}},
		{"another image", "machine", "storageProfile.imageReference.sku", "minimal",
			map[string]plugin.DiffKind{"storageProfile.imageReference.sku": plugin.DiffUpdate}},
		{"a machine in no zone", "machine", "zones", nil, map[string]plugin.DiffKind{"zones": plugin.DiffDelete}},
		{"another command on a machine", "extension", "settings.commandToExecute", "false",
			map[string]plugin.DiffKind{"settings.commandToExecute": plugin.DiffUpdate}},
		{"another extension", "extension", "publisher", "Microsoft.OSTCExtensions",
			map[string]plugin.DiffKind{"publisher": plugin.DiffUpdateReplace}},
		{"a load balancer of another sku", "balancer", "sku.name", "Basic",
			map[string]plugin.DiffKind{"sku.name": plugin.DiffUpdateReplace}},
	} {
		t.Run(strings.ReplaceAll(c.sentence, " ", "-"), func(t *testing.T) {
			r := rehearse(t, Faults{})
			p := planned(t, c.part)
			d := r.diff("", p, p.with(c.path, c.value))
			if (d.Changes == plugin.DiffNone) != (len(c.want) == 0) || len(d.DetailedDiff) != len(c.want) {
				t.Fatalf("got %v, want %v", d.DetailedDiff, c.want)
			}
			for path, kind := range c.want {
				if d.DetailedDiff[path].Kind != kind {
					t.Errorf("got %v, want %s: %v", d.DetailedDiff, path, kind)
				}
			}
		})
	}
}

func TestAFixedNameIsFreedBeforeItsReplacementIsMade(t *testing.T) {
	r := rehearse(t, Faults{})
	id := resource.ID(inGroup + "Microsoft.DBforPostgreSQL/flexibleServers/pg-amora")
	p := planned(t, "server")
	if d := r.diff(id, p, p.with("administratorLogin", "other")); !d.DeleteBeforeReplace {
		t.Error("the new server finds its name taken")
	}
	if d := r.diff(id, p, p.with("serverName", "pg-other")); d.DeleteBeforeReplace {
		t.Error("a server with another name can be made first")
	}
	if d := r.diff(id, p, p.with("storage.storageSizeGB", 256)); d.DeleteBeforeReplace {
		t.Error("an update deletes nothing")
	}
}
