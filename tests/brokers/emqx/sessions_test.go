package emqx

import (
	"fmt"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// persistent connects as this client id, to take up what is there, and leaves it for an hour.
func (w way) persistent(t *testing.T, id, user string) (session, *packets.Connack) {
	t.Helper()
	conn, err := w.dial()
	parts.Must(t, err)
	t.Cleanup(func() { conn.Close() })
	hour := uint32(3600)
	answer, err := session{conn}.ask(&packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, ClientID: id, KeepAlive: 60,
		UsernameFlag: true, Username: user, PasswordFlag: true, Password: []byte(user),
		Properties: &packets.Properties{SessionExpiryInterval: &hour},
	})
	parts.Must(t, err)
	return session{conn}, answer.(*packets.Connack)
}

// TestNobodyTakesTheSessionOfAnotherUser has a user come by every way with the client id of another one, whose session
// has a subscription and a message that waits.
func TestNobodyTakesTheSessionOfAnotherUser(t *testing.T) {
	l, _ := served(t, 2)
	l.data.user("u2")
	l.allow("u2", "devices/u2/#")
	victim, answer := inside(0).persistent(t, "u1:device", "u1")
	if answer.ReasonCode != 0 {
		t.Fatalf("the victim is refused with %#x", answer.ReasonCode)
	}
	_, err := victim.ask(&packets.Subscribe{PacketID: 1, Properties: &packets.Properties{},
		Subscriptions: []packets.SubOptions{{Topic: "devices/u1/#", QoS: 1}}})
	parts.Must(t, err)
	victim.Close()
	parts.Within(t, patience, "the session waits", func() bool {
		code, err := inside(1).deliver("writer", "u1", "devices/u1/secret", "waits")
		return err == nil && code == 0
	})

	ids := []string{"u1:device", "u1", "u1:", "u1:device:x", "device", "u2x", "u2 :x", ""}
	for _, w := range []way{inside(0), inside(1), l.throughEdge()} {
		for _, id := range ids {
			attack, answer := w.persistent(t, id, "u2")
			if answer.ReasonCode < 0x80 {
				t.Errorf("%s lets u2 in as %q, session present %v", w.name, id, answer.SessionPresent)
			}
			attack.Close()
		}
	}
	for _, url := range []string{fmt.Sprintf("ssl://127.0.0.1:%d", edgeMQTTS), webSocketURL} {
		c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(url).SetHTTPHeaders(frontDoor).SetProtocolVersion(4).
			SetClientID("u1:device").SetCleanSession(false).SetTLSConfig(l.trusts()).SetUsername("u2").SetPassword("u2").
			SetAutoReconnect(false).SetConnectTimeout(patience))
		if token := answered(t, c.Connect()); token.Error() == nil {
			t.Errorf("%s lets u2 in as u1:device", url)
			c.Disconnect(0)
		}
	}

	again, answer := inside(1).persistent(t, "u1:device", "u1")
	if answer.ReasonCode != 0 || !answer.SessionPresent {
		t.Errorf("the victim finds no session: %#x", answer.ReasonCode)
	}
	parts.Must(t, again.SetDeadline(time.Now().Add(patience)))
	if packet, err := packets.ReadPacket(again); err != nil || packet.Type != packets.PUBLISH {
		t.Errorf("what waited has not come: %v, %v", packet, err)
	}
}

// TestNobodyThrowsAnotherUserOff holds that a client stays connected, and its will is not published, while another user
// comes with its client id.
func TestNobodyThrowsAnotherUserOff(t *testing.T) {
	l, _ := served(t, 1)
	l.data.user("u2")
	l.allow("u2", "devices/u2/#")
	reader := inside(0).mustConnect(t, "reader", "u1", "u1")
	parts.Must(t, reader.subscribe("devices/u1/will"))
	conn, err := inside(0).dial()
	parts.Must(t, err)
	victim := session{conn}
	answer, err := victim.ask(&packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, ClientID: "u1:device", KeepAlive: 60, CleanStart: true,
		UsernameFlag: true, Username: "u1", PasswordFlag: true, Password: []byte("u1"), Properties: &packets.Properties{},
		WillFlag: true, WillTopic: "devices/u1/will", WillMessage: []byte("gone"), WillProperties: &packets.Properties{},
	})
	parts.Must(t, err)
	if code := answer.(*packets.Connack).ReasonCode; code != 0 {
		t.Fatalf("the victim is refused with %#x", code)
	}
	for range 20 {
		if _, code, err := inside(0).openAs("u1:device", "u2", "u2"); err == nil && code < 0x80 {
			t.Fatal("u2 is let in")
		}
	}
	if answer, err := victim.ask(&packets.Pingreq{}); err != nil {
		t.Errorf("the victim was thrown off: %v, %v", answer, err)
	}
	if len(reader.missing(map[string]byte{"gone": 0})) == 0 {
		t.Error("its will was published")
	}
	conn.Close()
	parts.Within(t, patience, "its will is published once it is gone", func() bool {
		return len(reader.missing(map[string]byte{"gone": 0})) == 0
	})
}

// TestAUserHasTheClientIDsThatItWasGivenBesides holds the column of the store.
func TestAUserHasTheClientIDsThatItWasGivenBesides(t *testing.T) {
	l, _ := served(t, 1)
	for given, lets := range map[string]map[string]bool{
		"":        {"u1": true, "u1:x": true, "gateway-1": false},
		"old-id":  {"u1": true, "u1:x": true, "old-id": true, "old-id2": false, "old": false},
		"gw-*":    {"u1": true, "gw-": true, "gw-7": true, "gw": false, "u2": false},
		"*":       {"u1": true, "anything": true, "u2:x": true},
		"old.id%": {"old.id%": true, "old-id1": false},
	} {
		l.data.sql(fmt.Sprintf("SELECT mqtt_give_client_ids('u1', '%s')", given))
		for id, may := range lets {
			s, code, err := inside(0).openAs(id, "u1", "u1")
			if parts.Must(t, err); (code == 0) != may {
				t.Errorf("given %q, u1 as %q is answered with %#x", given, id, code)
			}
			if code == 0 {
				s.Close()
			}
		}
	}
}

// TestASharedSubscriptionTakesNothingThatARuleDoesNotAllow holds that a group's name is no way around a rule.
func TestASharedSubscriptionTakesNothingThatARuleDoesNotAllow(t *testing.T) {
	l, _ := served(t, 1)
	l.data.user("u2")
	l.allow("u2", "devices/u2/#")
	l.allow("u2", "own/${clientid}/#")
	for filter, may := range map[string]bool{
		"$share/g/devices/u2/x": true, "$share/g/devices/u1/x": false, "$share/g/#": false, "$share/u1:device/#": false,
		"own/u2:thief/x": true, "own/u1:device/x": false, "own/+/x": false, "$share/g/own/u2:thief/x": true,
		"$share/g/own/u1:device/x": false,
	} {
		thief, err := inside(0).connect("thief", "u2", "u2")
		parts.Must(t, err)
		if err := thief.subscribe(filter); (err == nil) != may {
			t.Errorf("a subscription to %s: %v", filter, err)
		}
		_ = thief.Disconnect(&paho.Disconnect{})
	}
}
