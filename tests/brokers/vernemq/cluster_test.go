package vernemq

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

func TestThreeNodesFromNothingFormOneCluster(t *testing.T) {
	s, all := cluster(t, 3)
	subscriber := s.mustConnect(device(all[0].address, "subscriber"))
	if err := subscriber.subscribe("devices/device/#"); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		publisher := s.mustConnect(device(m.address, "publisher at "+m.address))
		// A subscription takes a moment to be known at the other nodes.
		parts.Within(t, patience, "a message from "+m.address, func() bool {
			if err := publisher.publish("devices/device/x", m.address); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			return missingFrom(subscriber.messages(), []string{"devices/device/x " + m.address}) == ""
		})
	}
	if notes := s.cloud.names("shared/new-"); len(notes) > 0 {
		t.Errorf("somebody still waits to be let in: %q", notes)
	}
	all[1].said("a node joins another", "cluster join discovery-node=VerneMQ@"+all[0].address)
	all[0].admin("three nodes", "cluster show --format=json")
	all[0].admin("a node joins another and is not empty", "cluster join discovery-node=VerneMQ@"+all[1].address)
}

// waiting is a client with a session at a node, which is away while messages come.
type waiting struct {
	session
	messages []string
}

// leavesBehind has a client of a node go away, and messages come for it through another node.
func (s *site) leavesBehind(id string, at, through *machine) waiting {
	s.Helper()
	w := waiting{session: device(at.address, id)}
	w.keeps = 3600
	client := s.mustConnect(w.session)
	if err := client.subscribe("devices/device/" + id); err != nil {
		s.Fatal(err)
	}
	time.Sleep(time.Second) // until every node knows of it
	client.leave()
	time.Sleep(time.Second)
	publisher := s.mustConnect(device(through.address, "publisher for "+id))
	for i := range 20 {
		if err := publisher.publish("devices/device/"+id, fmt.Sprint(i)); err != nil {
			s.Fatal(err)
		}
	}
	w.messages = numbered("devices/device/"+id+" ", 20)
	return w
}

// stores waits until a node has on its disk what waits for a client: VerneMQ acknowledges a message before.
func (m *machine) stores(w waiting) {
	m.site.Helper()
	command := `NO_EPMD=1 /opt/vernemq/bin/vmq-admin session show --client_id --offline_messages --format=json`
	took := parts.Within(m.site.T, patience, "what waits for "+w.id+" is stored", func() bool {
		var said struct {
			Table []struct {
				Client  string `json:"client_id"`
				Waiting int    `json:"offline_messages"`
			}
		}
		text := m.must(command)
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			m.site.Fatalf("%v: %s", err, text)
		}
		for _, row := range said.Table {
			if row.Client == w.id && row.Waiting == len(w.messages) {
				return true
			}
		}
		return false
	})
	m.site.Logf("%s has stored it all %s after the last acknowledgement", m.address, took)
}

// comesBackTo has the client connect to a node, and get what waits for it.
func (s *site) comesBackTo(m *machine, w waiting) {
	s.Helper()
	w.node = m.address
	client := s.mustConnect(w.session)
	if !client.connack.SessionPresent {
		s.Errorf("the session of %s is gone", w.id)
	}
	for end := time.Now().Add(patience); missingFrom(client.messages(), w.messages) != "" && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	if missing := missingFrom(client.messages(), w.messages); missing != "" {
		s.Errorf("of what waited for %s is lost: %.2000s", w.id, missing)
	}
}

func TestAKilledNodeComesBackWithSessionsAndWhatWaitsForThem(t *testing.T) {
	s, all := cluster(t, 3)
	w := s.leavesBehind("killed", all[2], all[0])
	all[2].stores(w)
	all[2].must("kill -9 $(ps -C beam.smp -o pid=)")
	for _, m := range all[:2] {
		for i := range 10 {
			if client, err := s.connect(device(m.address, fmt.Sprint("meanwhile", i))); err != nil {
				t.Errorf("a login at %s: %v", m.address, err)
			} else {
				client.leave()
			}
		}
		if !m.serves() {
			t.Errorf("%s is not well without the other one", m.address)
		}
	}
	took := parts.Within(t, 90*time.Second, "the killed node serves again", all[2].serves)
	t.Logf("back after %s", took)
	s.form(2*time.Minute, all...)
	s.comesBackTo(all[2], w)
}

