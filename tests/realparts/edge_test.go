package realparts

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/gorilla/websocket"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const frontDoorID = "11111111-2222-3333-4444-555555555555"

// node is a Mosquitto with a plain and a WebSocket listener, and the status page that a broker node has.
type node struct {
	assets.EdgeNode
	broker  *process
	status  *http.Server
	serving atomic.Bool
	config  string
}

func newNode(t *testing.T, i int) *node {
	t.Helper()
	n := &node{EdgeNode: assets.EdgeNode{
		Name: assets.NodeApp(i), Host: "127.0.0.1", MQTT: freePort(t), WebSocket: freePort(t), Gate: freePort(t),
	}}
	n.config = write(t, filepath.Join(t.TempDir(), "mosquitto.conf"), fmt.Sprintf(
		"allow_anonymous true\nlistener %d 127.0.0.1\nlistener %d 127.0.0.1\nprotocol websockets\n", n.MQTT, n.WebSocket))
	return n
}

func (n *node) start(t *testing.T) {
	t.Helper()
	n.broker = start(t, exec.Command("mosquitto", "-c", n.config))
	n.serving.Store(true)
	n.status = &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", n.Gate),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != assets.GateServingPath || !n.serving.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})}
	listener, err := net.Listen("tcp", n.status.Addr)
	if err != nil {
		t.Fatal(err)
	}
	go n.status.Serve(listener)
	t.Cleanup(func() { n.status.Close() })
	within(t, time.Minute, "the broker listens", func() bool { return accepts(fmt.Sprintf("127.0.0.1:%d", n.MQTT)) })
}

func (n *node) die() {
	n.broker.kill()
	n.status.Close()
}

// edge is a running HAProxy with the deployed configuration, on other ports and with other nodes.
type edge struct {
	mqtts, http, probes string // addresses
	certificate         certificate
	nodes               []*node
	haproxy             *process
}

func newEdge(t *testing.T, nodes ...*node) *edge {
	t.Helper()
	return newEdgeUnder(t, nil, func(settings *assets.Edge) {}, nodes...)
}

// newEdgeUnder starts HAProxy by a command, which gets HAProxy's own as its last words, and with other settings.
func newEdgeUnder(t *testing.T, command []string, other func(*assets.Edge), nodes ...*node) *edge {
	t.Helper()
	need(t, "haproxy", "mosquitto")
	mqtts, web, probes := freePort(t), freePort(t), freePort(t)
	e := &edge{
		mqtts: fmt.Sprintf("127.0.0.1:%d", mqtts), http: fmt.Sprintf("127.0.0.1:%d", web),
		probes:      fmt.Sprintf("127.0.0.1:%d", probes),
		certificate: newCertificate(t, time.Now().Add(time.Hour)), nodes: nodes,
	}
	settings := assets.Edge{FrontDoorID: frontDoorID, MaxConnections: 1000, CertificateFile: e.certificate.file,
		MQTTSPort: mqtts, WebSocketPort: web, ProbePort: probes, AdminPort: freePort(t)}
	other(&settings)
	for _, n := range nodes {
		settings.Nodes = append(settings.Nodes, n.EdgeNode)
	}
	config, err := settings.Config()
	if err != nil {
		t.Fatal(err)
	}
	command = append(slices.Clone(command), "haproxy", "-W", "-db", "-f",
		write(t, filepath.Join(t.TempDir(), assets.EdgeConfigFile), config))
	e.haproxy = start(t, exec.Command(command[0], command[1:]...))
	within(t, time.Minute, "the edge listens", func() bool { return accepts(e.mqtts) && accepts(e.http) })
	return e
}

var patient = &http.Client{Timeout: 10 * time.Second}

func (e *edge) health(t *testing.T) int { return e.get(t, assets.EdgeHealthPath, "") }

// get is the status of a plain request.
func (e *edge) get(t *testing.T, path, id string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.http+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if id != "" {
		request.Header.Set("X-Azure-FDID", id)
	}
	response, err := patient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// dialTLS opens a connection as an mqtts:// client.
func (e *edge) dialTLS() (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 2 * time.Second}
	c, err := tls.DialWithDialer(dialer, "tcp", e.mqtts, &tls.Config{RootCAs: e.certificate.pool, ServerName: "localhost"})
	if err != nil {
		return nil, err
	}
	return packets.NewThreadSafeConn(c), nil
}

// dialWebSocket opens a connection as Front Door does for a wss:// client.
func (e *edge) dialWebSocket() (net.Conn, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"mqtt"}, HandshakeTimeout: 2 * time.Second}
	c, _, err := dialer.Dial("ws://"+e.http+assets.WebSocketPath, http.Header{"X-Azure-FDID": {frontDoorID}})
	if err != nil {
		return nil, err
	}
	return packets.NewThreadSafeConn(&webSocketConn{Conn: c}), nil
}

