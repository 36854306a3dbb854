package hivemq

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

const patience = 20 * time.Second // for an answer, however busy this machine is

// login is what a client sends in its CONNECT.
type login struct {
	id, user, password string
	keeps              uint32 // for how many seconds the session stays; such a client asks for no clean start
}

// session is one connection of an MQTT 5 client, packet by packet.
type session struct {
	net.Conn
	connack *packets.Connack
}

// open connects, whatever the answer.
func (l login) open() (*session, error) {
	conn, err := net.DialTimeout("tcp", mqttPort, patience)
	if err != nil {
		return nil, err
	}
	connect := &packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, ClientID: l.id, CleanStart: l.keeps == 0, KeepAlive: 60,
		UsernameFlag: l.user != "", Username: l.user, PasswordFlag: l.user != "", Password: []byte(l.password),
		Properties: &packets.Properties{SessionExpiryInterval: &l.keeps},
	}
	s := &session{Conn: conn}
	answer, err := s.ask(connect)
	if err != nil {
		conn.Close()
		return nil, err
	}
	connack, is := answer.(*packets.Connack)
	if !is {
		conn.Close()
		return nil, fmt.Errorf("the answer is %v", answer)
	}
	s.connack = connack
	return s, nil
}

// code is the reason code of the answer.
func (l login) code(t testing.TB) byte {
	t.Helper()
	s, err := l.open()
	parts.Must(t, err)
	s.Close()
	return s.connack.ReasonCode
}

// in connects a client that has to be let in.
func (l login) in(t testing.TB) *session {
	t.Helper()
	s, err := l.open()
	parts.Must(t, err)
	t.Cleanup(func() { s.Close() })
	if s.connack.ReasonCode != packets.ConnackSuccess {
		t.Fatalf("%s gets CONNACK %#x", l.id, s.connack.ReasonCode)
	}
	return s
}

func (s *session) ask(packet io.WriterTo) (packets.Packet, error) {
	if err := s.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := packet.WriteTo(s); err != nil {
		return nil, err
	}
	return s.next()
}

func (s *session) next() (packets.Packet, error) {
	if err := s.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	packet, err := packets.ReadPacket(s)
	if err != nil {
		return nil, err
	}
	return packet.Content, nil
}

// subscribe gives the reason code of the answer.
func (s *session) subscribe(t testing.TB, topic string) byte {
	t.Helper()
	answer, err := s.ask(&packets.Subscribe{PacketID: 1, Properties: &packets.Properties{},
		Subscriptions: []packets.SubOptions{{Topic: topic, QoS: 2}}})
	parts.Must(t, err)
	suback, is := answer.(*packets.Suback)
	if !is || len(suback.Reasons) != 1 {
		t.Fatalf("the answer to a subscription is %v", answer)
	}
	return suback.Reasons[0]
}

// publish sends with QoS 1, and gives the reason code of the answer, which may be the end of the connection.
func (s *session) publish(t testing.TB, topic, text string, retain bool) byte {
	t.Helper()
	answer, err := s.ask(&packets.Publish{
		Topic: topic, QoS: 1, PacketID: 2, Retain: retain, Payload: []byte(text), Properties: &packets.Properties{}})
	parts.Must(t, err)
	switch answer := answer.(type) {
	case *packets.Puback:
		return answer.ReasonCode
	case *packets.Disconnect:
		return answer.ReasonCode
	}
	t.Fatalf("the answer to a message is %v", answer)
	return 0
}

// message is the next one that comes, with QoS 1, and acknowledges it.
func (s *session) message(t testing.TB) string {
	t.Helper()
	packet, err := s.next()
	parts.Must(t, err)
	publish, is := packet.(*packets.Publish)
	if !is || publish.QoS != 1 {
		t.Fatalf("instead of a message there comes %v", packet)
	}
	_, err = (&packets.Puback{PacketID: publish.PacketID, Properties: &packets.Properties{}}).WriteTo(s)
	parts.Must(t, err)
	return publish.Topic + " " + string(publish.Payload)
}

// client311 connects a client of MQTT 3.1.1.
func client311(url string, l login) (mqtt.Client, error) {
	options := mqtt.NewClientOptions().AddBroker(url).SetProtocolVersion(4).SetClientID(l.id).SetUsername(l.user).
		SetPassword(l.password).SetConnectTimeout(patience).SetAutoReconnect(false)
	c := mqtt.NewClient(options)
	return c, done(c.Connect())
}

func done(token mqtt.Token) error {
	if !token.WaitTimeout(patience) {
		return fmt.Errorf("no answer within %s", patience)
	}
	return token.Error()
}