func TestWhatComesForANodeThatRestartsWaitsAtTheOthers(t *testing.T) {
	s, all := cluster(t, 3)
	w := s.leavesBehind("restarted", all[2], all[0])
	all[2].stores(w)
	all[2].must("systemctl stop vernemq")
	all[0].admin("three nodes, of which one is down", "cluster show --format=json")
	publisher := s.mustConnect(device(all[0].address, "publisher meanwhile"))
	for i := range 900 {
		text := fmt.Sprintf("meanwhile %d %s", i, strings.Repeat("x", 4000))
		if err := publisher.publish("devices/device/restarted", text); err != nil {
			t.Fatal(err)
		}
		w.messages = append(w.messages, "devices/device/restarted "+text)
	}
	s.form(2*time.Minute, all...)
	s.comesBackTo(all[2], w)
}

func TestAMachineThatIsReplacedAndKeepsItsDiskKeepsWhatWaits(t *testing.T) {
	s, all := cluster(t, 1)
	w := s.leavesBehind("replaced", all[0], all[0])
	all[0].stores(w)
	all[0].powerOff()
	all[0] = s.machineWith(0, all[0].disk)
	s.form(3*time.Minute, all...)
	s.comesBackTo(all[0], w)
}

func TestAMachineWithAnEmptyDiskIsForgottenAndJoinsAnew(t *testing.T) {
	for i, what := range map[int]string{2: "another", 0: "the founder"} {
		t.Run(what, func(t *testing.T) {
			s, all := cluster(t, 3)
			other := all[1]
			w := s.leavesBehind("stays "+what, other, other)
			all[i].powerOff()
			all[i] = s.newMachine(i)
			s.form(5*time.Minute, all...)
			all[(i+1)%3].said("a node that is down is forgotten", "cluster leave node=VerneMQ@"+all[i].address)
			s.comesBackTo(all[i], w)
		})
	}
}

func TestWhatWaitsAtANodeThatIsNoLongerWantedGoesToTheOthers(t *testing.T) {
	s, all := cluster(t, 3)
	w := s.leavesBehind("scaled in", all[2], all[0])
	s.want(all[0].address, all[1].address)
	parts.Within(t, 3*time.Minute, "the last node leaves", func() bool {
		s.tick()
		return slices.Equal(all[0].members(), []string{all[0].address, all[1].address}) && !all[2].serves()
	})
	all[2].said("a node leaves", "cluster leave node=VerneMQ@"+all[2].address+" -k -i 5 -t 300")
	s.comesBackTo(all[0], w)
	s.want(all[0].address, all[1].address, all[2].address)
	s.form(5*time.Minute, all...)
}

func TestAnotherBuildFindsWhatTheOneBeforeKept(t *testing.T) {
	s, all := cluster(t, 1)
	w := s.leavesBehind("upgraded", all[0], all[0])
	v := assets.VerneMQ{Connections: connections, DatabaseName: "mqtt", DatabaseRoles: "mqtt_broker",
		ClientIDs: assets.ClientIDsPrefix}
	s.publish("version-2", v, func(files map[string]string) {
		files["vernemq.env"] = strings.Replace(files["vernemq.env"], "COMMIT='b968", "COMMIT='a968", 1)
	})
	for _, m := range all {
		m.must("touch /opt/vernemq/old")
		if err := m.run("deploy version-2"); err != nil {
			t.Fatal(err)
		}
		m.must("[ ! -e /opt/vernemq/old ]")
	}
	s.form(2*time.Minute, all...)
	s.comesBackTo(all[0], w)
}

// The others wait for it where a client's registration is its business: one of three has no say in a third of them.
func TestANodeThatIsLostWithoutAWordHoldsUpLoginsForLessThan20Seconds(t *testing.T) {
	s, all := cluster(t, 3)
	all[2].disconnect()
	t.Cleanup(func() {
		all[2].connect()
	})
	lost := time.Now()
	var logins sync.WaitGroup
	var mu sync.Mutex
	var last time.Duration // begin of a login that was refused or held up
	heldUp, tried := 0, 0
	for time.Since(lost) < 45*time.Second {
		begun := time.Since(lost)
		for i := range 10 {
			logins.Go(func() {
				client, err := s.connect(device(all[i%2].address, fmt.Sprintf("client %d at %s", i, begun)))
				mu.Lock()
				defer mu.Unlock()
				tried++
				if took := time.Since(lost) - begun; err != nil || took > 5*time.Second {
					heldUp, last = heldUp+1, max(last, begun)
				}
				if err == nil {
					client.leave()
				}
			})
		}
		time.Sleep(time.Second)
	}
	logins.Wait()
	t.Logf("%d of %d logins were held up, the last one begun %s after the loss", heldUp, tried, last)
	if last > 20*time.Second {
		t.Errorf("a login that began %s after the loss was held up", last)
	}
	all[2].connect()
	s.form(3*time.Minute, all...)
}
