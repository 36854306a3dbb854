package vernemq

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

func TestANewCertificateIsShownToNewClientsAtOnceAndCutsNobodyOff(t *testing.T) {
	s, all := cluster(t, 1)
	m := all[0]
	stays := s.mustConnect(device(m.address, "stays"))
	broker := m.broker()
	key, certificate := s.authority.Sign(t, serverName)
	s.cloud.setSecret("certificate", key+certificate)
	m.must("touch --date '2 hours ago' /var/lib/amora-sync/certificate-checked")
	if err := m.run("tick"); err != nil {
		t.Fatal(err)
	}
	m.said("the certificate is another one", "tls clear-pem-cache")
	want, _ := pem.Decode([]byte(certificate))
	for _, port := range []int{assets.VerneMQPort, assets.VerneMQWebSocketPort} {
		conn, err := tls.Dial("tcp", fmt.Sprintf("%s:%d", m.address, port), tlsConfig(s.authority))
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if string(conn.ConnectionState().PeerCertificates[0].Raw) != string(want.Bytes) {
			t.Errorf("port %d still shows the old one", port)
		}
	}
	if err := stays.publish("devices/device/x", "still here"); err != nil || m.broker() != broker {
		t.Errorf("a client that was connected: %v; VerneMQ is process %d, and was %d", err, m.broker(), broker)
	}
}
