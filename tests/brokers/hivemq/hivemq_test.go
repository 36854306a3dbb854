package hivemq

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// Recorded with the chart at this version: what `helm template broker hivemq-platform --version 0.2.72 --values VALUES
// --repo https://hivemq.github.io/helm-charts --show-only templates/hivemq-configuration.yml` has below config.xml,
// where VALUES is what stands below spec.values in the manifests of the broker's folder.
const recordedChart = "0.2.72"

// listener is one as the chart writes it, and the service of our values that it is made of.
type listener struct {
	Name string `xml:"name"`
	Port string `xml:"port"`
	Path string `xml:"path"`
}

var service = regexp.MustCompile(`- type: \w+\n +hivemqListenerName: (\w+)\n +exposed: true\n` +
	` +containerPort: (\d+)\n +port: \d+\n(?: +path: (\S+)\n)?`)

func TestTheRecordedConfigurationHasTheListenersAndLimitsOfOurValues(t *testing.T) {
	if assets.HiveMQPlatformChart != recordedChart {
		t.Errorf("record testdata/config.xml anew: it is not of chart %s, which is deployed", assets.HiveMQPlatformChart)
	}
	manifests, err := assets.HiveMQ{}.Manifests()
	parts.Must(t, err)
	var want []listener
	for _, found := range service.FindAllStringSubmatch(manifests[assets.HiveMQBrokerFolder+"/manifests.yaml"], -1) {
		want = append(want, listener{found[1], found[2], found[3]})
	}
	recorded, err := os.ReadFile("testdata/config.xml")
	parts.Must(t, err)
	var config struct {
		MQTT      []listener `xml:"listeners>tcp-listener"`
		WebSocket []listener `xml:"listeners>websocket-listener"`
		Tells     string     `xml:"anonymous-usage-statistics>enabled"`
		Silent    int        `xml:"restrictions>no-connect-idle-timeout"`
		IDs       int        `xml:"restrictions>max-client-id-length"`
		Session   int        `xml:"mqtt>session-expiry>max-interval"`
		Packet    int        `xml:"mqtt>packets>max-packet-size"`
	}
	parts.Must(t, xml.Unmarshal(recorded, &config))
	if got := append(config.MQTT, config.WebSocket...); len(want) != 2 || !slices.Equal(got, want) {
		t.Errorf("the listeners are %v, and the values say %v", got, want)
	}
	for key, value := range map[string]int{"noConnectIdleTimeout": config.Silent, "maxClientIdLength": config.IDs,
		"sessionExpiryMaxInterval": config.Session, "maxPacketSize": config.Packet} {
		if !strings.Contains(manifests[assets.HiveMQBrokerFolder+"/manifests.yaml"], fmt.Sprintf(" %s: %d\n", key, value)) {
			t.Errorf("%s is %d, and the values say another one", key, value)
		}
	}
	if config.Tells != "false" {
		t.Errorf("its maker is told of its use: %q", config.Tells)
	}
}

func TestBothListenersServeMQTT311AndMQTT5(t *testing.T) {
	newBroker(t).open().start()
	reader := login{id: "reader"}.in(t)
	reader.subscribe(t, "all/#")
	for _, url := range []string{"tcp://" + mqttPort, "ws://" + webSocketPort + assets.WebSocketPath} {
		c, err := client311(url, login{id: "writer"})
		parts.Must(t, err)
		came := make(chan string, 1)
		parts.Must(t, done(c.Subscribe("all/+", 2, func(_ mqtt.Client, m mqtt.Message) { came <- string(m.Payload()) })),
			done(c.Publish("all/that", 1, false, url)))
		if got := reader.message(t); got != "all/that "+url {
			t.Errorf("by %s there came %s", url, got)
		}
		select {
		case got := <-came:
			if got != url {
				t.Errorf("by %s there came back %s", url, got)
			}
		case <-time.After(patience):
			t.Errorf("by %s nothing came back", url)
		}
		c.Disconnect(0)
	}
	if _, err := client311("ws://"+webSocketPort+"/other", login{id: "lost"}); err == nil {
		t.Error("WebSocket is served at another path too")
	}
	for part, port := range map[string]int{"cluster": 7000, "health API": 8889} {
		if listens(port) {
			t.Errorf("by now the Community Edition opens the %s: say so in the package's comment", part)
		}
	}
}

