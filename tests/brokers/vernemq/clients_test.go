package vernemq

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

const (
	serverName = "mqtt.example.com"
	patience   = 20 * time.Second // that clients have with a broker on a busy machine
)

// session is what a client asks for in its CONNECT.
type session struct {
	node     string // address
	id, user string
	password string
	// keeps is for how many seconds the session stays. Such a client asks for no clean start: of a session that began
	// with one, VerneMQ 2.1.2 forgets the queue when it restarts.
	keeps uint32
}

// client is a client of MQTT 5.
type client struct {
	*paho.Client
	connack *paho.Connack

	mu       sync.Mutex
	received []string // TOPIC PAYLOAD
}

func (c *client) messages() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.received)
}

func tlsConfig(a *parts.Authority) *tls.Config {
	return &tls.Config{RootCAs: a.Pool, ServerName: serverName}
}

// connect connects a client, or says why not.
func (s *site) connect(want session) (*client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialer := &tls.Dialer{Config: tlsConfig(s.authority)}
	conn, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("%s:%d", want.node, assets.VerneMQPort))
	if err != nil {
		return nil, err
	}
	c := &client{}
	c.Client = paho.NewClient(paho.ClientConfig{
		ClientID: want.id, Conn: packets.NewThreadSafeConn(conn), PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.received = append(c.received, p.Packet.Topic+" "+string(p.Packet.Payload))
			return true, nil
		}},
	})
	connect := &paho.Connect{ClientID: want.id, KeepAlive: 60, CleanStart: want.keeps == 0}
	if want.user != "" {
		connect.Username, connect.UsernameFlag = want.user, true
		connect.Password, connect.PasswordFlag = []byte(want.password), true
	}
	if want.keeps > 0 {
		connect.Properties = &paho.ConnectProperties{SessionExpiryInterval: &want.keeps}
	}
	c.connack, err = c.Connect(ctx, connect)
	if err != nil {
		conn.Close()
	}
	return c, err
}

// device is the session of a client of the ordinary user.
func device(node, id string) session {
	return session{node: node, id: "device:" + id, user: "device", password: "secret"}
}

// mustConnect connects a client whom a busy machine may let wait.
func (s *site) mustConnect(want session) *client {
	s.Helper()
	for try := 1; ; try++ {
		c, err := s.connect(want)
		if err == nil {
			s.Cleanup(c.leave)
			return c
		}
		if try == 5 {
			s.Fatalf("%+v: %v", want, err)
		}
	}
}

func (c *client) leave() { _ = c.Disconnect(&paho.Disconnect{}) }

func (c *client) subscribe(filter string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}})
	return err
}

func (c *client) publish(topic, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := c.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(text)})
	return err
}

// connect3 connects a client of MQTT 3.1.1 to ssl://… or wss://….
func (s *site) connect3(url string, want session) (mqtt.Client, error) {
	options := mqtt.NewClientOptions().AddBroker(url).SetClientID(want.id).
		SetUsername(want.user).SetPassword(want.password).
		SetTLSConfig(tlsConfig(s.authority)).SetAutoReconnect(false).SetProtocolVersion(4).SetConnectTimeout(patience).
		SetDialer(&net.Dialer{Timeout: patience})
	c := mqtt.NewClient(options)
	token := c.Connect()
	if !token.WaitTimeout(patience) {
		return c, fmt.Errorf("no answer within %s", patience)
	}
	return c, token.Error()
}

func mqttURL(node string) string { return fmt.Sprintf("ssl://%s:%d", node, assets.VerneMQPort) }
func webSocketURL(node string) string {
	return fmt.Sprintf("wss://%s:%d/mqtt", node, assets.VerneMQWebSocketPort)
}

// numbered is PREFIX 0, PREFIX 1 and so on.
func numbered(prefix string, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return all
}

// missingFrom lists which of the wanted messages have not come.
func missingFrom(got, want []string) string {
	came := func(w string) bool { return slices.Contains(got, w) }
	return strings.Join(slices.DeleteFunc(slices.Clone(want), came), ", ")
}
