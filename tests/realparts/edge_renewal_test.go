package realparts

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// edgeTools are what the edge's script uses of the proxy's image besides openssl and haproxy: BusyBox's, as in Alpine.
var edgeTools = []string{
	"awk", "base64", "cat", "cmp", "cp", "date", "expr", "grep", "mkdir", "mv", "nc", "rm", "sed", "sh", "sleep", "tail",
	"timeout", "tr",
}

// edgeVault plays Azure for the edge: its vault with one secret, and where a container gets tokens.
type edgeVault struct {
	vault, identity *httptest.Server
	trusts          string // file with the authority of the vault's certificate

	mu     sync.Mutex
	secret string
	tokens int // that the vault was shown
}

// newEdgeVault holds a secret, and shows a certificate with its key.
func newEdgeVault(t *testing.T, secret, shows string) *edgeVault {
	t.Helper()
	v := &edgeVault{secret: secret, trusts: write(t, filepath.Join(t.TempDir(), "authority.pem"), shows)}
	v.vault = httptest.NewUnstartedServer(http.HandlerFunc(v.answer))
	v.identity = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Header.Get("X-IDENTITY-HEADER") != "the header" || q.Get("resource") != "https://vault.azure.net" ||
			q.Get("api-version") != "2019-08-01" || q.Get("client_id") != "the-client" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `{"access_token":"the token","expires_on":"1586984735","token_type":"Bearer"}`)
	}))
	pair, err := tls.X509KeyPair([]byte(shows), []byte(shows))
	if err != nil {
		t.Fatal(err)
	}
	v.vault.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	v.vault.StartTLS()
	t.Cleanup(v.vault.Close)
	t.Cleanup(v.identity.Close)
	return v
}

func (v *edgeVault) answer(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if r.Header.Get("Authorization") != "" {
		v.tokens++
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer the token" || r.URL.Query().Get("api-version") != "7.4":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path != "/secrets/mqtt" || v.secret == "":
		w.WriteHeader(http.StatusNotFound)
	default:
		body, _ := json.Marshal(map[string]any{"value": v.secret, "contentType": "application/x-pkcs12"})
		w.Write(body)
	}
}

func (v *edgeVault) renew(secret string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secret = secret
}

