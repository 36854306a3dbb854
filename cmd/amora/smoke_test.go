package main

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAProofThatCanNotBeginSaysWhatItLacks(t *testing.T) {
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		password string
		args     []string
		want     string
	}{
		{"secret", []string{"--user", "smoke"}, `required flag(s) "endpoint" not set`},
		{"", []string{"--user", "smoke", "--endpoint", "mqtts://localhost"}, "MQTT_PASSWORD is not set"},
		{"secret", []string{"--user", "smoke", "--endpoint", "mqtts://localhost", "--ca", noPEM},
			"holds no certificate in PEM"},
		{"secret", []string{"--user", "smoke", "--endpoint", "mqtts://localhost", "--ca", noPEM + "x"}, "no such file"},
	} {
		t.Setenv(passwordVariable, c.password)
		if _, err := ran(t, smokeTest(), c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}

func TestAnEndpointThatIsNoneFailsAndIsNamed(t *testing.T) {
	t.Setenv(passwordVariable, "secret")
	for _, endpoint := range []string{"mqtt://localhost:1883", "https://localhost", "localhost:8883"} {
		said, err := ran(t, smokeTest(), "--user", "smoke", "--endpoint", endpoint)
		if err == nil || !strings.Contains(said, "FAIL") || !strings.Contains(said, endpoint) {
			t.Errorf("%s: %v\n%s", endpoint, err, said)
		}
	}
}

func TestACertificateToTrustStandsBesideThoseOfTheMachine(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	want, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	want.AddCert(server.Certificate())
	if got, err := authorities(file); err != nil || !got.Equal(want) {
		t.Errorf("others are trusted: %v", err)
	}
}
