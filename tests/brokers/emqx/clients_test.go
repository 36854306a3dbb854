package emqx

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// way is how a client comes to the broker.
type way struct {
	name string
	dial func() (net.Conn, error)
}

const patience = 5 * time.Second // for an answer, however busy this machine is

// throughEdge is from outside, with TLS.
func (l *lab) throughEdge() way {
	dialer := &net.Dialer{Timeout: patience}
	return way{"the edge", func() (net.Conn, error) {
		return tls.DialWithDialer(dialer, "tcp", fmt.Sprintf("127.0.0.1:%d", edgeMQTTS), l.trusts())
	}}
}

func (l *lab) trusts() *tls.Config { return &tls.Config{RootCAs: l.ca.Pool, ServerName: edgeHost} }

// inside is from the environment, by a node's name.
func inside(node int) way {
	return way{assets.NodeApp(node), func() (net.Conn, error) {
		return net.DialTimeout("tcp", fmt.Sprintf("%s:%d", appAddress(node), assets.MQTTPort), patience)
	}}
}

// straight is past the ingress, to one instance of a node.
func (r *replica) straight() way {
	return way{r.address, func() (net.Conn, error) {
		return net.DialTimeout("tcp", fmt.Sprintf("%s:%d", r.address, assets.MQTTPort), patience)
	}}
}

// session is one connection, packet by packet.
type session struct{ net.Conn }

// idOf is a client id that its user may have.
func idOf(user, client string) string { return user + ":" + client }

// open sends CONNECT, and gives the reason code of its answer.
func (w way) open(client, user, password string) (session, byte, error) {
	return w.openAs(idOf(user, client), user, password)
}

func (w way) openAs(id, user, password string) (session, byte, error) {
	conn, err := w.dial()
	if err != nil {
		return session{}, 0, err
	}
	s := session{conn}
	connect := &packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, ClientID: id, CleanStart: true, KeepAlive: 60,
		Properties: &packets.Properties{},
	}
	if user != "" {
		connect.UsernameFlag, connect.Username, connect.PasswordFlag, connect.Password = true, user, true, []byte(password)
	}
	answer, err := s.ask(connect)
	if err != nil {
		conn.Close()
		return session{}, 0, err
	}
	connack, is := answer.(*packets.Connack)
	if !is {
		conn.Close()
		return session{}, 0, fmt.Errorf("the answer is %v", answer)
	}
	return s, connack.ReasonCode, nil
}

func (s session) ask(packet io.WriterTo) (packets.Packet, error) {
	if err := s.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := packet.WriteTo(s); err != nil {
		return nil, err
	}
	answer, err := packets.ReadPacket(s)
	if err != nil {
		return nil, err
	}
	return answer.Content, nil
}

// login gives the reason code with which a client is let in, or not.
func (w way) login(client, user, password string) (byte, error) {
	s, code, err := w.open(client, user, password)
	if err == nil {
		s.Close()
	}
	return code, err
}

// deliver publishes one message with QoS 1 by a client of its own, and gives the reason code of its acknowledgement.
func (w way) deliver(client, user, topic, text string) (byte, error) {
	s, code, err := w.open(client, user, user)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if code != 0 {
		return 0, fmt.Errorf("CONNACK %#x", code)
	}
	answer, err := s.ask(&packets.Publish{Topic: topic, QoS: 1, PacketID: 1, Payload: []byte(text),
		Properties: &packets.Properties{}})
	if err != nil {
		return 0, err
	}
	puback, is := answer.(*packets.Puback)
	if !is || puback.ReasonCode >= 0x80 {
		return 0, fmt.Errorf("the answer is %v", answer)
	}
	return puback.ReasonCode, nil
}

// client is an MQTT 5 client that stays.
type client struct {
	*paho.Client
	mu  sync.Mutex
	got map[string]int // payloads
	cut atomic.Bool
}

func (w way) connect(id, user, password string) (*client, error) {
	conn, err := w.dial()
	if err != nil {
		return nil, err
	}
	c := &client{got: map[string]int{}}
	c.Client = paho.NewClient(paho.ClientConfig{
		Conn: conn, PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.got[string(p.Packet.Payload)]++
			return true, nil
		}},
		OnClientError:      func(error) { c.cut.Store(true) },
		OnServerDisconnect: func(*paho.Disconnect) { c.cut.Store(true) },
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := c.Connect(ctx, &paho.Connect{ClientID: idOf(user, id), CleanStart: true, KeepAlive: 30,
		UsernameFlag: true, Username: user, PasswordFlag: true, Password: []byte(password)})
	if err != nil {
		conn.Close()
		return nil, err
	}
	if answer.ReasonCode != 0 {
		return nil, fmt.Errorf("CONNACK %#x", answer.ReasonCode)
	}
	return c, nil
}

func (w way) mustConnect(t testing.TB, id, user, password string) *client {
	t.Helper()
	c, err := w.connect(id, user, password)
	if err != nil {
		t.Fatalf("%s by %s: %v", id, w.name, err)
	}
	t.Cleanup(func() { c.Disconnect(&paho.Disconnect{}) })
	return c
}

func (c *client) subscribe(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: 1}}})
	return err
}

// publish sends with QoS 1; nil says that it was acknowledged, and known to a subscriber.
func (c *client) publish(topic, payload string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := c.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(payload)})
	if err == nil && answer.ReasonCode != 0 {
		return fmt.Errorf("PUBACK %#x", answer.ReasonCode)
	}
	return err
}

