package realparts

import (
	"bufio"
	"crypto/pbkdf2"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/smoke"
)

// guarded is a Mosquitto with TLS, a user with a password, and topic rules, on both ways in.
type guarded struct {
	mqtts, wss int // ports
	certificate
}

// newGuarded starts one. Its config ends with more lines. Mosquitto's own files of rules say nothing about
// subscriptions: its plugin does.
func newGuarded(t *testing.T, until time.Time, allowed bool, more string) guarded {
	t.Helper()
	need(t, "mosquitto")
	plugins, err := filepath.Glob("/usr/lib/*/mosquitto_dynamic_security.so")
	if err != nil {
		t.Fatal(err)
	}
	if len(plugins) == 0 {
		missing(t, "Mosquitto's plugin for dynamic security")
	}
	g := guarded{mqtts: freePort(t), wss: freePort(t), certificate: newCertificate(t, until)}
	folder := t.TempDir()
	// Its files belong to nobody else.
	config := fmt.Sprintf("user root\nplugin %s\nplugin_opt_config_file %s\n%s\n", plugins[0],
		write(t, filepath.Join(folder, "rules.json"), rules(t, allowed)), more)
	for port, protocol := range map[int]string{g.mqtts: "mqtt", g.wss: "websockets"} {
		config += fmt.Sprintf("listener %d 127.0.0.1\nprotocol %s\ncertfile %[3]s\nkeyfile %[3]s\n", port, protocol, g.file)
	}
	start(t, exec.Command("mosquitto", "-c", write(t, filepath.Join(folder, "mosquitto.conf"), config)))
	within(t, time.Minute, "the broker listens", func() bool {
		return accepts(fmt.Sprintf("127.0.0.1:%d", g.mqtts)) && accepts(fmt.Sprintf("127.0.0.1:%d", g.wss))
	})
	return g
}

