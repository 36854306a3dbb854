package vernemq

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

func TestAConnectionThatSaysNothingOrHalfIsHungUpOn(t *testing.T) {
	s, all := cluster(t, 1)
	plain := func(port int) func() (net.Conn, error) {
		return func() (net.Conn, error) { return net.Dial("tcp", net.JoinHostPort(all[0].address, fmt.Sprint(port))) }
	}
	overTLS := func(port int) func() (net.Conn, error) {
		return func() (net.Conn, error) {
			return tls.Dial("tcp", net.JoinHostPort(all[0].address, fmt.Sprint(port)), tlsConfig(s.authority))
		}
	}
	connect := []byte{0x10, 100, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 40, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}
	request := []byte("GET /mqtt HTTP/1.1\r\nHost: " + serverName + "\r\nConnection: Upgrade\r\n")
	var ended sync.WaitGroup
	for _, c := range []struct {
		name string
		dial func() (net.Conn, error)
		says []byte
		slow bool
	}{
		{"no ClientHello", plain(assets.VerneMQPort), nil, false},
		{"half a ClientHello", plain(assets.VerneMQPort), []byte{22, 3, 1, 1, 0, 1, 0}, false},
		{"no CONNECT", overTLS(assets.VerneMQPort), nil, false},
		{"half a CONNECT", overTLS(assets.VerneMQPort), connect, false},
		{"a CONNECT a byte a second", overTLS(assets.VerneMQPort), connect, true},
		{"no ClientHello for WebSocket", plain(assets.VerneMQWebSocketPort), nil, false},
		{"no request", overTLS(assets.VerneMQWebSocketPort), nil, false},
		{"half a request", overTLS(assets.VerneMQWebSocketPort), request, false},
		{"a request a byte a second", overTLS(assets.VerneMQWebSocketPort), request, true},
	} {
		ended.Go(func() {
			conn, err := c.dial()
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				return
			}
			defer conn.Close()
			begun := time.Now()
			go func() {
				for i := range c.says {
					if _, err := conn.Write(c.says[i : i+1]); err != nil {
						return
					}
					if c.slow {
						time.Sleep(time.Second)
					}
				}
			}()
			if err := conn.SetReadDeadline(begun.Add(30 * time.Second)); err != nil {
				t.Error(err)
			}
			_, err = io.Copy(io.Discard, conn)
			if took := time.Since(begun); errors.Is(err, os.ErrDeadlineExceeded) || took > 14*time.Second {
				t.Errorf("%s: it is hung up on after %s: %v", c.name, took, err)
			}
		})
	}
	ended.Wait()
	parts.Must(t, s.mustConnect(device(all[0].address, "honest")).subscribe("devices/device/x"))
}
