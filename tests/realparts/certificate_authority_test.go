package realparts

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// brokerHost is the name that the certificates of these tests are for.
const brokerHost = "mqtt.example.com"

// issued is a certificate with its key.
type issued struct {
	*x509.Certificate
	key crypto.Signer
}

// wish is a certificate that is to be issued.
type wish struct {
	name        string
	by          *issued // nil: by itself
	key         crypto.Signer
	host        string // "" for an authority
	from, until time.Time
}

func issue(t *testing.T, w wish) *issued {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: w.name}, NotBefore: w.from, NotAfter: w.until,
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if w.from.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if w.until.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	if w.host != "" {
		template.DNSNames, template.ExtKeyUsage = []string{w.host}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		template.IsCA = false
	}
	by, signer := template, w.key
	if w.by != nil {
		by, signer = w.by.Certificate, w.by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, w.key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{certificate, w.key}
}

func elliptical(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rivest(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// chain is a root, authorities below each other, and last the broker's own certificate. One of length 1 is self-signed.
func chain(t *testing.T, length int, key func(*testing.T) crypto.Signer) []*issued {
	t.Helper()
	if length == 1 {
		return []*issued{issue(t, wish{name: brokerHost, key: key(t), host: brokerHost})}
	}
	all := []*issued{issue(t, wish{name: "root", key: key(t)})}
	for i := 1; i < length-1; i++ {
		all = append(all, issue(t, wish{name: strings.Repeat("sub", i), key: key(t), by: all[i-1]}))
	}
	return append(all, issue(t, wish{name: brokerHost, key: key(t), by: all[length-2], host: brokerHost}))
}

// leaf is the broker's own of a chain.
func leaf(all []*issued) *issued { return all[len(all)-1] }

// shown is what a client has to see of a chain: the broker's own first, and no root.
func shown(all []*issued) []*issued {
	if len(all) > 1 {
		all = all[1:]
	}
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func certificatesPEM(all ...*issued) string {
	var text strings.Builder
	for _, c := range all {
		text.WriteString(pemOf("CERTIFICATE", c.Raw))
	}
	return text.String()
}

// keyPEM is a key as PKCS#8.
func keyPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

// olderKeyPEM is a key in the form of its own kind: PKCS#1, or SEC 1 as OpenSSL writes it.
func olderKeyPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	if key, is := key.(*rsa.PrivateKey); is {
		return pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	}
	der, err := x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	curve := []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07} // prime256v1
	return pemOf("EC PARAMETERS", curve) + pemOf("EC PRIVATE KEY", der)
}

// orders are all orders of some certificates.
func orders(all []*issued) [][]*issued {
	if len(all) < 2 {
		return [][]*issued{all}
	}
	var found [][]*issued
	for i, first := range all {
		rest := slices.Concat(all[:i], all[i+1:])
		for _, order := range orders(rest) {
			found = append(found, append([]*issued{first}, order...))
		}
	}
	return found
}
