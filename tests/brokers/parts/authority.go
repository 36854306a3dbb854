package parts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates for names: Azure's name no addresses.
type Authority struct {
	Pool *x509.CertPool
	File string // its certificate

	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

// NewAuthority makes one, with its certificate in a folder.
func NewAuthority(t testing.TB, folder string) *Authority {
	t.Helper()
	a := &Authority{Pool: x509.NewCertPool(), File: filepath.Join(folder, "authority.pem")}
	key, der := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	certificate, err := x509.ParseCertificate(der)
	Must(t, err, os.WriteFile(a.File, encode("CERTIFICATE", der), 0o644))
	a.key, a.certificate = key, certificate
	a.Pool.AddCert(certificate)
	return a
}

// Sign gives a key, and a certificate for names, in PEM.
func (a *Authority) Sign(t testing.TB, names ...string) (key, certificate string) {
	t.Helper()
	private, der := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	Must(t, err)
	return string(encode("PRIVATE KEY", encoded)), string(encode("CERTIFICATE", der))
}

// sign signs with the key of the authority, or, while there is none, with the certificate's own.
func (a *Authority) sign(t testing.TB, template *x509.Certificate) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Must(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	Must(t, err)
	return key, der
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
