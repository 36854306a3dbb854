package realparts

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/gorilla/websocket"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// servingEdge is an edge with other settings before one node that serves.
func servingEdge(t *testing.T, other func(*assets.Edge)) *edge {
	t.Helper()
	e := newEdgeUnder(t, nil, other, newNode(t, 0))
	e.nodes[0].start(t)
	within(t, time.Minute, "the node is up", func() bool { return e.health(t) == http.StatusOK })
	return e
}

// hello is a TLS client's first message.
func hello(t *testing.T) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go tls.Client(theirs, &tls.Config{ServerName: "localhost"}).Handshake()
	said := make([]byte, 4096)
	n, err := ours.Read(said)
	if err != nil {
		t.Fatal(err)
	}
	return said[:n]
}

func TestAConnectionThatSaysNothingOrHalfIsHungUpOn(t *testing.T) {
	t.Parallel()
	e := servingEdge(t, func(*assets.Edge) {})
	plain := func(address string) func() (net.Conn, error) {
		return func() (net.Conn, error) { return net.Dial("tcp", address) }
	}
	first := hello(t)
	for _, c := range []struct {
		name string
		dial func() (net.Conn, error)
		says []byte
		slow bool // says it one byte after the other
	}{
		{"no ClientHello", plain(e.mqtts), nil, false},
		{"half a ClientHello", plain(e.mqtts), first[:len(first)/2], false},
		{"a ClientHello and nothing after it", plain(e.mqtts), first, false},
		{"a ClientHello a byte a second", plain(e.mqtts), first, true},
		{"no CONNECT", e.dialTLS, nil, false},
		{"no request", plain(e.http), nil, false},
		{"half a request", plain(e.http), []byte("GET /mqtt HTTP/1.1\r\nHost: x\r\n"), false},
		{"a request a byte a second", plain(e.http), []byte("GET /mqtt HTTP/1.1\r\nHost: x\r\nX-Y: zzzzzzzz\r\n"), true},
		{"a probe without a word", plain(e.probes), nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn, err := c.dial()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			begun := time.Now()
			if !c.slow {
				_, err = conn.Write(c.says)
			} else {
				go func() {
					for i := range c.says {
						if _, err := conn.Write(c.says[i : i+1]); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				}()
			}
			if err := errors.Join(err, conn.SetReadDeadline(begun.Add(20*time.Second))); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("it is there after 20 s")
			}
			if took := time.Since(begun); took > 15*time.Second {
				t.Errorf("it is hung up on after %s", took)
			}
		})
	}
}

