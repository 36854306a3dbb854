package emqx

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// TestAConnectionThatSaysHalfAConnectIsHungUpOn holds what the edge leaves to the broker: it waits for the first byte.
func TestAConnectionThatSaysHalfAConnectIsHungUpOn(t *testing.T) {
	l, _ := served(t, 1)
	for _, w := range []way{inside(0), l.throughEdge()} {
		for name, slow := range map[string]bool{"half of it": false, "a byte a second": true} {
			conn, err := w.dial()
			parts.Must(t, err)
			defer conn.Close()
			begun := time.Now()
			go func() {
				for _, b := range []byte{0x10, 100, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 40, 'a', 'b', 'c', 'd', 'e'} {
					if _, err := conn.Write([]byte{b}); err != nil {
						return
					}
					if slow {
						time.Sleep(time.Second)
					}
				}
			}()
			parts.Must(t, conn.SetReadDeadline(begun.Add(20*time.Second)))
			_, err = io.Copy(io.Discard, conn)
			took := time.Since(begun)
			if errors.Is(err, os.ErrDeadlineExceeded) || took > 14*time.Second {
				t.Errorf("%s, %s: it is hung up on after %s: %v", w.name, name, took, err)
			}
		}
	}
}

// TestOneClientFillsNeitherTheBrokersMemoryNorItsLine has a client subscribe, retain and send as much as it can.
func TestOneClientFillsNeitherTheBrokersMemoryNorItsLine(t *testing.T) {
	_, _ = served(t, 1)
	greedy := inside(0).mustConnect(t, "greedy", "u1", "u1")
	for i := range 1000 {
		if err := greedy.subscribe(fmt.Sprint("devices/u1/", i)); err != nil {
			t.Fatalf("subscription %d: %v", i+1, err)
		}
	}
	if err := greedy.subscribe("devices/u1/one-more"); err == nil {
		t.Error("it subscribes 1,001 times")
	}

	other := inside(0).mustConnect(t, "other", "u1", "u1")
	retain := func(topic string, bytes int) {
		t.Helper()
		_, err := other.Publish(t.Context(), &paho.Publish{Topic: "devices/u1/kept/" + topic, QoS: 1, Retain: true,
			Payload: []byte(strings.Repeat("x", bytes))})
		parts.Must(t, err)
	}
	retain("small", 16<<10)
	retain("large", 17<<10)
	late := inside(0).mustConnect(t, "late", "u1", "u1")
	parts.Must(t, late.subscribe("devices/u1/kept/#"))
	parts.Within(t, patience, "the small one is kept", func() bool {
		return len(late.missing(map[string]byte{strings.Repeat("x", 16<<10): 0})) == 0
	})
	if len(late.missing(map[string]byte{strings.Repeat("x", 17<<10): 0})) == 0 {
		t.Error("the large one is kept")
	}

	conn, err := inside(0).dial()
	parts.Must(t, err)
	defer conn.Close()
	sender := session{conn}
	_, err = sender.ask(&packets.Connect{ProtocolName: "MQTT", ProtocolVersion: 5, ClientID: "u1:sender", KeepAlive: 60,
		CleanStart: true, UsernameFlag: true, Username: "u1", PasswordFlag: true, Password: []byte("u1"),
		Properties: &packets.Properties{}})
	parts.Must(t, err)
	begun := time.Now()
	for range 60 { // 54 MB
		_, err := (&packets.Publish{Topic: "devices/u1/much", Payload: make([]byte, 900_000),
			Properties: &packets.Properties{}}).WriteTo(conn)
		parts.Must(t, err)
	}
	_, err = sender.ask(&packets.Pingreq{})
	parts.Must(t, err)
	if took := time.Since(begun); took < 3*time.Second {
		t.Errorf("it sent 54 MB in %s", took)
	}
}
