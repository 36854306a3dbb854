package standin

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

func TestWhatIsInUseIsNotDeleted(t *testing.T) {
	for _, c := range []struct{ part, want string }{
		{"apps", "InUseSubnetCannotBeDeleted"},
		{"network", "InUseSubnetCannotBeDeleted"},
		{"nsg", "InUseNetworkSecurityGroupCannotBeDeleted"},
		{"zone", "nested resources"},
		{"env", "ManagedEnvironmentInUse"},
		{"cluster", "InUseSubnetCannotBeDeleted"},
		{"nat", "InUseNatGatewayCannotBeDeleted"},
		{"gateway-address", "PublicIPAddressCannotBeDeleted"},
		{"nodes", "InUseSubnetCannotBeDeleted"},
		{"balancer-address", "PublicIPAddressCannotBeDeleted"},
		{"balancer", "InUseLoadBalancerCannotBeDeleted"},
		{"interface", "must be dissociated"},
		{"disk", "Disk data is attached to VM " + machineID},
		{"origins", "associated with the route 'mqtt'"},
		{"origin", "at least one enabled origin"},
		{"domain", "associated with the route 'mqtt'"},
		{"firewall", "associated with 'ws'"},
	} {
		t.Run(c.part, func(t *testing.T) {
			t.Parallel()
			r := rehearse(t, Faults{})
			id := r.upTo("")[c.part].ID
			if err := r.delete(id); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want a refusal with %q", err, c.want)
			}
			if r.world.find(string(id)) == nil {
				t.Fatal("refused, and deleted all the same")
			}
		})
	}
}

func TestALockedGroupIsNotDeletedAndAFreeOneTakesAllThatIsInIt(t *testing.T) {
	r := rehearse(t, Faults{})
	group := r.upTo("")["group"].ID
	lock := r.mustCreate(part{"lock", "azure-native:authorization:ManagementLockAtResourceGroupLevel",
		at(m{"lockName": "keep", "level": "CanNotDelete"})})
	if err := r.delete(group); err == nil || !strings.Contains(err.Error(), "ScopeLocked") {
		t.Fatalf("got %v, want ScopeLocked", err)
	}
	if err := r.delete(lock.ID); err != nil {
		t.Fatal(err)
	}
	if err := r.delete(group); err != nil {
		t.Fatal(err)
	}
	if left := r.world.Resources(); len(left) != 0 {
		t.Fatalf("left over: %v", left)
	}
	r.mustCreate(planned(t, "group"))
	if _, err := r.create(planned(t, "vault")); err == nil || !strings.Contains(err.Error(), "deleted state") {
		t.Fatalf("got %v: the vault went with its group and keeps its name", err)
	}
}

func TestADeletedVaultKeepsItsName(t *testing.T) {
	r := rehearse(t, Faults{})
	vault := r.upTo("password")["vault"].ID
	if err := r.delete(vault); err != nil {
		t.Fatal(err)
	}
	if _, err := r.create(planned(t, "vault")); err == nil || !strings.Contains(err.Error(), "recover or purge") {
		t.Fatalf("got %v, want a refusal", err)
	}
	r.mustCreate(planned(t, "vault").with("vaultName", "kv-amora2"))
}

func TestADeletedVaultSecretKeepsItsName(t *testing.T) {
	r := rehearse(t, Faults{})
	secret := r.upTo("reader")["password"].ID
	if err := r.delete(secret); err != nil {
		t.Fatal(err)
	}
	if _, err := r.create(planned(t, "password")); err == nil ||
		!strings.Contains(err.Error(), "deleted but recoverable") {
		t.Fatalf("got %v, want a refusal", err)
	}
}

func TestNamesThatAreGlobalAreTakenInEveryGroup(t *testing.T) {
	for _, name := range []string{"vault", "registry", "redis", "classic", "directory"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rehearse(t, Faults{})
			r.upTo("")
			r.mustCreate(part{"other", "azure-native:resources:ResourceGroup",
				m{"resourceGroupName": "rg-other", "location": "northeurope"}})
			if _, err := r.create(planned(t, name).with("resourceGroupName", "rg-other")); err == nil {
				t.Fatal("created twice")
			}
			r.mustCreate(identity("reader").with("resourceGroupName", "rg-other"))
		})
	}
}

func TestWhatExistsIsNotCreatedAgain(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("network")
	if _, err := r.create(planned(t, "group")); err == nil ||
		!strings.Contains(err.Error(), "cannot create already existing resource") {
		t.Fatalf("got %v", err)
	}
}