// webSocketConn makes a stream of binary messages.
type webSocketConn struct {
	*websocket.Conn
	message io.Reader
}

func (c *webSocketConn) Write(p []byte) (int, error) {
	return len(p), c.WriteMessage(websocket.BinaryMessage, p)
}

func (c *webSocketConn) Read(p []byte) (int, error) {
	for {
		if c.message == nil {
			var err error
			if _, c.message, err = c.NextReader(); err != nil {
				return 0, err
			}
		}
		n, err := c.message.Read(p)
		if err == io.EOF {
			c.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (c *webSocketConn) SetDeadline(d time.Time) error {
	if err := c.SetReadDeadline(d); err != nil {
		return err
	}
	return c.SetWriteDeadline(d)
}

// client is connected and subscribed to a topic of its own.
type client struct {
	mqtt     *paho.Client
	topic    string
	received chan string
	lost     chan struct{}
}

func connect(ctx context.Context, dial func() (net.Conn, error), name string) (*client, error) {
	conn, err := dial()
	if err != nil {
		return nil, err
	}
	c := &client{topic: "devices/" + name, received: make(chan string, 10), lost: make(chan struct{}, 2)}
	c.mqtt = paho.NewClient(paho.ClientConfig{
		Conn: conn, PacketTimeout: 2 * time.Second,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			c.received <- string(p.Packet.Payload)
			return true, nil
		}},
		OnClientError:      func(error) { c.lost <- struct{}{} },
		OnServerDisconnect: func(*paho.Disconnect) { c.lost <- struct{}{} },
	})
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := c.mqtt.Connect(ctx, &paho.Connect{ClientID: name, CleanStart: true, KeepAlive: 30}); err != nil {
		return nil, err
	}
	_, err = c.mqtt.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: c.topic, QoS: 1}}})
	return c, err
}

