package smoke

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	v3packets "github.com/eclipse/paho.mqtt.golang/packets"
)

// version is one of MQTT.
type version string

const (
	v311 version = "3.1.1"
	v5   version = "5"
)

// identity is who connects.
type identity struct {
	id, username, password string
	clean                  bool // no session of before is taken up, and none is kept
}

// message is one that came.
type message struct {
	payload  []byte
	qos      byte
	retained bool
}

// client is a connection of either version.
type client interface {
	subscribe(ctx context.Context, topic string, qos byte) error
	publish(ctx context.Context, topic string, qos byte, retain bool, payload []byte) error
	next(ctx context.Context) (message, error)
	resumed() bool // the broker had a session of this client
	name() string
	close() error
}

// refusal is what a broker says that lets somebody in, or gives a topic, neither now nor later. One that is busy, or
// dislikes something else, refuses nobody.
type refusal struct{ said string }

func (r refusal) Error() string { return r.said }

// errHungUp is all that a client sees of a broker that ends the connection without a reason. MQTT 3.1.1 has none.
var errHungUp = errors.New("the broker hung up without a reason")

// answered is what a broker of MQTT 5 says in place of taking a subscription or a message.
func answered(how string, code byte) error {
	said := fmt.Sprintf("%s with 0x%x", how, code)
	if code == packets.SubackNotauthorized { // the same number in every packet
		return refusal{said}
	}
	return errors.New(said)
}

// waiting is how many messages may wait to be looked at.
const waiting = 1024

// sessionSeconds is how long a broker of MQTT 5 is to keep a session.
const sessionSeconds = 300

// network opens the connection that MQTT is spoken over.
func network(ctx context.Context, t Target) (net.Conn, error) {
	u, host, webSocket, err := t.address()
	if err != nil {
		return nil, err
	}
	if webSocket {
		at := *u
		at.Host = host
		return mqtt.NewWebsocket(at.String(), t.tls(u.Hostname()), t.Timeout, http.Header{}, nil)
	}
	return (&tls.Dialer{Config: t.tls(u.Hostname())}).DialContext(ctx, "tcp", host)
}

func dial(ctx context.Context, t Target, v version, who identity) (client, error) {
	if v == v5 {
		return dial5(ctx, t, who)
	}
	return dial311(ctx, t, who)
}

type client311 struct {
	mqtt.Client
	id      string
	came    chan message
	present bool
}

func dial311(ctx context.Context, t Target, who identity) (client, error) {
	c := &client311{id: who.id, came: make(chan message, waiting)}
	options := mqtt.NewClientOptions().SetProtocolVersion(4).SetClientID(who.id).
		SetUsername(who.username).SetPassword(who.password).
		SetCleanSession(who.clean).SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(t.Timeout).
		SetWriteTimeout(t.Timeout).
		AddBroker("tcp://any"). // which no connection is opened to but this one
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return network(ctx, t) }).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			c.came <- message{payload: m.Payload(), qos: m.Qos(), retained: m.Retained()}
		})
	c.Client = mqtt.NewClient(options)
	token := c.Connect().(*mqtt.ConnectToken)
	if err := done(ctx, token); err != nil {
		if code := token.ReturnCode(); code == v3packets.ErrRefusedBadUsernameOrPassword ||
			code == v3packets.ErrRefusedNotAuthorised {
			return nil, refusal{err.Error()}
		}
		return nil, err
	}
	c.present = token.SessionPresent()
	return c, nil
}

// done waits for what a token stands for.
func done(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client311) subscribe(ctx context.Context, topic string, qos byte) error {
	token := c.Subscribe(topic, qos, nil)
	if err := done(ctx, token); err != nil {
		if !c.IsConnectionOpen() && ctx.Err() == nil {
			return errHungUp
		}
		return err
	}
	if granted := token.(*mqtt.SubscribeToken).Result()[topic]; granted > 2 {
		return refusal{fmt.Sprintf("refused with 0x%x", granted)}
	}
	return nil
}