func TestAnUpdateThatAzureRefusesIsRefused(t *testing.T) {
	for _, c := range []struct {
		sentence, part, path string
		value                any
		want                 string
	}{
		{"less storage", "server", "storage.storageSizeGB", 64, "can only grow"},
		{"another retention of a vault", "vault", "properties.softDeleteRetentionInDays", 30, "can't be modified"},
		{"no purge protection any more", "vault", "properties.enablePurgeProtection", false, "irreversible"},
		{"another range of a subnet in use", "apps", "addressPrefix", "10.0.8.0/24", "InUsePrefixCannotBeDeleted"},
		{"no delegation of a subnet in use", "apps", "delegations", nil, "SubnetMissingRequiredDelegation"},
		{"a network smaller than its subnets", "network", "addressSpace.addressPrefixes", l{"10.0.0.0/24"},
			"NetcfgSubnetRangeOutsideVnet"},
		{"a lower tier of a cache", "classic", "sku.name", "Basic", "scaled down"},
		{"a smaller disk", "disk", "diskSizeGB", 64, "cannot be resized down"},
		{"a disk above 4 TiB while a machine runs with it", "disk", "diskSizeGB", 8192, "while it is attached to running VM"},
		{"another size of the system's disk", "machine", "storageProfile.osDisk.diskSizeGB", 64,
			"Disk resizing is allowed only"},
		{"a size of a machine that takes no Premium SSD", "machine", "hardwareProfile.vmSize", "Standard_D4_v3",
			"does not support the storage account type Premium_LRS of disk 'data'"},
		{"another beginning of a machine", "machine", "osProfile.customData", "b3RoZXI=",
			"Changing property 'osProfile.customData' is not allowed"},
		{"a machine in another zone", "machine", "zones", l{"2"}, "Changing property 'zones' is not allowed"},
		{"an interface with an address outside its subnet", "interface", "ipConfigurations",
			l{configuration("10.0.10.4")}, "PrivateIPAddressNotInSubnet"},
		{"a security group that shuts Bastion's subnet", "bastion nsg", "securityRules",
			l{inbound(100, "Internet", "443")}, "NetworkSecurityGroupNotCompliantForAzureBastionSubnet"},
	} {
		t.Run(strings.ReplaceAll(c.sentence, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r := rehearse(t, Faults{})
			id := r.upTo("")[c.part].ID
			before := planned(t, c.part)
			if _, err := r.update(id, before, before.with("tags", m{"team": "amora"})); err != nil {
				t.Fatalf("a tag: %v", err)
			}
			if _, err := r.update(id, before, before.with(c.path, c.value)); err == nil ||
				!strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want a refusal with %q", err, c.want)
			}
		})
	}
}

func TestStorageGrows(t *testing.T) {
	r := rehearse(t, Faults{})
	id := r.upTo("users")["server"].ID
	before := planned(t, "server")
	response, err := r.update(id, before, before.with("storage.storageSizeGB", 256))
	if err != nil {
		t.Fatal(err)
	}
	if size := props(plainMap(response.Properties)).num("storage.storageSizeGB"); size != 256 {
		t.Fatalf("the server has %v GiB", size)
	}
}

