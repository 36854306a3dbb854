package standin

import (
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

func TestOutputsAreWhatAzureComputes(t *testing.T) {
	r := rehearse(t, Faults{})
	made := r.upTo("")
	for _, c := range []struct{ part, path, want string }{
		{"group", "location", "westeurope"},
		{"network", "name", "vnet"},
		{"network", "type", "Microsoft.Network/virtualNetworks"},
		{"server", "fullyQualifiedDomainName", "pg-amora.postgres.database.azure.com"},
		{"vault", "properties.vaultUri", "https://kv-amora.vault.azure.net/"},
		{"password", "properties.secretUri", "https://kv-amora.vault.azure.net/secrets/password"},
		{"reader", "principalId", guid(identityID+"reader", "principal")},
		{"reader", "tenantId", tenantID},
		{"registry", "loginServer", "acramora.azurecr.io"},
		{"redis", "hostName", "redis-amora.westeurope.redis.azure.net"},
		{"classic", "hostName", "classic-amora.redis.cache.windows.net"},
		{"record", "fqdn", "broker.mqtt.example.com."},
		{"afd", "profileName", "fd"},
		{"pull", "scope", registryID},
		{"machine", "vmId", guid(machineID, "vm")},
		{"machine", "osProfile.computerName", "vm-0"},
		{"machine", "osProfile.customData", ""},
		{"machine", "userData", ""},
		{"extension", "type", "Microsoft.Compute/virtualMachines/extensions"},
		{"disk", "diskState", "Unattached"},
		{"app", "customDomainVerificationId", props(plainMap(made["env"].Properties)).
			str("customDomainConfiguration.customDomainVerificationId")},
		{"app", "configuration.ingress.fqdn", "mqtt-edge." + props(plainMap(made["env"].Properties)).str("defaultDomain")},
	} {
		if got := props(plainMap(made[c.part].Properties)).str(c.path); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.part, c.path, got, c.want)
		}
	}
	for _, c := range []struct{ part, path, ending string }{
		{"env", "defaultDomain", ".westeurope.azurecontainerapps.io"},
		{"afd", "hostName", ".z01.azurefd.net"},
	} {
		if got := props(plainMap(made[c.part].Properties)).str(c.path); !strings.HasSuffix(got, c.ending) {
			t.Errorf("%s: %s is %q, want …%s", c.part, c.path, got, c.ending)
		}
	}
	identities := props(plainMap(made["app"].Properties)).object("identity.userAssignedIdentities")
	if props(identities).str(identityID+"reader") != "" || identities[identityID+"reader"] == nil {
		t.Errorf("the app's identities are %v: the list comes back as a map", identities)
	}
}

func TestAnInternalAppHasAnInternalName(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("app")
	app := r.mustCreate(planned(t, "app").
		with("configuration.ingress", m{"external": false, "targetPort": 4370, "transport": "tcp"}))
	if fqdn := props(plainMap(app.Properties)).str("configuration.ingress.fqdn"); !strings.HasPrefix(fqdn,
		"mqtt-edge.internal.") {
		t.Fatalf("the app is %q", fqdn)
	}
}

func (r *rehearsed) invoke(token string, args m) (resource.PropertyMap, error) {
	response, err := r.azure.Invoke(r.t.Context(),
		plugin.InvokeRequest{Tok: tokens.ModuleMember("azure-native:" + token), Args: resource.NewPropertyMapFromMap(args)})
	return response.Properties, err
}

func TestAccessKeysAreSecretAndTheSameEachTime(t *testing.T) {
	for _, c := range []struct {
		token, part string
		args        m
	}{
		{"cache:listRedisKeys", "classic", at(m{"name": "classic-amora"})},
		{"cache/v20250401:listDatabaseKeys", "keys", at(m{"clusterName": "redis-amora", "databaseName": "default"})},
	} {
		r := rehearse(t, Faults{})
		r.upTo("redis")
		if _, err := r.invoke(c.token, c.args); err == nil || !strings.Contains(err.Error(), "ResourceNotFound") {
			t.Errorf("%s of a cache that is not there: %v", c.token, err)
		}
		r.mustCreate(planned(t, "redis"))
		r.mustCreate(planned(t, c.part))
		first, err := r.invoke(c.token, c.args)
		if err != nil {
			t.Fatal(err)
		}
		second, err := r.invoke(c.token, c.args)
		if err != nil || !first["primaryKey"].IsSecret() || !first.DeepEquals(second) ||
			first["primaryKey"].DeepEquals(first["secondaryKey"]) {
			t.Errorf("%s: %v, then %v (%v)", c.token, first, second, err)
		}
	}
}

func TestAManagedCacheWithoutAccessKeysHasNone(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("keys")
	r.mustCreate(planned(t, "keys").with("accessKeysAuthentication", "Disabled"))
	if _, err := r.invoke("cache:listDatabaseKeys",
		at(m{"clusterName": "redis-amora", "databaseName": "default"})); err == nil {
		t.Fatal("got keys")
	}
}

func TestTheClientIsKnownAndOtherFunctionsAreNot(t *testing.T) {
	r := rehearse(t, Faults{})
	client, err := r.invoke("authorization:getClientConfig", nil)
	if err != nil || client["tenantId"].StringValue() != tenantID ||
		client["subscriptionId"].StringValue() != SubscriptionID {
		t.Errorf("the client is %v (%v)", client, err)
	}
	if _, err := r.invoke("quantum:getWorkspace", nil); err == nil ||
		!strings.Contains(err.Error(), "quantum:getWorkspace") {
		t.Errorf("got %v", err)
	}
}

func TestLatencyIsKnownForEveryTypeInAnyVersion(t *testing.T) {
	for _, p := range platform() {
		if Latency(p.token) <= 0 {
			t.Errorf("%s takes no time", p.token)
		}
	}
	if Latency("azure-native:dbforpostgresql/v20240801:Server") != 7*time.Minute ||
		Latency("random:index/randomString:RandomString") != 0 {
		t.Error("a server takes 7 minutes, a random string none")
	}
}
