package assets

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestACertificateOfTheStacksOwnIsForItsHostsAndRenewsItselfWithAnotherKey(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("bash is not installed")
	}
	folder := t.TempDir()
	const az = "#!/bin/sh\n[ \"$3\" = create ] || exit 1\nwhile [ \"$1\" != --policy ]; do shift; done\n" +
		"printf %s \"$2\" >\"$POLICY\"\n"
	if err := os.WriteFile(filepath.Join(folder, "az"), []byte(az), 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(bash, "-c", SelfSignedScript)
	file := filepath.Join(folder, "policy")
	command.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "POLICY="+file, "VAULT_NAME=v",
		"CERTIFICATE_NAME=c", "DOMAINS=a.example ws.a.example")
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var policy any
	if err := json.Unmarshal(text, &policy); err != nil {
		t.Fatal(err)
	}
	holds(t, "policy", policy, fromYAML(t, `
issuerParameters: {name: Self}
keyProperties: {exportable: true, keyType: RSA, keySize: 2048, reuseKey: false}
secretProperties: {contentType: application/x-pkcs12}
x509CertificateProperties:
  subject: CN=a.example
  subjectAlternativeNames: {dnsNames: [a.example, ws.a.example]}
  keyUsage: [digitalSignature, keyEncipherment]
  ekus: [1.3.6.1.5.5.7.3.1]
  validityInMonths: 12
lifetimeActions: [{action: {actionType: AutoRenew}, trigger: {daysBeforeExpiry: 30}}]
`))
}