func TestPurgeProtectionStaysWhenAnUpdateLeavesItOut(t *testing.T) {
	r := rehearse(t, Faults{})
	id := r.upTo("password")["vault"].ID
	before := planned(t, "vault")
	if _, err := r.update(id, before, before.with("properties.enablePurgeProtection", nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.update(id, before, before.with("properties.enablePurgeProtection", nil)); err != nil {
		t.Fatal(err)
	}
	if !r.world.find(string(id)).out().flag("properties.enablePurgeProtection") {
		t.Fatal("it is off")
	}
}

func TestAWorldIsTheSameWhenItIsOpenedAgain(t *testing.T) {
	r := rehearse(t, Faults{})
	r.world.path = t.TempDir() + "/world.jsonl"
	made := r.upTo("")
	if err := r.delete(made["password"].ID); err != nil {
		t.Fatal(err)
	}
	again := r.opened(r.world.path)
	if got, want := asJSON(t, again.state), asJSON(t, r.world.state); got != want {
		t.Fatalf("it holds %d bytes, want %d", len(got), len(want))
	}
	r.azure.server.world = again
	if _, err := r.create(planned(t, "password")); err == nil {
		t.Error("the soft-deleted secret is forgotten")
	}
	if err := r.delete(made["app"].ID); err != nil {
		t.Fatal(err)
	}
	if got, want := asJSON(t, r.opened(again.path).state), asJSON(t, again.state); got != want {
		t.Fatalf("after a change it holds %d bytes, want %d", len(got), len(want))
	}
}

func TestAWorldThatIsCutOffHoldsWhatWasAnswered(t *testing.T) {
	r := rehearse(t, Faults{})
	r.world.path = t.TempDir() + "/world.jsonl"
	made := r.upTo("")
	before := asJSON(t, r.world.state)
	if err := r.delete(made["app"].ID); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(r.world.path)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for cut := last; cut < len(data)-1; cut++ {
		if err := os.WriteFile(r.world.path, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if got := asJSON(t, r.opened(r.world.path).state); got != before {
			t.Fatalf("cut off after %q it holds %d bytes, want %d", data[last:cut], len(got), len(before))
		}
	}
}

func (r *rehearsed) opened(path string) *World {
	r.t.Helper()
	w, err := Open(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestABrokenWorldIsReported(t *testing.T) {
	path := t.TempDir() + "/world.json"
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Fatal("opened")
	}
}

func TestSecretsAreNeverWrittenToTheWorld(t *testing.T) {
	r := rehearse(t, Faults{})
	r.world.path = t.TempDir() + "/world.json"
	r.upTo("app")
	r.mustCreate(planned(t, "app").with("configuration.secrets", l{
		m{"name": "tls", "value": "marked-nowhere"},
		m{"name": "password", "value": resource.MakeSecret(resource.NewStringProperty("marked"))},
	}))
	data, err := os.ReadFile(r.world.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "Passw0rdPassw0rd", "marked"} {
		if strings.Contains(string(data), `"`+secret) {
			t.Errorf("%q is in the world", secret)
		}
	}
	info, err := os.Stat(r.world.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the world is %v (%v)", info.Mode(), err)
	}
}

func (r *rehearsed) read(id resource.ID, p part, inputs resource.PropertyMap) plugin.ReadResponse {
	r.t.Helper()
	response, err := r.azure.Read(r.t.Context(),
		plugin.ReadRequest{ID: id, URN: urn(p.token, p.name), Type: tokens.Type(p.token), Inputs: inputs})
	if err != nil {
		r.t.Fatal(err)
	}
	return response
}

func TestReadShowsAHandMadeChangeInInputsAndOutputs(t *testing.T) {
	r := rehearse(t, Faults{})
	id := r.upTo("")["server"].ID
	p := planned(t, "server")
	inputs := resource.NewPropertyMapFromMap(p.with("administratorLoginPassword",
		resource.MakeSecret(resource.NewStringProperty("Passw0rdPassw0rd"))).inputs)
	if err := r.world.Edit(string(id), func(in map[string]any) { in["tags"] = m{"by": "hand"} }); err != nil {
		t.Fatal(err)
	}
	got := r.read(id, p, inputs)
	for which, properties := range map[string]resource.PropertyMap{"inputs": got.Inputs, "outputs": got.Outputs} {
		if by := props(plainMap(properties)).str("tags.by"); by != "hand" {
			t.Errorf("%s: the tag is %q", which, by)
		}
	}
	password := got.Inputs["administratorLoginPassword"]
	if !password.IsSecret() || plain(password) != "Passw0rdPassw0rd" {
		t.Errorf("the password is %v: what Azure never gives back stays as the engine has it, and secret", password)
	}
	if _, has := got.Outputs["administratorLoginPassword"]; has {
		t.Error("the outputs hold the password")
	}
}

func TestReadOfWhatIsGoneIsEmpty(t *testing.T) {
	r := rehearse(t, Faults{})
	if got := r.read(resource.ID(vaultID), planned(t, "vault"), nil); got.ID != "" {
		t.Fatalf("got %v", got)
	}
	if err := r.world.Edit(vaultID, func(map[string]any) {}); err == nil {
		t.Fatal("edited")
	}
	if err := r.delete(resource.ID(vaultID)); err != nil {
		t.Fatalf("a second deletion is quiet: %v", err)
	}
}

func TestWhatWasGivenIsThere(t *testing.T) {
	r := rehearse(t, Faults{})
	record := planned(t, "record").with("resourceGroupName", "rg-team")
	if _, err := r.create(record); err == nil {
		t.Fatal("created in a zone that is not there")
	}
	team := subscriptionScope + "/resourceGroups/rg-team/providers/"
	r.world.Give(team+"Microsoft.Network/dnsZones/MQTT.example.com", team+"Microsoft.KeyVault/vaults/kv-team")
	r.mustCreate(record)
	r.upTo("app")
	app := planned(t, "app").with("configuration.secrets", vaultSecrets("https://kv-team.vault.azure.net/secrets/theirs"))
	if _, err := r.create(app); err == nil || !strings.Contains(err.Error(), "Forbidden") {
		t.Fatalf("got %v: the identity has no role at the team's vault", err)
	}
	r.mustCreate(role("team", "reader", secretsUser, team+"Microsoft.KeyVault/vaults/kv-team"))
	r.mustCreate(app)
}

func TestAResourceTypeThatIsNotKnownIsNamed(t *testing.T) {
	r := rehearse(t, Faults{})
	_, err := r.azure.Check(t.Context(), plugin.CheckRequest{Type: "azure-native:quantum:Workspace"})
	if err == nil || !strings.Contains(err.Error(), "azure-native:quantum:Workspace") {
		t.Fatalf("got %v", err)
	}
}