// echoes says whether a message that the client publishes comes back to it.
func (c *client) echoes(ctx context.Context, message string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := c.mqtt.Publish(ctx, &paho.Publish{Topic: c.topic, QoS: 1, Payload: []byte(message)}); err != nil {
		return err
	}
	select {
	case got := <-c.received:
		if got != message {
			return fmt.Errorf("received %q, want %q", got, message)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestHAProxyAcceptsTheDeployedConfiguration(t *testing.T) {
	t.Parallel()
	need(t, "haproxy")
	config, err := assets.Edge{
		Nodes: assets.EdgeNodes(), FrontDoorID: frontDoorID, MaxConnections: 20_000,
		CertificateFile: newCertificate(t, time.Now().Add(time.Hour)).file,
	}.Config()
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command("haproxy", "-c", "-f", write(t, filepath.Join(t.TempDir(), "haproxy.cfg"), config)).
		CombinedOutput()
	if err != nil || strings.Contains(string(said), "WARNING") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestClientsPublishAndReceiveThroughTheEdgeAndGoOnWhenANodeDies(t *testing.T) {
	for _, transport := range []string{"mqtts", "websocket"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t, newNode(t, 0), newNode(t, 1))
			for _, n := range e.nodes {
				n.start(t)
			}
			within(t, time.Minute, "both nodes are up", func() bool { return e.health(t) == http.StatusOK })
			time.Sleep(2500 * time.Millisecond) // one more round of checks: both nodes, not only the first
			dial := e.dialTLS
			if transport == "websocket" {
				dial = e.dialWebSocket
			}
			// The edge gives each node as many connections as the other: of four clients, two are on each.
			clients := make([]*client, 4)
			for i := range clients {
				var err error
				if clients[i], err = connect(t.Context(), dial, fmt.Sprintf("%s-%d", transport, i)); err != nil {
					t.Fatal(err)
				}
				if err := clients[i].echoes(t.Context(), "before"); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
			e.nodes[0].die()
			dropped := 0
			for i, c := range clients {
				select {
				case <-c.lost:
					dropped++
					within(t, time.Minute, "the client is on the other node", func() bool {
						again, err := connect(t.Context(), dial, fmt.Sprintf("%s-%d-again", transport, i))
						return err == nil && again.echoes(t.Context(), "after") == nil
					})
				case <-time.After(time.Second):
					if err := c.echoes(t.Context(), "still"); err != nil {
						t.Errorf("client %d was not dropped and does not work: %v", i, err)
					}
				}
			}
			if dropped != 2 {
				t.Errorf("%d of 4 clients were dropped, want the 2 of the dead node", dropped)
			}
		})
	}
}

func TestANodeThatStopsServingLosesItsClientsAndOneThatComesUpGetsSome(t *testing.T) {
	t.Parallel()
	e := newEdge(t, newNode(t, 0), newNode(t, 1))
	within(t, time.Minute, "the edge without a node is unhealthy", func() bool {
		return e.health(t) == http.StatusServiceUnavailable
	})
	e.nodes[1].start(t)
	within(t, time.Minute, "the late node is used", func() bool { return e.health(t) == http.StatusOK })
	c, err := connect(t.Context(), e.dialTLS, "drained")
	if err != nil {
		t.Fatal(err)
	}
	e.nodes[1].serving.Store(false) // its ports stay open
	select {
	case <-c.lost:
	case <-time.After(10 * time.Second):
		t.Error("a client stays on a node that does not serve")
	}
	within(t, time.Minute, "the edge is unhealthy", func() bool { return e.health(t) == http.StatusServiceUnavailable })
}

func TestOnlyTheStacksOwnFrontDoorReachesTheWebSocketAndNothingElse(t *testing.T) {
	t.Parallel()
	e := newEdge(t, newNode(t, 0))
	e.nodes[0].start(t)
	within(t, time.Minute, "the node is up", func() bool { return e.health(t) == http.StatusOK })
	for _, c := range []struct {
		path, id string
		want     int
	}{
		{assets.WebSocketPath, "", http.StatusForbidden},
		{assets.WebSocketPath, "99999999-2222-3333-4444-555555555555", http.StatusForbidden},
		{assets.WebSocketPath, frontDoorID + "0", http.StatusForbidden},
		{"/", frontDoorID, http.StatusNotFound},
		{"/mqtt/..;/status", frontDoorID, http.StatusNotFound},
		{"/api/v5/status", frontDoorID, http.StatusNotFound},
		{"/status", "", http.StatusForbidden},
	} {
		if got := e.get(t, c.path, c.id); got != c.want {
			t.Errorf("%s with X-Azure-FDID %q is %d, want %d", c.path, c.id, got, c.want)
		}
	}
}

func TestTheEdgeSpeaksNoTLSBelow12(t *testing.T) {
	t.Parallel()
	e := newEdge(t, newNode(t, 0))
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true,
		tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", e.mqtts, &tls.Config{RootCAs: e.certificate.pool, ServerName: "localhost",
			MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("TLS %x: %v", version, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

func TestTheEdgeStartsWithTheOpenFilesThatItGetsAndSaysHowManyThoseAre(t *testing.T) {
	t.Parallel()
	limited := []string{"sh", "-c", `ulimit -n 256 && exec "$@"`, "sh"}
	if os.Geteuid() == 0 { // root would raise the limit
		limited = append([]string{"setpriv", "--bounding-set=-sys_resource"}, limited...)
	}
	e := newEdgeUnder(t, limited, func(*assets.Edge) {}, newNode(t, 0))
	e.nodes[0].start(t)
	within(t, time.Minute, "the node is up", func() bool { return e.health(t) == http.StatusOK })
	c, err := connect(t.Context(), e.dialTLS, "limited")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.echoes(t.Context(), "through few files"); err != nil {
		t.Error(err)
	}
	if said := e.haproxy.said.String(); !strings.Contains(said, "limit is 256") {
		t.Errorf("nothing about 256 files: %s", said)
	}
}

// sessions are the lines that the edge has logged of what came to it.
func (e *edge) sessions() []string {
	return regexp.MustCompile(`(?m)^.*\] (?:mqtts|websocket)\b.*$`).FindAllString(e.haproxy.said.String(), -1)
}

func TestProbesLeaveNoLineInTheEdgesLogAndClientsDo(t *testing.T) {
	t.Parallel()
	e := newEdge(t, newNode(t, 0))
	probe := func(status int) {
		t.Helper()
		within(t, time.Minute, fmt.Sprint("the probe of Front Door gets ", status), func() bool {
			if !accepts(e.mqtts) { // as Container Apps probes
				t.Error("it does not accept")
			}
			return e.get(t, assets.EdgeHealthPath, "") == status && e.get(t, assets.EdgeHealthPath, frontDoorID) == status
		})
	}
	probe(http.StatusServiceUnavailable)
	e.nodes[0].start(t)
	probe(http.StatusOK)
	time.Sleep(time.Second) // a line comes when a session is over
	if lines := e.sessions(); len(lines) > 0 {
		t.Fatalf("probes have left %d lines: %q", len(lines), lines)
	}
	for i, dial := range []func() (net.Conn, error){e.dialTLS, e.dialWebSocket} {
		c, err := connect(t.Context(), dial, fmt.Sprint("logged-", i))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.mqtt.Disconnect(&paho.Disconnect{}); err != nil {
			t.Error(err)
		}
		way := []string{"] mqtts~ mqtt/emqx-0 ", "] websocket websocket/emqx-0 "}[i]
		within(t, time.Minute, "a line of a client: "+way, func() bool {
			lines := e.sessions()
			return len(lines) == i+1 && strings.Contains(lines[i], way)
		})
	}
}
