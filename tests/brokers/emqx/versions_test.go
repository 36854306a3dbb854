package emqx

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// frontDoor is what marks the requests that came through this lab's Front Door.
var frontDoor = http.Header{"X-Azure-FDID": {"lab"}}

var webSocketURL = fmt.Sprintf("ws://127.0.0.1:%d%s", edgeHTTP, assets.WebSocketPath)

// throughFrontDoor is from outside over WebSocket, behind Front Door, which ends TLS.
func throughFrontDoor() way {
	return way{"Front Door",
		func() (net.Conn, error) { return mqtt.NewWebsocket(webSocketURL, nil, patience, frontDoor, nil) }}
}

func TestClientsOfMQTT5AreServedOverTLSAndWebSocket(t *testing.T) {
	l, _ := served(t, 1)
	for _, w := range []way{l.throughEdge(), throughFrontDoor()} {
		reader, writer := w.mustConnect(t, "reader-"+w.name, "u1", "u1"), w.mustConnect(t, "writer-"+w.name, "u1", "u1")
		parts.Must(t, reader.subscribe("devices/u1/#"), writer.publish("devices/u1/up", w.name))
		parts.Within(t, patience, "the message comes by "+w.name, func() bool {
			return len(reader.missing(map[string]byte{w.name: 0})) == 0
		})
		for _, who := range [][2]string{{"u1", "wrong"}, {"nobody", "u1"}, {"", ""}} {
			// Over WebSocket the end of the connection may be the answer: it is with a cowboy that is not EMQX's own.
			if code, err := w.login("other-"+w.name, who[0], who[1]); err == nil && code == 0 {
				t.Errorf("%q is let in by %s", who, w.name)
			}
		}
	}
}

func TestClientsOfMQTT311AreServedOverTLSAndWebSocket(t *testing.T) {
	l, _ := served(t, 1)
	for _, url := range []string{fmt.Sprintf("ssl://127.0.0.1:%d", edgeMQTTS), webSocketURL} {
		connect := func(id, user, password string) (mqtt.Client, mqtt.Token) {
			c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(url).SetHTTPHeaders(frontDoor).SetProtocolVersion(4).
				SetClientID(idOf(user, id)).
				SetTLSConfig(l.trusts()).SetUsername(user).SetPassword(password).
				SetAutoReconnect(false).SetConnectTimeout(patience))
			t.Cleanup(func() { c.Disconnect(0) })
			return c, answered(t, c.Connect())
		}
		got := make(chan string, 10)
		reader, token := connect("reader", "u1", "u1")
		parts.Must(t, token.Error(), answered(t, reader.Subscribe("devices/u1/#", 1, func(_ mqtt.Client, m mqtt.Message) {
			got <- string(m.Payload())
		})).Error())
		writer, token := connect("writer", "u1", "u1")
		parts.Must(t, token.Error(), answered(t, writer.Publish("devices/u1/up", 1, false, url)).Error())
		parts.Within(t, patience, "the message comes by "+url, func() bool { return len(got) > 0 })
		if text := <-got; text != url {
			t.Errorf("by %s came %q", url, text)
		}
		for _, who := range [][2]string{{"u1", "wrong"}, {"nobody", "u1"}, {"", ""}} {
			_, token := connect("other", who[0], who[1])
			if token.Error() == nil {
				t.Errorf("%q is let in by %s", who, url)
			}
		}
	}
}

// answered is a token that has its answer in time.
func answered(t *testing.T, token mqtt.Token) mqtt.Token {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatalf("no answer within %s", patience)
	}
	return token
}