// Our values limit a packet's size, and how long a session is kept: the rest is HiveMQ's own.
func TestTheBrokerTakesEverythingThatMQTT5Has(t *testing.T) {
	newBroker(t).open().start()
	s := login{id: "a", keeps: 86400}.in(t)
	p := s.connack.Properties
	for what, available := range map[string]*byte{"QoS 2": p.MaximumQOS, "retained messages": p.RetainAvailable,
		"wildcards": p.WildcardSubAvailable, "shared subscriptions": p.SharedSubAvailable} {
		if available != nil && *available == 0 {
			t.Errorf("there are no %s", what)
		}
	}
	if p.MaximumQOS != nil || p.SessionExpiryInterval != nil && *p.SessionExpiryInterval < 86400 {
		t.Errorf("the CONNACK takes something away: %v", p)
	}
	if p.MaximumPacketSize == nil || *p.MaximumPacketSize != 1<<20 {
		t.Errorf("packets may have %v bytes", p.MaximumPacketSize)
	}
	large := strings.Repeat("m", 1<<20-100)
	if code := s.publish(t, "large", large, true); code >= 0x80 {
		t.Fatalf("almost 1 MiB gets PUBACK %#x", code)
	}
	if code := s.subscribe(t, "large"); code != 2 {
		t.Errorf("a subscription with QoS 2 gets %#x", code)
	}
	if got := s.message(t); got != "large "+large {
		t.Errorf("the retained message has %d bytes", len(got))
	}
}

func TestOneClientTakesNoMoreThanWithTheOtherBrokers(t *testing.T) {
	newBroker(t).open().start()
	for _, says := range [][]byte{nil, {0x10, 100, 0, 4, 'M', 'Q', 'T', 'T', 5}} {
		conn, err := net.Dial("tcp", mqttPort)
		parts.Must(t, err)
		defer conn.Close()
		_, err = conn.Write(says)
		parts.Must(t, err)
		parts.Must(t, conn.SetReadDeadline(time.Now().Add(15*time.Second)))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("who says %q is there after 15 s", says)
		}
	}

	if code := (login{id: strings.Repeat("x", 257)}).code(t); code < 0x80 {
		t.Errorf("a client id of 257 characters is answered with %#x", code)
	}
	greedy := login{id: strings.Repeat("x", 256), keeps: 0xFFFFFFFE}.in(t)
	if keeps := greedy.connack.Properties.SessionExpiryInterval; keeps == nil || *keeps != 7*24*3600 {
		t.Errorf("a session is kept for longer than a week: %v", keeps)
	}
	if size := greedy.connack.Properties.MaximumPacketSize; size == nil || *size != 1<<20 {
		t.Errorf("a packet may be larger than 1 MiB: %v", size)
	}
	if code := greedy.publish(t, "much", strings.Repeat("x", 1<<20), false); code != packets.DisconnectPacketTooLarge {
		t.Errorf("a packet of more than 1 MiB is answered with %#x", code)
	}
}

func TestAcknowledgedMessagesOutliveABrokerThatIsKilled(t *testing.T) {
	b := newBroker(t).open()
	b.start()
	away := login{id: "away", keeps: 3600}
	reader := away.in(t)
	reader.subscribe(t, "queue/#")
	reader.Close()
	writer := login{id: "writer"}.in(t)
	const messages = 300
	for i := range messages {
		if code := writer.publish(t, "queue/x", fmt.Sprint(i), i == messages-1); code != packets.PubackSuccess {
			t.Fatalf("message %d gets PUBACK %#x", i, code)
		}
	}
	b.kill()
	b.start()
	reader = away.in(t)
	if !reader.connack.SessionPresent {
		t.Fatal("the session is lost")
	}
	for i := range messages {
		if got := reader.message(t); got != fmt.Sprint("queue/x ", i) {
			t.Fatalf("instead of message %d there comes %s", i, got)
		}
	}
	late := login{id: "late"}.in(t)
	late.subscribe(t, "queue/#")
	if got := late.message(t); got != fmt.Sprint("queue/x ", messages-1) {
		t.Errorf("the retained message is %s", got)
	}
}

func TestWithoutTheExtensionNobodyIsLetIn(t *testing.T) {
	newBroker(t).start()
	for _, l := range []login{{id: "a"}, {id: "b", user: "b", password: "b"}} {
		if code := l.code(t); code < 0x80 {
			t.Errorf("%q gets CONNACK %#x", l.user, code)
		}
	}
}

func TestUsersMayDoWhatTheirRulesSayAndNothingElse(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"sensor", "other", "idle"} {
		s.user(name, name+"-password")
	}
	s.allow("sensor", "devices/${username}/${clientid}/#", "all")
	s.allow("sensor", "commands", "subscribe")
	s.allow("sensor", "alarms", "publish")
	s.allow("other", "#", "all")
	b := newBroker(t)
	b.install(s)
	b.start()
	t.Run("logins", testLogins)
	t.Run("rules", testRules)
	t.Run("client ids", testClientIDs)
	t.Run("a change", func(t *testing.T) { testAChange(t, b, s) })
}

