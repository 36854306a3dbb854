package assets

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPortsAndLimitsAreThoseThatTheirProgramsHave(t *testing.T) {
	for name, c := range map[string][2]int{
		"EMQX's distribution without epmd: 4370 and the number at the end of the node's name": {DistributionPort, 4370},
		"gen_rpc's default": {RPCPort, 5369}, "EMQX's MQTT": {MQTTPort, 1883}, "EMQX's WebSocket": {WebSocketPort,
			8083}, "EMQX's dashboard": {StatusPort, 18083}, "a gate": {GatePort, 18084}, "its tokens": {GateTokenPort, 18085},
		"the edge's MQTT": {EdgeMQTTSPort, 8883}, "the edge's WebSocket": {EdgeWebSocketPort, 8080},
		"HiveMQ's MQTT":      {HiveMQPort, 1883},
		"HiveMQ's WebSocket": {HiveMQWebSocketPort, 8000}, "VerneMQ's MQTT": {VerneMQPort, 8883},
		"VerneMQ's WebSocket": {VerneMQWebSocketPort, 8084},
		"VerneMQ's health":    {VerneMQHealthPort, 8888}, "copies that HiveMQ keeps": {HiveMQCopies, 2},
		"a trial's connections": {HiveMQTrialConnections, 25},
		"nodes":                 {MaxNodes, 10}, "disk": {VerneMQDataLUN, 0},
		"collector's health": {CollectorHealthPort, 13133},
		"collector's OTLP":   {CollectorPushPort, 4318},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d, want %d", name, c[0], c[1])
		}
	}
	if got, want := VerneMQClusterPorts(), []string{"4369", "9100-9109", "44053", "8883"}; !slices.Equal(got, want) {
		t.Errorf("VerneMQ's nodes reach each other on %q, want %q", got, want)
	}
	for got, want := range map[string]string{EdgeHealthPath: "/healthz", WebSocketPath: "/mqtt",
		VerneMQHealthPath: "/health", ConnectionStringVariable: "APPLICATIONINSIGHTS_CONNECTION_STRING"} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhatIsFetchedIsPinned(t *testing.T) {
	for pattern, values := range map[string][]string{
		`^\d+\.\d+\.\d+$`: {vernemqVersion, HiveMQOperatorChart, HiveMQPlatformChart, fileRBACVersion,
			CollectorVersion},
		`^[0-9a-f]{40}$`:    {vernemqCommit},
		`^[0-9a-f]{64}$`:    {jdbcDriverSHA256, CollectorSHA256},
		`^https://`:         {jdbcDriverURL, CollectorURL},
		`:v?\d+\.\d+\.\d+$`: {kubectlImage, CollectorImage},
	} {
		for _, value := range values {
			if !regexp.MustCompile(pattern).MatchString(value) {
				t.Errorf("%q does not match %s", value, pattern)
			}
		}
	}
}

func TestCommandsStartWhatTheyAreFor(t *testing.T) {
	for got, want := range map[string]string{
		strings.Join(EdgeCommand()[:2], " "): "/bin/sh -c",
		strings.Join(NodeCommand(),
			" "): "/bin/sh -c cp /mnt/config/emqx.conf /opt/emqx/etc/emqx.conf && exec " +
			"/opt/emqx/erts-*/bin/escript /mnt/config/gate.escript",
	} {
		if got != want {
			t.Errorf("it is %q, want %q", got, want)
		}
	}
}

func TestAPasswordHasARoleOfItsOwnThatDoesNotTellIt(t *testing.T) {
	// The first eight digits of the password's SHA-256: sha256sum prints ba7816bf… for abc.
	if got := BrokerRole("mqtt_broker", "abc"); got != "mqtt_broker_ba7816bf" {
		t.Errorf("the role is %s", got)
	}
}

func TestANodesSettingsAreAllInItsFile(t *testing.T) {
	s := VerneMQSettings{
		Files: "f", FileNames: []string{"a", "b"}, Shared: "s", DatabaseHost: "h", DatabaseName: "n",
		DatabaseAdmin: "d", AdminPasswordURL: "ap",
		BrokerPasswordURL: "bp", CertificateURL: "c", Hosts: []string{"h", "ws.h"}, ConnectionURL: "u", Cookie: "it's",
		Members: []string{"1", "2"},
	}
	const want = `FILES='f'
FILE_NAMES='a b'
SHARED='s'
DATABASE_HOST='h'
DATABASE_NAME='n'
DATABASE_ADMIN='d'
ADMIN_PASSWORD_URL='ap'
BROKER_PASSWORD_URL='bp'
CERTIFICATE_URL='c'
HOSTS='h ws.h'
COOKIE='it'\''s'
MEMBERS='1 2'
CONNECTION_URL='u'
`
	if got := s.Text(); got != want {
		t.Errorf("the settings are\n%s\nwant\n%s", got, want)
	}
}

func TestTheSchemaIsAppliedAnewForAnotherDatabasePasswordIdentityOrLicence(t *testing.T) {
	versions := map[string]string{}
	for name, edit := range map[string]func(*HiveMQ){
		"nothing": func(*HiveMQ) {}, "database": func(h *HiveMQ) { h.DatabaseHost = "other" },
		"password": func(h *HiveMQ) { h.DatabaseUser = "other" },
		"identity": func(h *HiveMQ) { h.ClientID = "other" }, "licence": func(h *HiveMQ) { h.Licence = "licence" },
	} {
		h := someHiveMQ
		edit(&h)
		versions[h.PrepareVersion()] = name
	}
	if len(versions) != 5 {
		t.Errorf("with another one of these alone it is not applied anew: %v", slices.Sorted(maps.Values(versions)))
	}
}

func TestFoldersAreAppliedFromTheBaseToTheBrokersAndTheCollectorLast(t *testing.T) {
	for monitored, want := range map[bool]string{true: "base operator broker collector",
		false: "base operator broker"} {
		if got := strings.Join(HiveMQFolders(monitored), " "); got != want {
			t.Errorf("monitored %v: %s", monitored, got)
		}
	}
}
