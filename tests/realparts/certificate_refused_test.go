package realparts

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// notTaken is what Key Vault may give that no client would accept, and the rule that it breaks, in the script's words.
type notTaken struct{ given, rule string }

func everyRefusal(t *testing.T) []notTaken {
	all := chain(t, 3, elliptical)
	root, above, own, certificates := all[0], all[1], all[2], certificatesPEM(all...)
	key := keyPEM(t, own.key)
	hour, ago := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	before := ago.Add(-time.Hour)
	past := issue(t, wish{name: brokerHost, key: own.key, host: brokerHost, from: before, until: ago})
	pastAbove := issue(t, wish{name: "sub", key: above.key, by: root, from: before, until: ago})
	one := func(host string, from, until time.Time) string {
		key := elliptical(t)
		only := issue(t, wish{name: brokerHost, key: key, host: host, from: from, until: until})
		return keyPEM(t, key) + certificatesPEM(only)
	}
	protected, err := pkcs12.Modern2023.Encode(own.key, own.Certificate, nil, "password")
	if err != nil {
		t.Fatal(err)
	}
	locked := mustSh(t, `printf %s "$KEY" | openssl pkey -aes256 -passout pass:password`, "KEY="+key)
	return []notTaken{
		{"", "neither PEM nor PKCS#12"},
		{"not base64!", "neither PEM nor PKCS#12"},
		{"bm90IGEgY2VydGlmaWNhdGU=", "neither PEM nor PKCS#12 without a password"},
		{base64.StdEncoding.EncodeToString(protected), "neither PEM nor PKCS#12 without a password"},
		{certificates, "no private key in it; is its key exportable?"},
		{key, "no certificate in it"},
		{key + keyPEM(t, above.key) + certificates, "more than one private key in it"},
		{locked + certificates, "its private key is encrypted, or not one at all"},
		{keyPEM(t, elliptical(t)) + certificates, "no certificate in it is for its private key"},
		{key + strings.Replace(certificates, "MII", "AAA", 1), "a certificate in it can't be read"},
		{key + certificatesPEM(past), "expired at "},
		{pkcs12Of(t, pkcs12.Modern2023, own.key, []*issued{past}), "expired at "},
		{key + certificatesPEM(pastAbove, own), "expired, a certificate of its chain: subject=CN = sub"},
		{one(brokerHost, hour, hour.Add(time.Hour)), "not valid before "},
		{one("mqtt.example.org", ago, hour), "not for the name " + brokerHost},
		{one("", ago, hour), "not for the name " + brokerHost}, // which stands in its common name only
		{one("*."+brokerHost, ago, hour), "not for the name " + brokerHost},
	}
}

func TestACertificateThatNoClientWouldAcceptIsRefusedByNameAndLeavesTheOldOneInPlace(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	for _, c := range everyRefusal(t) {
		folder := t.TempDir()
		in := write(t, filepath.Join(folder, "certificate"), c.given)
		out := write(t, filepath.Join(folder, "tls.pem"), "the old one")
		said, err := sh(t, []string{"sh"}, assets.CertificateToPEMScript, "IN="+in, "OUT="+out, "HOSTS="+brokerHost)
		if err == nil || !strings.HasPrefix(said, "certificate refused: "+c.rule) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: %v, and it said %q", c.rule, err, said)
		}
		if read(t, out) != "the old one" {
			t.Errorf("%s: the old one is gone", c.rule)
		}
		if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) != 2 {
			t.Errorf("%s: it leaves %v", c.rule, left)
		}
	}
}

func TestACertificateHasToBeForEachNameThatClientsUse(t *testing.T) {
	t.Parallel()
	all := chain(t, 2, elliptical)
	given := keyPEM(t, leaf(all).key) + certificatesPEM(all...)
	_, said, err := toPEM(t, given, brokerHost+" ws."+brokerHost)
	if err == nil || !strings.Contains(said, "not for the name ws."+brokerHost) {
		t.Errorf("%v, and it said %q", err, said)
	}
	key := elliptical(t)
	wild := issue(t, wish{name: "wild", key: key, host: "*.example.com"})
	if _, said, err := toPEM(t, keyPEM(t, key)+certificatesPEM(wild), brokerHost); err != nil {
		t.Errorf("a wildcard: %v\n%s", err, said)
	}
}