// missing says which of these have not come, with the code of their acknowledgement.
func (c *client) missing(payloads map[string]byte) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var missing []string
	for p, code := range payloads {
		if c.got[p] == 0 {
			missing = append(missing, fmt.Sprintf("%s (%#x)", p, code))
		}
	}
	slices.Sort(missing)
	return missing
}

// hammer tries to get in with what must not let anybody in, as fast as it can, by every way it is given, some ninety
// times a second each.
type hammer struct {
	stop        chan struct{}
	running     sync.WaitGroup
	tries, shut atomic.Int64 // answered with a refusal; not answered, since nobody listened
	mu          sync.Mutex
	in          []string
}

func swing(t testing.TB, ways ...way) *hammer {
	h := &hammer{stop: make(chan struct{})}
	for n, w := range ways {
		h.running.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-h.stop:
					return
				case <-time.After(10 * time.Millisecond): // for the nodes to get a turn
				}
				who := [][2]string{{"", ""}, {"nobody", "nobody"}, {"u1", "wrong"}}[i%3]
				code, err := w.login(fmt.Sprintf("hammer-%d-%d", n, i), who[0], who[1])
				switch {
				case err != nil:
					h.shut.Add(1)
				case code == 0:
					h.mu.Lock()
					h.in = append(h.in, fmt.Sprintf("%s: %q by %s", time.Now().Format("15:04:05.000"), who[0], w.name))
					h.mu.Unlock()
				default:
					h.tries.Add(1)
				}
			}
		})
	}
	return h
}

// rest ends it, and fails the test for everybody who got in.
func (h *hammer) rest(t testing.TB) {
	t.Helper()
	close(h.stop)
	h.running.Wait()
	t.Logf("wrong logins: %d refused, %d connections not taken, %d let in", h.tries.Load(), h.shut.Load(), len(h.in))
	if len(h.in) > 0 {
		t.Errorf("let in: %v", h.in[:min(len(h.in), 20)])
	}
	if h.tries.Load() == 0 {
		t.Error("nobody was refused: the hammer missed")
	}
}

// acknowledged is a message, and when its acknowledgement came.
type acknowledged struct {
	text string
	at   time.Time
	code byte // 0x10 says that nobody subscribes
}

// traffic publishes with QoS 1, each message by a client of its own, while a subscriber listens at a node that stays.
type traffic struct {
	name    string
	stop    chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	acked   []acknowledged
	failed  int
	kills   []time.Time
	slowest time.Duration // to come in, of those who did
	reader  *client
}

// flow has messages come through the edge, four at a time.
func (l *lab) flow(reader way) *traffic {
	l.t.Helper()
	edge := l.throughEdge()
	return l.between(reader, "through the edge", edge, edge, edge, edge)
}

// staying has messages go between nodes that stay: none of what these acknowledge may be lost.
func (l *lab) staying(reader int, writers ...int) *traffic {
	l.t.Helper()
	var ways []way
	for _, i := range writers {
		ways = append(ways, inside(i))
	}
	return l.between(inside(reader), "between nodes that stay", ways...)
}

func (l *lab) between(reader way, name string, writers ...way) *traffic {
	l.t.Helper()
	f := &traffic{name: name, stop: make(chan struct{}), reader: reader.mustConnect(l.t, "reader "+name, "u1", "u1")}
	topic := "devices/u1/" + name
	parts.Must(l.t, f.reader.subscribe(topic))
	for n, writer := range writers {
		f.running.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-f.stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				text := fmt.Sprintf("%s %d-%d", time.Now().Format("15:04:05.000"), n, i)
				begun := time.Now()
				code, err := writer.deliver(fmt.Sprintf("writer-%d-%d %s", n, i, name), "u1", topic, text)
				f.mu.Lock()
				if err == nil {
					f.acked = append(f.acked, acknowledged{text, time.Now(), code})
					f.slowest = max(f.slowest, time.Since(begun))
				} else {
					f.failed++
				}
				f.mu.Unlock()
			}
		})
	}
	return f
}

// kills a node. What it acknowledged at that moment, to clients of its own, may be lost with it.
func (f *traffic) killed(r *replica) {
	f.mu.Lock()
	f.kills = append(f.kills, time.Now())
	f.mu.Unlock()
	r.kill()
}

// promised is what must have come.
func (f *traffic) promised() map[string]byte {
	all := map[string]byte{}
	for _, a := range f.acked {
		if !slices.ContainsFunc(f.kills, func(kill time.Time) bool { return kill.Sub(a.at).Abs() < 200*time.Millisecond }) {
			all[a.text] = a.code
		}
	}
	return all
}

// end holds that everything that was acknowledged has come.
func (f *traffic) end(t testing.TB) {
	t.Helper()
	close(f.stop)
	f.running.Wait()
	promised := f.promised()
	var missing []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if missing = f.reader.missing(promised); len(missing) == 0 {
			break
		}
	}
	t.Logf("%s: %d acknowledged, %d of them lost; %d not accepted; the slowest took %s", f.name, len(promised),
		len(missing), f.failed, f.slowest.Round(time.Millisecond))
	if len(missing) > 0 {
		t.Errorf("%s: acknowledged and lost: %v", f.name, missing[:min(len(missing), 20)])
	}
	if f.reader.cut.Load() {
		t.Errorf("%s: the subscriber at a node that stayed was cut off", f.name)
	}
	if len(promised) < 20 {
		t.Errorf("%s: nothing flowed", f.name)
	}
}
