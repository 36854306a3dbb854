package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/stacks"
)

func TestWhatATemplateCannotSayIsRefusedAllAtOnce(t *testing.T) {
	config, err := stacks.Parse("dev",
		map[string]string{"amora-sync:location": "westeurope", "amora-sync:domain": "mqtt.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := exportable(config); err != nil {
		t.Errorf("a stack that can be exported: %v", err)
	}
	config.Broker, config.Availability.SecondaryLocation, config.DNS.ResourceGroup = stacks.HiveMQAKS, "northeurope", "dns"
	config.TLS.Mode, config.EMQX.Licence = stacks.TLSKeyVault, "a licence"
	err = exportable(config)
	if err == nil {
		t.Fatal("nothing is refused")
	}
	for _, key := range []string{"broker", "availability.secondaryLocation", "dns.resourceGroup", "tls.mode",
		"emqx.licence"} {
		if !strings.Contains(err.Error(), "amora-sync:"+key+" = ") {
			t.Errorf("%s is not refused: %v", key, err)
		}
	}
	if strings.Contains(err.Error(), "a licence") {
		t.Error("the licence is shown")
	}
}

func TestAnExportIsCheckedAgainstTheFilesThatAreThere(t *testing.T) {
	folder := t.TempDir()
	files := map[string][]byte{"a.json": []byte("{}\n"), "b.json": []byte("[]\n")}
	if err := os.WriteFile(filepath.Join(folder, "a.json"), files["a.json"], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sameFiles(folder, files); err == nil || strings.Contains(err.Error(), "a.json") ||
		!strings.Contains(err.Error(), "b.json") {
		t.Errorf("b.json is not there: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "b.json"), files["b.json"], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sameFiles(folder, files); err != nil {
		t.Error(err)
	}
}
