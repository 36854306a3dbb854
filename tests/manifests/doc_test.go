// Package manifests holds what the program fills a Kubernetes cluster with against the types of Kubernetes and Flux and
// against the schemas of HiveMQ's charts. It is a module of its own, so that their libraries stay out of the program's.
package manifests

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	helm "github.com/fluxcd/helm-controller/api/v2"
	source "github.com/fluxcd/source-controller/api/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// deployment is a cluster as a stack deploys it.
func deployment(licensed bool) assets.HiveMQ {
	h := assets.HiveMQ{
		DiskGB: 128, Zoned: true, Address: "10.20.1.126", Subnet: "cluster", GatewaySubnet: "10.20.1.128/26",
		DatabaseSubnet: "10.20.1.0/28",
		DatabaseHost:   "db.postgres.database.azure.com", DatabaseName: "mqtt", DatabaseUser: "mqtt_broker_01234567",
		DatabaseAdmin: "mqttadmin",
		PostgresImage: "docker.io/library/postgres:17-alpine", VaultName: "kv", TenantID: "tenant", ClientID: "client",
		AdminPassword: "database-admin-password", BrokerPassword: "database-broker-password",
		BrokerPasswordVersion: "0123456789abcdef0123456789abcdef",
		Collector:             "exporters: {}\n", Connection: "telemetry-connection-abcd",
	}
	if licensed {
		h.Licence, h.SecurityLicence = "licence", "security-licence"
		h.JWT = &assets.JWT{JWKSURL: "https://keys.example/a?b=1&c=2", Issuer: `https://issuer.example/<"'>`,
			Audience: "mqtt", UsernameClaim: "sub"}
	}
	return h
}

// secretProviderClass is the resource of the Secrets Store CSI driver, whose Go types are not to be had: the part of
// its v1 that is used.
type secretProviderClass struct {
	meta.TypeMeta
	meta.ObjectMeta `json:"metadata"`
	Spec            struct {
		Provider   string `json:"provider"`
		Parameters struct {
			ClientID     string `json:"clientID"`
			KeyvaultName string `json:"keyvaultName"`
			TenantID     string `json:"tenantId"`
			Objects      string `json:"objects"`
		} `json:"parameters"`
		SecretObjects []struct {
			SecretName string `json:"secretName"`
			Type       string `json:"type"`
			Data       []struct {
				ObjectName string `json:"objectName"`
				Key        string `json:"key"`
			} `json:"data"`
		} `json:"secretObjects"`
	} `json:"spec"`
}

// vaultObject is one entry of a class's objects, as the Azure provider reads it.
type vaultObject struct {
	ObjectName     string `json:"objectName"`
	ObjectType     string `json:"objectType"`
	ObjectAlias    string `json:"objectAlias"`
	ObjectVersion  string `json:"objectVersion"`
	ObjectEncoding string `json:"objectEncoding"`
}

// knownKinds makes an empty resource of every kind that may be applied, and says whether it is in a namespace.
var knownKinds = map[string]struct {
	empty      func() meta.Object
	namespaced bool
}{
	"v1/Namespace":                                      {func() meta.Object { return &core.Namespace{} }, false},
	"v1/ServiceAccount":                                 {func() meta.Object { return &core.ServiceAccount{} }, true},
	"v1/ConfigMap":                                      {func() meta.Object { return &core.ConfigMap{} }, true},
	"v1/Service":                                        {func() meta.Object { return &core.Service{} }, true},
	"batch/v1/Job":                                      {func() meta.Object { return &batch.Job{} }, true},
	"batch/v1/CronJob":                                  {func() meta.Object { return &batch.CronJob{} }, true},
	"rbac.authorization.k8s.io/v1/Role":                 {func() meta.Object { return &rbac.Role{} }, true},
	"rbac.authorization.k8s.io/v1/RoleBinding":          {func() meta.Object { return &rbac.RoleBinding{} }, true},
	"rbac.authorization.k8s.io/v1/ClusterRole":          {func() meta.Object { return &rbac.ClusterRole{} }, false},
	"rbac.authorization.k8s.io/v1/ClusterRoleBinding":   {func() meta.Object { return &rbac.ClusterRoleBinding{} }, false},
	"apps/v1/Deployment":                                {func() meta.Object { return &apps.Deployment{} }, true},
	"networking.k8s.io/v1/NetworkPolicy":                {func() meta.Object { return &networking.NetworkPolicy{} }, true},
	"source.toolkit.fluxcd.io/v1/HelmRepository":        {func() meta.Object { return &source.HelmRepository{} }, true},
	"helm.toolkit.fluxcd.io/v2/HelmRelease":             {func() meta.Object { return &helm.HelmRelease{} }, true},
	"secrets-store.csi.x-k8s.io/v1/SecretProviderClass": {func() meta.Object { return &secretProviderClass{} }, true},
}

// decode reads the documents of a file strictly: what a type does not know is an error.
func decode(text string) ([]meta.Object, error) {
	var objects []meta.Object
	for i, document := range bytes.Split([]byte(text), []byte("\n---\n")) {
		var kind meta.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		name := kind.APIVersion + "/" + kind.Kind
		known, ok := knownKinds[name]
		if !ok {
			return nil, fmt.Errorf("document %d: no kind %q", i, name)
		}
		object := known.empty()
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			return nil, fmt.Errorf("document %d, %s: %w", i, name, err)
		}
		if object.GetName() == "" || known.namespaced != (object.GetNamespace() != "") {
			return nil, fmt.Errorf("document %d: %s %q is in the namespace %q", i, name, object.GetName(), object.GetNamespace())
		}
		objects = append(objects, object)
	}
	return objects, nil
}

var left = regexp.MustCompile(`\$\{[^}]*\}`)

// applied renders and decodes what reaches the cluster, by folder: Flux fills in the brokers' folder first.
func applied(t *testing.T, h assets.HiveMQ) map[string][]meta.Object {
	t.Helper()
	files, err := h.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]meta.Object{}
	for path, text := range files {
		folder, _, _ := strings.Cut(path, "/")
		if folder == assets.HiveMQBrokerFolder {
			for name, value := range assets.HiveMQSubstitutes(3, "2500m", "8Gi") {
				text = strings.ReplaceAll(text, "${"+name+"}", value)
			}
			if name := left.FindString(text); name != "" {
				t.Errorf("%s: Flux would empty %s", path, name)
			}
		}
		if all[folder], err = decode(text); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return all
}

// find gives the one object of a type and name.
func find[T meta.Object](t *testing.T, all map[string][]meta.Object, name string) T {
	t.Helper()
	for _, objects := range all {
		for _, object := range objects {
			if typed, ok := object.(T); ok && object.GetName() == name {
				return typed
			}
		}
	}
	var none T
	t.Fatalf("there is no %T %s", none, name)
	return none
}

// both runs a test with and without a licence.
func both(t *testing.T, test func(*testing.T, assets.HiveMQ)) {
	for name, licensed := range map[string]bool{"licensed": true, "trial": false} {
		t.Run(name, func(t *testing.T) { test(t, deployment(licensed)) })
	}
}

func unmarshalYAML(text string, into any) error { return yaml.UnmarshalStrict([]byte(text), into) }