func TestAClientThatIsConnectedMayBeSilentForLonger(t *testing.T) {
	t.Parallel()
	e := servingEdge(t, func(*assets.Edge) {})
	var all sync.WaitGroup
	for name, dial := range map[string]func() (net.Conn, error){"mqtts": e.dialTLS, "wss": e.dialWebSocket} {
		all.Go(func() {
			c, err := connect(t.Context(), dial, name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			time.Sleep(13 * time.Second) // longer than the edge waits for one that is not; its keepalive is 30 s
			if err := c.echoes(t.Context(), "still here"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
}

func TestConnectionsThatFillOneFrontEndLeaveTheOthersAlone(t *testing.T) {
	t.Parallel()
	e := servingEdge(t, func(settings *assets.Edge) { settings.MaxConnections = 40 })
	before, err := connect(t.Context(), e.dialTLS, "before")
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		conn, err := net.Dial("tcp", e.mqtts)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	time.Sleep(500 * time.Millisecond) // until HAProxy has taken as many as it takes
	if c, err := e.dialTLS(); err == nil {
		t.Error("another client of mqtts:// comes in, so that nothing is full")
		c.Close()
	}
	begun := time.Now()
	if response, err := patient.Get("http://" + e.probes); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("Azure's probe: %v, %v", response, err)
	}
	if status := e.health(t); status != http.StatusOK {
		t.Errorf("the health page answers %d", status)
	}
	beside, err := connect(t.Context(), e.dialWebSocket, "beside")
	if err != nil {
		t.Fatalf("a client over WebSocket: %v", err)
	}
	if err := errors.Join(beside.echoes(t.Context(), "beside"), before.echoes(t.Context(), "before")); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 8*time.Second {
		t.Fatalf("all of that took %s, in which silent ones are hung up on", took)
	}
	within(t, time.Minute, "a client of mqtts:// comes in once the silent ones are hung up on", func() bool {
		c, err := connect(t.Context(), e.dialTLS, "after")
		return err == nil && c.echoes(t.Context(), "after") == nil
	})
}

func TestWebSocketsOfOneAddressAreLimitedAndThoseOfOthersAreNot(t *testing.T) {
	t.Parallel()
	e := servingEdge(t, func(*assets.Edge) {})
	// Front Door adds its own header behind one that a client sent.
	from := func(addresses ...string) (int, func()) {
		conn, response, err := websocket.DefaultDialer.Dial("ws://"+e.http+assets.WebSocketPath, http.Header{
			"X-Azure-FDID": {frontDoorID}, "X-Azure-Socketip": addresses, "X-Forwarded-For": {"192.0.2.9"},
			"Sec-Websocket-Protocol": {"mqtt"}})
		switch {
		case err != nil && response == nil:
			t.Error(err)
			return 0, func() {}
		case err != nil:
			return response.StatusCode, func() {}
		}
		return response.StatusCode, func() { conn.Close() }
	}
	statuses := map[int]int{}
	var lock sync.Mutex
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			status, hangUp := from(fmt.Sprintf("203.0.113.%d", i%250), "2001:db8::1")
			lock.Lock()
			defer lock.Unlock()
			statuses[status]++
			t.Cleanup(hangUp)
		})
	}
	all.Wait()
	if statuses[http.StatusSwitchingProtocols] != 200 || statuses[http.StatusTooManyRequests] != 100 {
		t.Errorf("of 300 at once: %v", statuses)
	}
	if status, hangUp := from("2001:db8::2"); status != http.StatusSwitchingProtocols {
		t.Errorf("one of another address: %d", status)
	} else {
		hangUp()
	}
	within(t, time.Minute, "the address is let in again", func() bool {
		time.Sleep(2 * time.Second) // each request counts
		status, hangUp := from("2001:db8::1")
		hangUp()
		return status == http.StatusSwitchingProtocols
	})
}

// TestAThousandSilentConnectionsAreNotFeltByAnHonestClient prints what it measures.
func TestAThousandSilentConnectionsAreNotFeltByAnHonestClient(t *testing.T) {
	t.Parallel()
	e := servingEdge(t, func(settings *assets.Edge) { settings.MaxConnections = 2000 })
	measure := func() (login, echo time.Duration) {
		var logins, echoes []time.Duration
		for i := range 100 {
			begun := time.Now()
			c, err := connect(t.Context(), e.dialTLS, fmt.Sprint("honest-", i))
			if err != nil {
				t.Fatalf("login %d: %v", i, err)
			}
			logins = append(logins, time.Since(begun))
			begun = time.Now()
			if err := c.echoes(t.Context(), "hello"); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			echoes = append(echoes, time.Since(begun))
			_ = c.mqtt.Disconnect(&paho.Disconnect{})
		}
		slices.Sort(logins)
		slices.Sort(echoes)
		return logins[98], echoes[98]
	}
	login, echo := measure()
	var held atomic.Int32
	var attack sync.WaitGroup
	ended := make(chan struct{})
	for i := range 1000 {
		attack.Go(func() { // each opens another connection as soon as it is hung up on
			for {
				conn, err := net.Dial("tcp", e.mqtts)
				if err != nil {
					return
				}
				if i%2 == 0 {
					_, _ = io.Copy(conn, bytes.NewReader([]byte{22, 3, 1})) // the beginning of a ClientHello
				}
				held.Add(1)
				gone := make(chan struct{})
				go func() { _, _ = io.Copy(io.Discard, conn); close(gone) }()
				select {
				case <-ended:
				case <-gone:
				}
				conn.Close()
				held.Add(-1)
				select {
				case <-ended:
					return
				default:
				}
			}
		})
	}
	within(t, time.Minute, "a thousand are there", func() bool { return held.Load() > 990 })
	besideLogin, besideEcho := measure()
	close(ended)
	attack.Wait()
	t.Logf("of 100, the 99th: a login %s, beside 1,000 silent connections %s; a message and back %s, beside them %s",
		login, besideLogin, echo, besideEcho)
	if limit := 10*login + time.Second; besideLogin > limit {
		t.Errorf("a login takes %s beside the attack, %s without", besideLogin, login)
	}
	if limit := 10*echo + time.Second; besideEcho > limit {
		t.Errorf("a message takes %s beside the attack, %s without", besideEcho, echo)
	}
}