func testLogins(t *testing.T) {
	for _, c := range []struct {
		sentence string
		login
		want byte
	}{
		{"the right password", login{user: "sensor", password: "sensor-password"}, packets.ConnackSuccess},
		{"a wrong password", login{user: "sensor", password: "other-password"}, packets.ConnackNotAuthorized},
		{"an unknown user", login{user: "nobody", password: "nobody"}, packets.ConnackNotAuthorized},
		{"an empty password", login{user: "sensor"}, packets.ConnackNotAuthorized},
		{"no user", login{}, packets.ConnackBadUsernameOrPassword},
	} {
		c.id = "one"
		if code := c.code(t); code != c.want {
			t.Errorf("%s gets CONNACK %#x, want %#x", c.sentence, code, c.want)
		}
		_, err := client311("tcp://"+mqttPort, c.login)
		if (err == nil) != (c.want == packets.ConnackSuccess) {
			t.Errorf("%s with MQTT 3.1.1: %v", c.sentence, err)
		}
	}
}

func testRules(t *testing.T) {
	for _, c := range []struct {
		user, topic        string
		publish, subscribe bool
	}{
		{"sensor", "devices/sensor/one/up", true, true},
		{"sensor", "devices/sensor/two/up", false, false},
		{"sensor", "devices/other/one/up", false, false},
		{"sensor", "commands", false, true},
		{"sensor", "alarms", true, false},
		{"sensor", "#", false, false},
		{"sensor", "$share/group/devices/sensor/one/#", false, true},
		{"sensor", "$share/group/devices/#", false, false},
		{"idle", "alarms", false, false},
		{"idle", "$nothing", false, true}, // a topic that nobody may publish to but a superuser
		{"other", "devices/sensor/one/up", true, true},
	} {
		l := login{id: "one", user: c.user, password: c.user + "-password"}
		if code := l.in(t).subscribe(t, c.topic); (code < 0x80) != c.subscribe {
			t.Errorf("%s subscribes to %s: SUBACK %#x", c.user, c.topic, code)
		}
		if strings.ContainsAny(c.topic, "#$") {
			continue
		}
		if code := l.in(t).publish(t, c.topic, "x", false); (code < 0x80) != c.publish {
			t.Errorf("%s publishes to %s: %#x", c.user, c.topic, code)
		}
	}
}

func testClientIDs(t *testing.T) {
	sensor := func(id string) login { return login{id: id, user: "sensor", password: "sensor-password"} }
	for _, id := range []string{"+", "#", "a+", "a/#"} {
		if code := sensor(id).code(t); code != packets.ConnackInvalidClientID {
			t.Errorf("the client id %s gets CONNACK %#x", id, code)
		}
	}
	// The extension lets ids with a slash in, as docs/hivemq.md says: below the topics of another one, but no higher.
	for topic, may := range map[string]bool{
		"devices/sensor/a/b/up": true, "devices/sensor/a/up": false, "devices/sensor/a/#": false,
	} {
		if code := sensor("a/b").in(t).subscribe(t, topic); (code < 0x80) != may {
			t.Errorf("the client id a/b subscribes to %s: SUBACK %#x", topic, code)
		}
	}
}

// testAChange gives a user and takes a password while the broker runs.
func testAChange(t *testing.T, b *broker, s *store) {
	s.user("late", "late-password")
	s.user("idle", "another-password")
	b.configure(s)
	parts.Within(t, time.Minute, "the new user is let in", func() bool {
		return login{id: "late", user: "late", password: "late-password"}.code(t) == packets.ConnackSuccess
	})
	if code := (login{id: "x", user: "idle", password: "idle-password"}).code(t); code != packets.ConnackNotAuthorized {
		t.Errorf("the old password gets CONNACK %#x", code)
	}
}

func TestNobodyIsLetInWhileTheBrokerStarts(t *testing.T) {
	b := newBroker(t)
	b.install(newStore(t)) // in which there is no user
	b.launch()
	var running sync.WaitGroup
	var mu sync.Mutex
	codes := map[byte]int{}
	for n := range 4 {
		running.Go(func() {
			end := time.Now().Add(5 * time.Minute)
			for i := 0; i < 100 && time.Now().Before(end); {
				l := []login{{}, {user: "nobody", password: "nobody"}, {user: "sensor", password: "sensor"}}[i%3]
				l.id = fmt.Sprintf("hammer-%d-%d", n, i)
				s, err := l.open()
				if err != nil { // nobody listens yet
					time.Sleep(time.Millisecond)
					continue
				}
				s.Close()
				mu.Lock()
				codes[s.connack.ReasonCode]++
				mu.Unlock()
				i++
			}
		})
	}
	running.Wait()
	t.Logf("logins by the code of their answer: %v", codes)
	if codes[packets.ConnackSuccess] != 0 || codes[packets.ConnackNotAuthorized] == 0 {
		t.Errorf("logins by the code of their answer: %v", codes)
	}
}