func (c *client311) publish(ctx context.Context, topic string, qos byte, retain bool, payload []byte) error {
	return done(ctx, c.Publish(topic, qos, retain, payload))
}

func (c *client311) next(ctx context.Context) (message, error) { return next(ctx, c.came) }

func (c *client311) resumed() bool { return c.present }

func (c *client311) name() string { return c.id }

func (c *client311) close() error {
	c.Disconnect(100)
	return nil
}

func next(ctx context.Context, came <-chan message) (message, error) {
	select {
	case m := <-came:
		return m, nil
	case <-ctx.Done():
		return message{}, ctx.Err()
	}
}

type client5 struct {
	*paho.Client
	came    chan message
	life    context.Context // ends when the broker hangs up; its cause is what the broker said
	hungUp  context.CancelCauseFunc
	present bool
}

func dial5(ctx context.Context, t Target, who identity) (client, error) {
	conn, err := network(ctx, t)
	if err != nil {
		return nil, err
	}
	c := &client5{came: make(chan message, waiting)}
	c.life, c.hungUp = context.WithCancelCause(context.Background())
	c.Client = paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn), ClientID: who.id, PacketTimeout: t.Timeout,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			c.came <- message{payload: p.Packet.Payload, qos: p.Packet.QoS, retained: p.Packet.Retain}
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) { c.hungUp(answered("the broker hung up", d.ReasonCode)) },
		OnClientError:      func(error) { c.hungUp(errHungUp) },
	})
	connect := &paho.Connect{ClientID: who.id, KeepAlive: 30, CleanStart: who.clean, Properties: &paho.ConnectProperties{}}
	if who.username != "" {
		connect.UsernameFlag, connect.PasswordFlag, connect.Username, connect.Password = true, true, who.username,
			[]byte(who.password)
	}
	if !who.clean {
		kept := uint32(sessionSeconds)
		connect.Properties.SessionExpiryInterval = &kept
	}
	ack, err := c.Connect(ctx, connect)
	if err != nil {
		if ack != nil && slices.Contains([]byte{packets.ConnackBadUsernameOrPassword, packets.ConnackNotAuthorized,
			packets.ConnackBadAuthenticationMethod}, ack.ReasonCode) {
			return nil, refusal{fmt.Sprintf("refused with 0x%x", ack.ReasonCode)}
		}
		return nil, errors.Join(err, conn.Close())
	}
	c.present = ack.SessionPresent
	return c, nil
}

// whileUp ends with the connection too: the library lets a request wait on after the broker hung up.
func (c *client5) whileUp(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// unanswered is why a request has no answer. That the broker hung up, the library may tell a moment after the request
// failed.
func (c *client5) unanswered(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	select {
	case <-c.life.Done():
		return context.Cause(c.life)
	case <-time.After(time.Second):
		return err
	}
}

func (c *client5) subscribe(ctx context.Context, topic string, qos byte) error {
	ctx, end := c.whileUp(ctx)
	defer end()
	ack, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: qos}}})
	switch {
	case err == nil:
		return nil
	case ack == nil:
		return c.unanswered(err)
	default:
		return answered("refused", ack.Reasons[0])
	}
}

func (c *client5) publish(ctx context.Context, topic string, qos byte, retain bool, payload []byte) error {
	ctx, end := c.whileUp(ctx)
	defer end()
	ack, err := c.Publish(ctx, &paho.Publish{Topic: topic, QoS: qos, Retain: retain, Payload: payload})
	switch {
	case ack != nil && ack.ReasonCode >= 0x80:
		return answered("refused", ack.ReasonCode)
	case err != nil:
		return c.unanswered(err)
	default:
		return nil
	}
}

func (c *client5) next(ctx context.Context) (message, error) { return next(ctx, c.came) }

func (c *client5) resumed() bool { return c.present }

func (c *client5) name() string { return c.ClientID() }

func (c *client5) close() error {
	err := c.Disconnect(&paho.Disconnect{})
	select {
	case <-c.Done():
	case <-time.After(time.Second):
	}
	return err
}
