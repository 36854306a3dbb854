package hivemq

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/smoke"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// target is the broker behind something that ends TLS, as the Application Gateway does before the cluster.
func target(t *testing.T) smoke.Target {
	t.Helper()
	authority := parts.NewAuthority(t, t.TempDir())
	key, certificate := authority.Sign(t, "localhost")
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	parts.Must(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	parts.Must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go carry(client)
		}
	}()
	return smoke.Target{
		URL: fmt.Sprintf("mqtts://localhost:%d", listener.Addr().(*net.TCPAddr).Port), CAs: authority.Pool,
		Username: "device", Password: "secret", Topic: "devices/device", Forbidden: "others/x",
		Timeout: patience, MaxLatency: 5 * time.Second,
	}
}

// carry ends with whichever side hangs up first.
func carry(client net.Conn) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", mqttPort, patience)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	io.Copy(client, server)
}

func TestSmokeFindsNothingWrongAsOftenAsItIsRun(t *testing.T) {
	s := newStore(t)
	s.user("device", "secret")
	s.allow("device", "devices/${username}/#", "all")
	b := newBroker(t)
	b.install(s)
	b.start()
	parts.Prove(t, target(t))
}

// A JVM takes what memory it is given, and the free edition is not the deployed one: nothing is held against the plan.
func TestNothingOfALoadIsRefusedOrLost(t *testing.T) {
	b := newBroker(t).open()
	b.start()
	parts.Measure(t, target(t), b.running.Process.Pid)
}