// startEdge runs the edge's own command with its own environment, on other ports and with other nodes.
func (v *edgeVault) startEdge(t *testing.T, nodes ...*node) (*edge, *process) {
	t.Helper()
	need(t, "busybox", "openssl", "haproxy", "mosquitto")
	mqtts, web, admin := freePort(t), freePort(t), freePort(t)
	e := &edge{mqtts: fmt.Sprintf("127.0.0.1:%d", mqtts), http: fmt.Sprintf("127.0.0.1:%d", web), nodes: nodes}
	bin, folder := t.TempDir(), t.TempDir()
	for _, tool := range append(edgeTools, "openssl", "haproxy") {
		program := "busybox"
		if tool == "openssl" || tool == "haproxy" {
			program = tool
		}
		path, err := exec.LookPath(program)
		if err == nil {
			err = os.Symlink(path, filepath.Join(bin, tool))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	settings := assets.Edge{
		FrontDoorID: frontDoorID, MaxConnections: 1000, CertificateFile: filepath.Join(folder, "edge", "tls.pem"),
		MQTTSPort: mqtts, WebSocketPort: web, AdminPort: admin,
	}
	for _, n := range nodes {
		settings.Nodes = append(settings.Nodes, n.EdgeNode)
	}
	config, err := settings.Config()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(filepath.Join(bin, "sh"), assets.EdgeCommand()[1:]...)
	command.Env = []string{
		"PATH=" + bin, "SSL_CERT_FILE=" + v.trusts, "EVERY=0.3", "PAUSE=0.1",
		"IDENTITY_ENDPOINT=" + v.identity.URL + "/msi/token", "IDENTITY_HEADER=the header", "CLIENT_ID=the-client",
		"CERTIFICATE_URL=" + strings.Replace(v.vault.URL, "127.0.0.1", "localhost", 1) + "/secrets/mqtt",
		"HOSTS=" + brokerHost,
	}
	overridden := map[string]string{
		"CONFIG": write(t, filepath.Join(folder, "haproxy.cfg"), config), "CERTIFICATE": settings.CertificateFile,
		"ADMIN_PORT": fmt.Sprint(admin),
	}
	for _, variable := range assets.EdgeEnvironment() {
		if other, has := overridden[variable.Name]; has {
			variable.Value = other
		}
		command.Env = append(command.Env, variable.Name+"="+variable.Value)
	}
	return e, start(t, command)
}

// dials connects as a client that trusts a root only.
func (e *edge) dials(root *issued) func() (net.Conn, error) {
	roots := x509.NewCertPool()
	roots.AddCert(root.Certificate)
	return func() (net.Conn, error) {
		dialer := &net.Dialer{Timeout: 5 * time.Second}
		c, err := tls.DialWithDialer(dialer, "tcp", e.mqtts, &tls.Config{RootCAs: roots, ServerName: brokerHost})
		if err != nil {
			return nil, err
		}
		return packets.NewThreadSafeConn(c), nil
	}
}

// shows says whether a client that trusts a root only is served.
func (e *edge) shows(root *issued) bool {
	c, err := e.dials(root)()
	if err == nil {
		c.Close()
	}
	return err == nil
}

func TestTheEdgeTakesARenewedCertificateAndDropsNobody(t *testing.T) {
	t.Parallel()
	before, after := chain(t, 3, rivest), chain(t, 4, elliptical)
	v := newEdgeVault(t, pkcs12Of(t, pkcs12.LegacyDES, leaf(before).key, before), vmCertificate(t).pem)
	n := newNode(t, 0)
	n.start(t)
	e, edge := v.startEdge(t, n)
	within(t, time.Minute, "the edge serves", func() bool { return accepts(e.mqtts) && e.health(t) == http.StatusOK })
	over, err := connect(t.Context(), e.dials(before[0]), "over-tls")
	if err != nil {
		t.Fatal(err)
	}
	web, err := connect(t.Context(), e.dialWebSocket, "over-websocket")
	if err != nil {
		t.Fatal(err)
	}
	stays := func(when string) {
		t.Helper()
		for _, c := range []*client{over, web} {
			select {
			case <-c.lost:
				t.Errorf("%s, %s is cut off", when, c.topic)
			default:
			}
			if err := c.echoes(t.Context(), when); err != nil {
				t.Errorf("%s, %s: %v", when, c.topic, err)
			}
		}
	}

	v.renew(pkcs12Of(t, pkcs12.Modern2023, leaf(after).key, after))
	within(t, time.Minute, "a new client sees the new certificate", func() bool { return e.shows(after[0]) })
	if e.shows(before[0]) {
		t.Error("a new client sees the old one")
	}
	stays("after the renewal")

	expired := issue(t, wish{name: brokerHost, key: elliptical(t), host: brokerHost, until: time.Now().Add(-time.Minute)})
	v.renew(keyPEM(t, expired.key) + certificatesPEM(expired))
	within(t, time.Minute, "the edge says why it does not take an expired one", func() bool {
		return strings.Contains(edge.said.String(), "certificate refused: expired at ")
	})
	if !e.shows(after[0]) {
		t.Error("the working one is gone")
	}
	stays("after a broken renewal")

	again := chain(t, 2, elliptical)
	v.renew(keyPEM(t, leaf(again).key) + certificatesPEM(again...))
	within(t, time.Minute, "the next good one is taken", func() bool { return e.shows(again[0]) })
	stays("after the next one")
	holds := environmentOf(t, edge.command.Process.Pid)
	if strings.Contains(holds, "PRIVATE KEY") || strings.Contains(holds, "the token") {
		t.Error("a process has the key or the token in its environment")
	}
}

// environmentOf is the environment of a process and of its descendants.
func environmentOf(t *testing.T, pid int) string {
	t.Helper()
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.ReplaceAll(string(environment), assets.CertificateToPEMScript, "")
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // none: it has ended
	for _, child := range strings.Fields(string(children)) {
		data, _ := os.ReadFile("/proc/" + child + "/environ") // as above
		all += strings.ReplaceAll(string(data), assets.CertificateToPEMScript, "")
	}
	return all
}

// ends waits for an edge to end by itself, and says whether it failed.
func ends(t *testing.T, edge *process) (fails bool) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- edge.command.Wait() }()
	select {
	case err := <-ended:
		return err != nil
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-edge.command.Process.Pid, syscall.SIGKILL) // it may have ended at last
		<-ended
		return false
	}
}

func TestTheEdgeDoesNotStartWithoutACertificate(t *testing.T) {
	t.Parallel()
	all := chain(t, 2, elliptical)
	keyless := base64.StdEncoding.EncodeToString([]byte(certificatesPEM(all...)))
	for given, why := range map[string]string{
		"":                      "localhost answers HTTP/1.1 404 Not Found",
		certificatesPEM(all...): "certificate refused: no private key in it",
		keyless:                 "certificate refused: neither PEM nor PKCS#12",
	} {
		v := newEdgeVault(t, given, vmCertificate(t).pem)
		_, edge := v.startEdge(t, newNode(t, 0))
		if fails := ends(t, edge); !fails || !strings.Contains(edge.said.String(), why) {
			t.Errorf("%s: it fails: %v, and said\n%s", why, fails, edge.said)
		}
	}
}

func TestTheEdgeShowsItsTokenToTheRightVaultOnly(t *testing.T) {
	t.Parallel()
	all := chain(t, 1, elliptical)
	good := keyPEM(t, leaf(all).key) + certificatesPEM(all...)
	stranger := newEdgeVault(t, good, vmCertificate(t).pem)
	stranger.trusts = newCertificate(t, time.Now().Add(time.Hour)).file
	misnamed := newEdgeVault(t, good, good)
	for what, v := range map[string]*edgeVault{"a stranger": stranger, "one with another name": misnamed} {
		_, edge := v.startEdge(t, newNode(t, 0))
		fails := ends(t, edge)
		v.mu.Lock()
		if !fails || !strings.Contains(edge.said.String(), "localhost answers nothing") || v.tokens != 0 {
			t.Errorf("%s: the edge fails: %v, showed %d tokens, and said\n%s", what, fails, v.tokens, edge.said)
		}
		v.mu.Unlock()
	}
}