// rules let one user do what it likes below one topic. What no rule names is allowed, or not.
func rules(t *testing.T, allowed bool) string {
	t.Helper()
	salt := []byte("twelve bytes")
	key, err := pbkdf2.Key(sha512.New, "secret12", salt, 101, 64)
	if err != nil {
		t.Fatal(err)
	}
	rule := func(kind string) map[string]any {
		return map[string]any{"acltype": kind, "topic": "smoke/#", "allow": true}
	}
	text, err := json.Marshal(map[string]any{
		"defaultACLAccess": map[string]bool{"publishClientSend": allowed, "publishClientReceive": true,
			"subscribe": allowed, "unsubscribe": true},
		"clients": []any{map[string]any{
			"username": "smoke", "password": base64.StdEncoding.EncodeToString(key),
			"salt": base64.StdEncoding.EncodeToString(salt), "iterations": 101,
			"roles": []any{map[string]any{"rolename": "smoke"}},
		}},
		"roles": []any{map[string]any{"rolename": "smoke",
			"acls": []any{rule("publishClientSend"), rule("subscribePattern")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (g guarded) target(url string) smoke.Target {
	return smoke.Target{
		URL: url, CAs: g.pool, Username: "smoke", Password: "secret12", Topic: "smoke", Forbidden: "elsewhere/1",
		Timeout: 5 * time.Second, MaxLatency: time.Second, MinLifetime: 24 * time.Hour,
	}
}

func (g guarded) urls() []string {
	return []string{fmt.Sprintf("mqtts://localhost:%d", g.mqtts), fmt.Sprintf("wss://localhost:%d/mqtt", g.wss)}
}

// failing are the checks that did not pass, and what they said.
func failing(t *testing.T, target smoke.Target) map[string]string {
	t.Helper()
	all, failed := 0, map[string]string{}
	err := smoke.Run(t.Context(), target, func(r smoke.Result) {
		all++
		if !r.Passed {
			failed[r.Check] = r.Detail
		}
	})
	if all != 19 || errors.Is(err, smoke.ErrFailed) != (len(failed) > 0) {
		t.Errorf("%d checks, %v, failed: %v", all, err, failed)
	}
	return failed
}

func TestABrokerThatIsAsItShouldBePassesEveryCheck(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, time.Now().Add(90*24*time.Hour), false, "allow_anonymous false")
	for _, url := range g.urls() {
		if failed := failing(t, g.target(url)); len(failed) > 0 {
			t.Errorf("%s: %v", url, failed)
		}
	}
}

func TestABrokerMayRefuseAndServeInItsOwnWay(t *testing.T) {
	for _, c := range []struct {
		name string
		way  func() filter
	}{
		{"it hangs up on who asks for what is forbidden", func() filter { return hangUpInsteadOf(notAuthorized) }},
		{"a subscription serves a moment after it was granted", func() filter { return lateFor(live, 50*time.Millisecond) }},
		{"a retained message is there a moment later", func() filter { return lateFor(kept, 300*time.Millisecond) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t, time.Now().Add(90*24*time.Hour), false, "allow_anonymous false")
			target := g.target(fmt.Sprintf("mqtts://localhost:%d", g.behind(t, c.way)))
			target.Timeout = 2 * time.Second
			if failed := failing(t, target); len(failed) > 0 {
				t.Error(failed)
			}
			load := smoke.Load{Connections: 4, Rate: 100, Duration: time.Second, QoS: 1, Payload: 64}
			if report, err := smoke.Play(t.Context(), target, load, func(smoke.Report) {}); err != nil {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

// The checks, by the ends of their names: what follows the version of MQTT.
const (
	lasting   = "the certificate is trusted and lasts"
	password  = "a wrong password is refused"
	nameless  = "nobody connects without a name"
	denied    = "a forbidden topic is refused"
	qos0      = "messages of QoS 0 arrive once and in time"
	qos1      = "messages of QoS 1 arrive once and in time"
	qos2      = "messages of QoS 2 arrive once and in time"
	retaining = "a retained message waits for who comes later"
	resuming  = "a session is taken up again with what came meanwhile"
)

func TestEachCheckFailsOnTheBrokerThatItIsFor(t *testing.T) {
	const long, guard = 90 * 24 * time.Hour, "allow_anonymous false"
	for _, c := range []struct {
		name    string
		until   time.Duration
		allowed bool // is what no rule names
		more    string
		between func() filter // nil: clients connect to the broker itself
		want    []string      // the checks that fail, in both versions unless one is named
	}{
		{"a certificate that expires tomorrow", 23 * time.Hour, false, guard, nil, []string{lasting}},
		{"anybody may come in", long, false, "allow_anonymous true", nil, []string{nameless}},
		{"a refused client is let in", long, false, guard, each(func(p []byte) []byte {
			if p[0]>>4 == 2 {
				p[3] = 0
			}
			return p
		}), []string{password, nameless}},
		{"everything is allowed", long, true, guard, nil, []string{denied}},
		{"QoS 2 is never completed", long, false, guard, dropping(func(p []byte) bool { return p[0]>>4 == 5 }),
			[]string{qos2}},
		{"messages are slow", long, false, guard, each(func(p []byte) []byte {
			if p[0]>>4 == 3 {
				time.Sleep(150 * time.Millisecond)
			}
			return p
		}), []string{qos0, qos1, qos2}},
		{"one message of ten is lost", long, false, guard, func() filter {
			n := 0
			return func(p []byte) []byte {
				if p[0]>>4 == 3 {
					n++
				}
				if p[0]>>4 == 3 && n%10 == 0 {
					return nil
				}
				return p
			}
		}, []string{qos0, qos1, qos2}},
		{"no subscription ever serves", long, false, guard, dropping(func(p []byte) bool {
			return p[0]>>4 == 3 && p[0]&1 == 0
		}),
			[]string{qos0, qos1, qos2, resuming}},
		{"messages come twice", long, false, guard, func() filter { return twice }, []string{qos2}},
		{"sessions are forgotten", long, false, guard, each(func(p []byte) []byte {
			if p[0]>>4 == 2 {
				p[2] &^= 1 // session present
			}
			return p
		}), []string{resuming}},
		{"what came meanwhile is lost", long, false, guard, func() filter { return forgetful() }, []string{resuming}},
		{"it is busy whenever it should refuse a client", long, false, guard, each(func(p []byte) []byte {
			if p[0]>>4 == 2 && p[3] != 0 {
				p[3] = map[byte]byte{2: 0x03}[p[1]] // 3.1.1: server unavailable
				if p[3] == 0 {
					p[3] = 0x89 // server busy
				}
			}
			return p
		}), []string{password, nameless}},
		{"a refusal is kept back", long, false, guard, dropping(refusing), []string{denied}},
		{"it refuses a topic for another reason", long, false, guard, each(func(p []byte) []byte {
			if refusing(p) && p[len(p)-1] == notAuthorized {
				p[len(p)-1] = 0x97 // quota exceeded
			}
			return p
		}), []string{"MQTT 5: " + denied}},
		{"it hangs up without a word", long, false, guard, func() filter { return hangUpInsteadOf(0) },
			[]string{"MQTT 5: " + denied}},
		{"it hangs up because it stops", long, false, guard, func() filter { return hangUpInsteadOf(0x8b) },
			[]string{"MQTT 5: " + denied}},
		{"nothing is retained", long, false, guard + "\nretain_available false", nil, []string{retaining}},
		{"a retained message never comes", long, false, guard, dropping(func(p []byte) bool {
			return p[0]>>4 == 3 && p[0]&1 == 1
		}),
			[]string{retaining}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t, time.Now().Add(c.until), c.allowed, c.more)
			target := g.target(g.urls()[0])
			target.Timeout = 2 * time.Second
			if c.name == "messages are slow" { // elsewhere a busy machine must not look like this fault
				target.MaxLatency = 100 * time.Millisecond
			}
			if c.between != nil {
				target.URL = fmt.Sprintf("mqtts://localhost:%d", g.behind(t, c.between))
			}
			var want []string
			for _, check := range c.want {
				if check == lasting || strings.HasPrefix(check, "MQTT") {
					want = append(want, check)
				} else {
					want = append(want, "MQTT 3.1.1: "+check, "MQTT 5: "+check)
				}
			}
			slices.Sort(want)
			failed := failing(t, target)
			if got := slices.Sorted(maps.Keys(failed)); !slices.Equal(got, want) {
				t.Errorf("these checks fail: %v\nwant: %v", failed, want)
			}
		})
	}
}

func TestAUserWhoIsRefusedFailsWhatTakesAUser(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, time.Now().Add(90*24*time.Hour), false, "allow_anonymous false")
	target := g.target(g.urls()[0])
	target.Password = "another"
	failed := failing(t, target)
	for _, version := range []string{"3.1.1", "5"} {
		if failed["MQTT "+version+": the user connects"] == "" {
			t.Errorf("the user connects with MQTT %s", version)
		}
		for _, refusal := range []string{"a wrong password is refused", "nobody connects without a name"} {
			if failed["MQTT "+version+": "+refusal] != "" {
				t.Errorf("MQTT %s: %q fails", version, refusal)
			}
		}
	}
	if len(failed) != 14 {
		t.Errorf("%d checks fail: %v", len(failed), failed)
	}
}

func TestAnExpiredCertificateFailsEveryCheck(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, time.Now().Add(-time.Hour), false, "allow_anonymous false")
	for _, url := range g.urls() {
		failed := failing(t, g.target(url))
		if len(failed) != 19 || !strings.Contains(failed["the certificate is trusted and lasts"], "expired") {
			t.Errorf("%s: %v", url, failed)
		}
	}
}

// filter looks at a packet to a client, and gives back what the client gets in its place; nil: nothing. With hangUp, or
// a DISCONNECT, the connection ends. Each connection has a filter of its own.
type filter func(packet []byte) []byte

var hangUp = []byte{}

// notAuthorized is MQTT 5's reason for a refusal.
const notAuthorized = 0x87

// each is a filter that remembers nothing.
func each(f filter) func() filter { return func() filter { return f } }

func dropping(drop func([]byte) bool) func() filter {
	return each(func(p []byte) []byte {
		if drop(p) {
			return nil
		}
		return p
	})
}

// refusing says whether a packet refuses a subscription, or a message.
func refusing(p []byte) bool {
	return p[0]>>4 == 9 && p[len(p)-1] >= 0x80 || p[0]>>4 == 4 && len(p) > 4 && p[4] >= 0x80
}

// hangUpInsteadOf has the broker hang up where it would refuse: with a reason, or with 0 without a word. MQTT 3.1.1 has
// no word for it.
func hangUpInsteadOf(reason byte) filter {
	return func(p []byte) []byte {
		switch old := p[0]>>4 == 9 && p[len(p)-1] == 0x80; {
		case !refusing(p):
			return p
		case old || reason == 0:
			return hangUp
		default:
			return []byte{0xe0, 2, reason, 0}
		}
	}
}

// What a message to a client may be, by its flag.
const (
	live = 0 // one that was published while the client was subscribed
	kept = 1 // retained
)

// lateFor loses what comes too soon after the first subscription was granted.
func lateFor(retained byte, late time.Duration) filter {
	var granted time.Time
	return func(p []byte) []byte {
		if p[0]>>4 == 9 && granted.IsZero() {
			granted = time.Now()
		}
		if p[0]>>4 == 3 && p[0]&1 == retained && !granted.IsZero() && time.Since(granted) < late {
			return nil
		}
		return p
	}
}

// twice has the broker send a message of QoS 2 again, as a message of its own.
func twice(p []byte) []byte {
	if p[0]>>4 != 3 || p[0]>>1&3 != 2 {
		return p
	}
	again := slices.Clone(p)
	id := 2
	for ; again[id-1] >= 0x80; id++ { // past the length
	}
	id += 2 + int(again[id])<<8 + int(again[id+1]) // and the topic
	again[id] ^= 0x40
	return append(p, again...)
}

// forgetful has the broker lose what waits for a session that is taken up again.
func forgetful() filter {
	resumed := false
	return func(p []byte) []byte {
		if p[0]>>4 == 2 {
			resumed = p[2]&1 == 1
		}
		if resumed && p[0]>>4 == 3 {
			return nil
		}
		return p
	}
}

// behind puts a filter between the broker and each of its clients, and gives back the port.
func (g guarded) behind(t *testing.T, between func() filter) int {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(g.pem), []byte(g.pem))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go g.relay(client, between())
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func (g guarded) relay(client net.Conn, pass filter) {
	defer client.Close()
	broker, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.mqtts),
		&tls.Config{RootCAs: g.pool, ServerName: "localhost"})
	if err != nil {
		return
	}
	defer broker.Close()
	go func() {
		_, _ = io.Copy(broker, client) // until either hangs up
		broker.Close()
	}()
	from := bufio.NewReader(broker)
	for {
		packet, err := packetOf(from)
		if err != nil {
			return
		}
		packet = pass(packet)
		if packet == nil {
			continue
		}
		if _, err := client.Write(packet); err != nil || len(packet) == 0 || packet[0]>>4 == 14 {
			return
		}
	}
}

// packetOf reads one packet of MQTT.
func packetOf(from *bufio.Reader) ([]byte, error) {
	first, err := from.ReadByte()
	if err != nil {
		return nil, err
	}
	packet, length := []byte{first}, 0
	for shift := 0; ; shift += 7 {
		b, err := from.ReadByte()
		if err != nil {
			return nil, err
		}
		packet, length = append(packet, b), length|int(b&0x7f)<<shift
		if b < 0x80 {
			break
		}
	}
	body := make([]byte, length)
	_, err = io.ReadFull(from, body)
	return append(packet, body...), err
}

func TestALoadIsPlayedAndCounted(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, time.Now().Add(90*24*time.Hour), false, "allow_anonymous false")
	seconds := 0
	load := smoke.Load{Connections: 40, Rate: 100, Duration: 3 * time.Second, QoS: 1, Payload: 64}
	report, err := smoke.Play(t.Context(), g.target(g.urls()[0]), load, func(smoke.Report) { seconds++ })
	if err != nil || report.Connected != 40 || report.Refused != 0 || report.Sent < 100 || report.Sent > 301 ||
		report.Lost() != 0 || report.Latency.Max <= 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if seconds < 2 {
		t.Errorf("progress was told %d times", seconds)
	}
}

func TestALoadThatLosesMessagesOrClientsFails(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, time.Now().Add(90*24*time.Hour), false, "allow_anonymous false")
	load := smoke.Load{Connections: 4, Rate: 20, Duration: 2 * time.Second, QoS: 1, Payload: 64}
	lossy := g.target("")
	var n atomic.Int32
	lossy.URL = fmt.Sprintf("mqtts://localhost:%d", g.behind(t, dropping(func(p []byte) bool {
		return p[0]>>4 == 3 && n.Add(1)%2 == 1 // every other message
	})))
	lossy.Timeout = 2 * time.Second
	if report, err := smoke.Play(t.Context(), lossy, load, func(smoke.Report) {}); !errors.Is(err, smoke.ErrFailed) ||
		report.Lost() == 0 {
		t.Errorf("with messages lost: %+v, %v", report, err)
	}
	stranger := g.target(g.urls()[0])
	stranger.Password = "another"
	if report, err := smoke.Play(t.Context(), stranger, load, func(smoke.Report) {}); !errors.Is(err,
		smoke.ErrFailed) || report.Refused != 4 || report.FirstErr == "" {
		t.Errorf("with a wrong password: %+v, %v", report, err)
	}
	if _, err := smoke.Play(t.Context(), stranger, smoke.Load{Connections: 1_000_000, Rate: -1}, nil); err == nil ||
		!strings.Contains(err.Error(), "connections: 1000000 is not from 1 to 10000") ||
		!strings.Contains(err.Error(), "rate: -1") {
		t.Errorf("an unbounded load: %v", err)
	}
}
