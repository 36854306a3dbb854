package realparts

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// shape is one form in which Key Vault may give a certificate, and what clients have to see of it.
type shape struct {
	name, given string
	shows       []*issued // in this order
	trusts      *issued   // the one certificate that the client has
}

// toPEM runs the script that the edge and VerneMQ's machines share on what Key Vault gives.
func toPEM(t *testing.T, given, hosts string) (out, said string, err error) {
	t.Helper()
	need(t, "openssl")
	in, out := write(t, filepath.Join(t.TempDir(), "certificate"), given), filepath.Join(t.TempDir(), "tls.pem")
	said, err = sh(t, []string{"sh"}, assets.CertificateToPEMScript, "IN="+in, "OUT="+out, "HOSTS="+hosts)
	return out, said, err
}

// pkcs12Of packs a key and certificates in this order, without a password, as Key Vault gives what was imported so.
func pkcs12Of(t *testing.T, encoder *pkcs12.Encoder, key crypto.Signer, certificates []*issued) string {
	t.Helper()
	var rest []*x509.Certificate
	for _, c := range certificates[1:] {
		rest = append(rest, c.Certificate)
	}
	packed, err := encoder.Encode(key, certificates[0].Certificate, rest, "")
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(packed)
}

// everyOrder is chains of one to four certificates in every order.
func everyOrder(t *testing.T) []shape {
	var shapes []shape
	for length := 1; length <= 4; length++ {
		all := chain(t, length, elliptical)
		for _, order := range orders(all) {
			var names []string
			for _, c := range order {
				names = append(names, c.Subject.CommonName)
			}
			given := keyPEM(t, leaf(all).key) + certificatesPEM(order...)
			shapes = append(shapes, shape{"PEM of " + strings.Join(names, ", "), given, shown(all), all[0]})
		}
	}
	return shapes
}

// everyForm is the forms that keys and files come in, each with the root first.
func everyForm(t *testing.T) []shape {
	var shapes []shape
	for _, kind := range []struct {
		name string
		key  func(*testing.T) crypto.Signer
	}{{"RSA", rivest}, {"elliptic curves", elliptical}} {
		all := chain(t, 3, kind.key)
		key, certificates := leaf(all).key, certificatesPEM(all...)
		modern := pkcs12Of(t, pkcs12.Modern2023, key, all)
		first, rest := certificatesPEM(all[0]), certificatesPEM(all[1:]...)
		for form, given := range map[string]string{
			"PEM, PKCS#8":                        keyPEM(t, key) + certificates,
			"PEM, the key's own form":            olderKeyPEM(t, key) + certificates,
			"PEM, the key last":                  certificates + keyPEM(t, key),
			"PEM, the key between":               first + keyPEM(t, key) + rest,
			"PEM with lines as Windows":          strings.ReplaceAll(keyPEM(t, key)+certificates, "\n", "\r\n"),
			"PEM without a last end of line":     strings.TrimSuffix(keyPEM(t, key)+certificates, "\n"),
			"PEM with text between":              unpacked(t, modern),
			"PKCS#12, AES":                       modern,
			"PKCS#12, 3DES":                      pkcs12Of(t, pkcs12.LegacyDES, key, all),
			"PKCS#12, RC2":                       pkcs12Of(t, pkcs12.LegacyRC2, key, all),
			"PKCS#12, the broker's own first":    pkcs12Of(t, pkcs12.Modern2023, key, shown(all)),
			"PKCS#12, in lines of 76 characters": wrapped(modern),
		} {
			shapes = append(shapes, shape{kind.name + ": " + form, given, shown(all), all[0]})
		}
	}
	return shapes
}

// unpacked is what OpenSSL makes of PKCS#12: PEM with the attributes of each part as text before it.
func unpacked(t *testing.T, packed string) string {
	t.Helper()
	return mustSh(t, `printf %s "$PACKED" | base64 -d | openssl pkcs12 -passin pass: -nodes`, "PACKED="+packed)
}

func wrapped(text string) string {
	var lines []string
	for line := range slices.Chunk([]byte(text), 76) {
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n") + "\n"
}

// everyCompany is what else may be in a file.
func everyCompany(t *testing.T) []shape {
	all := chain(t, 4, elliptical)
	above, own := all[2], all[3]
	key, soon, past := keyPEM(t, own.key), time.Now().Add(time.Minute), time.Now().Add(-time.Minute)
	older := issue(t, wish{name: brokerHost, key: own.key, by: above, host: brokerHost, until: soon})
	other := issue(t, wish{name: "another root", key: elliptical(t)})
	theirs := issue(t, wish{name: brokerHost, key: elliptical(t), by: other, host: brokerHost})
	namesake := issue(t, wish{name: above.Subject.CommonName, key: elliptical(t), by: all[1]})
	former := issue(t, wish{name: above.Subject.CommonName, key: above.key, by: all[1], until: past})
	crossed := issue(t, wish{name: "root", key: all[0].key, by: other})
	single := chain(t, 1, elliptical)
	of := func(certificates ...*issued) string { return key + certificatesPEM(certificates...) }
	up := shown(all)
	return []shape{
		{"the certificate before, with the same key", of(older, own, all[1], above), up, all[0]},
		{"somebody else's certificates", of(other, theirs, all[1], above, own), up, all[0]},
		{"an authority of the same name with another key", of(namesake, own, above, all[1]), up, all[0]},
		{"the authority's own former certificate", of(former, above, own, all[1]), up, all[0]},
		{"each one twice", of(slices.Concat(all, all)...), up, all[0]},
		{"a root that another one has signed", of(crossed, all[1], above, own), append(shown(all), crossed), other},
		{"without the root", of(all[1], above, own), up, all[0]},
		{"a self-signed one with somebody else's",
			keyPEM(t, single[0].key) + certificatesPEM(other, single[0]), single, single[0]},
	}
}

func TestACertificateInAnyShapeIsServedByHAProxyAndByErlang(t *testing.T) {
	t.Parallel()
	need(t, "haproxy", "erl", "openssl")
	shapes := slices.Concat(everyOrder(t), everyForm(t), everyCompany(t))
	files := make([]string, len(shapes))
	for i, s := range shapes {
		out, said, err := toPEM(t, s.given, brokerHost)
		if err != nil {
			t.Fatalf("%s: %v\n%s", s.name, err, said)
		}
		files[i] = out
	}
	servers := map[string][]string{"HAProxy": proxyFrontends(t, files), "Erlang": erlangServers(t, files)}
	for server, addresses := range servers {
		for i, s := range shapes {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				if err := s.seen(addresses[i], version); err != nil {
					t.Errorf("%s, by %s with TLS %x: %v", s.name, server, version, err)
				}
			}
		}
	}
}

// seen connects as a client that knows the root alone.
func (s shape) seen(address string, version uint16) error {
	roots := x509.NewCertPool()
	roots.AddCert(s.trusts.Certificate)
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address,
		&tls.Config{RootCAs: roots, ServerName: brokerHost, MinVersion: version, MaxVersion: version})
	if err != nil {
		return err
	}
	defer c.Close()
	var got, want []string
	for _, c := range c.ConnectionState().PeerCertificates {
		got = append(got, c.Subject.CommonName+" "+c.SerialNumber.String())
	}
	for _, c := range s.shows {
		want = append(want, c.Subject.CommonName+" "+c.SerialNumber.String())
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("it shows %v, want %v", got, want)
	}
	return nil
}

// proxyFrontends are the addresses of a HAProxy that shows a file at each. With one that it can't use, it does not
// start.
func proxyFrontends(t *testing.T, files []string) []string {
	t.Helper()
	config := "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n" +
		"frontend tls\n http-request return status 200\n"
	var addresses []string
	for _, file := range files {
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", freePort(t)))
		config += fmt.Sprintf(" bind %s ssl crt %s\n", addresses[len(addresses)-1], file)
	}
	start(t, exec.Command("haproxy", "-db", "-f", write(t, filepath.Join(t.TempDir(), "haproxy.cfg"), config)))
	within(t, time.Minute, "HAProxy listens", func() bool { return accepts(addresses[len(addresses)-1]) })
	return addresses
}

// erlangServers are the addresses of TLS servers with a file each, as VerneMQ's: certificate, key, authorities in one.
func erlangServers(t *testing.T, files []string) []string {
	t.Helper()
	var addresses, servers []string
	for _, file := range files {
		port := freePort(t)
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", port))
		servers = append(servers, fmt.Sprintf("{%d,%q}", port, file))
	}
	const serve = `
{ok,_} = application:ensure_all_started(ssl),
Accept = fun(Self, L) ->
  {ok,S} = ssl:transport_accept(L),
  case ssl:handshake(S, 5000) of {ok,T} -> ssl:close(T); _ -> ok end,
  Self(Self, L)
end,
[spawn(fun() ->
  {ok,L} = ssl:listen(P, [{ip,{127,0,0,1}},{reuseaddr,true},{certfile,F},{keyfile,F},{cacertfile,F}]),
  Accept(Accept, L)
end) || {P,F} <- [%s]],
receive stop -> ok end.`
	start(t, exec.Command("erl", "-noinput", "-eval", fmt.Sprintf(serve, strings.Join(servers, ","))))
	within(t, time.Minute, "Erlang listens", func() bool { return accepts(addresses[len(addresses)-1]) })
	return addresses
}
