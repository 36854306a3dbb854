package vernemq

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

var (
	outage = flag.Duration("outage", 20*time.Second, "how long the database is away")
	record = flag.String("record", "", "file to write the page of metrics to")
)

func TestOnlyTheRightPasswordLetsAClientIn(t *testing.T) {
	s, all := cluster(t, 1)
	for _, c := range []struct {
		user, password string
		lets           bool
	}{
		{"device", "secret", true}, {"device", "Secret", false}, {"device", "", false}, {"nobody", "secret", false},
		{"", "", false}, {"device' OR 'a'='a", "secret", false},
	} {
		want := session{node: all[0].address, id: c.user + ":client", user: c.user, password: c.password}
		client, err := s.connect(want)
		if (err == nil) != c.lets {
			t.Errorf("%q with %q: %v", c.user, c.password, err)
		}
		if err == nil {
			client.leave()
		} else if client == nil || client.connack == nil || client.connack.ReasonCode&^1 != 0x86 { // 0x86 or 0x87
			t.Errorf("%q with %q is not told that it may not: %v", c.user, c.password, err)
		}
		for _, url := range []string{mqttURL(all[0].address), webSocketURL(all[0].address)} {
			older, err := s.connect3(url, want)
			if (err == nil) != c.lets {
				t.Errorf("%s, %q with %q: %v", url, c.user, c.password, err)
			}
			older.Disconnect(0)
		}
	}
}

// As a level of a topic, + and # are wildcards, and a/b is two levels.
func TestAClientIDThatIsNotOneLevelOfATopicIsRefused(t *testing.T) {
	s, all := cluster(t, 1)
	for id, lets := range map[string]bool{
		"one": true, "one.two:3 $4%5": true,
		"+": false, "#": false, "a/b": false, "/": false, "a/#": false, "a+": false, "a#b": false,
	} {
		own := session{node: all[0].address, id: "own:" + id, user: "own", password: "secret"}
		client, err := s.connect(own)
		if (err == nil) != lets {
			t.Errorf("%q: %v", id, err)
		}
		if err == nil && id == "one" {
			for filter, may := range map[string]bool{
				"clients/own:one/#": true, "clients/own:two/x": false, "clients/+/x": false,
			} {
				if err := client.subscribe(filter); (err == nil) != may {
					t.Errorf("%q subscribes to %s: %v", id, filter, err)
				}
			}
		}
		if err == nil {
			client.leave()
		}
		older, err := s.connect3(mqttURL(all[0].address), own)
		if (err == nil) != lets {
			t.Errorf("MQTT 3.1.1, %q: %v", id, err)
		}
		older.Disconnect(0)
	}
}

func TestNobodyReadsOfVerneMQItselfBelowSYS(t *testing.T) {
	s, all := cluster(t, 1)
	var readers []*client
	for _, user := range []string{"root", "all"} {
		reader := s.mustConnect(session{node: all[0].address, id: user + ":reader", user: user, password: "secret"})
		_ = reader.subscribe("$SYS/#") // it may be refused as well
		readers = append(readers, reader)
	}
	time.Sleep(22 * time.Second) // it would publish every 20
	for _, reader := range readers {
		if got := reader.messages(); len(got) > 0 {
			t.Errorf("%d messages, the first one %.100q", len(got), got[0])
		}
	}
}

// VerneMQ 2.1.2 drops such a message before anything that could be configured sees it: docs/vernemq.md says so.
func TestAMessageToATopicThatBeginsWithADollarReachesNobodyAndHoldsUpNothingElse(t *testing.T) {
	s, all := cluster(t, 1)
	root := s.mustConnect(session{node: all[0].address, id: "root", user: "root", password: "secret"})
	for _, filter := range []string{"#", "$SYS/#", "$share/group/x", "$other/#"} {
		if err := root.subscribe(filter); err != nil {
			t.Fatalf("%s: %v", filter, err)
		}
	}
	unanswered := make(chan string, 3)
	for _, topic := range []string{"$SYS/x", "$share/group/x", "$other/x"} {
		go func() {
			if err := root.publish(topic, "no"); err == nil {
				unanswered <- topic + " is answered"
			} else {
				unanswered <- ""
			}
		}()
	}
	time.Sleep(time.Second)
	for i := range 5 {
		if err := root.publish("x", fmt.Sprint(i)); err != nil {
			t.Errorf("another message of the same client: %v", err)
		}
	}
	for range 3 {
		if what := <-unanswered; what != "" {
			t.Errorf("%s, and docs/vernemq.md is wrong", what)
		}
	}
	parts.Within(t, patience, "what is published to x", func() bool {
		return missingFrom(root.messages(), numbered("x ", 5)) == ""
	})
	if got := root.messages(); slices.ContainsFunc(got, func(m string) bool { return strings.HasPrefix(m, "$") }) {
		t.Errorf("it reads %q", got)
	}
}

// The listener for WebSocket has no limit that holds, as docs/vernemq.md says: its server, cowboy, takes a connection
// out of the count (ranch:remove_connection) once it is one of WebSocket.
func TestANodeTakesWhatThePlanCountsOverMQTTAndBeyondThatOverWebSocketOnly(t *testing.T) {
	const planned = 145
	s := newSite(t, 1, assets.VerneMQ{Connections: planned})
	t.Cleanup(s.end)
	m := s.newMachine(0)
	s.form(3*time.Minute, m)
	s.database.addUsers()
	took := 0
	for ; took < 2*planned; took++ {
		if _, err := s.connect3(mqttURL(m.address), device("", fmt.Sprint("client", took))); err != nil {
			t.Logf("after %d clients: %v", took, err)
			break
		}
	}
	// Each of the ten acceptors takes a tenth, rounded up.
	if took != 150 {
		t.Errorf("%d clients are in, and the plan counts %d", took, planned)
	}
	if _, err := s.connect3(webSocketURL(m.address), device("", "one more")); err != nil {
		t.Errorf("over WebSocket: %v", err)
	}
	// The alert of full connections looks at this.
	held := regexp.MustCompile(`(?m)^total_active_connections.* (\d+)$`).FindStringSubmatch(m.metrics())
	if len(held) == 0 || held[1] != fmt.Sprint(took+1) {
		t.Errorf("the page of metrics counts %q", held)
	}
}

// journal is how much VerneMQ has logged.
func (m *machine) journal() int64 {
	m.site.Helper()
	size, err := strconv.ParseInt(m.must("stat --format %s /var/log/vernemq.journal"), 10, 64)
	if err != nil {
		m.site.Fatal(err)
	}
	return size
}

func TestConnectionsAndIdleMinutesAddLittleToTheLog(t *testing.T) {
	s, all := cluster(t, 1)
	m := all[0]
	before := m.journal()
	for i := range 20 {
		s.mustConnect(device(m.address, fmt.Sprint("client", i))).leave()
		_, _ = s.connect(session{node: m.address, id: "device:wrong", user: "device", password: "wrong"})
	}
	if grown := m.journal() - before; grown > 40*300 {
		added := m.must(fmt.Sprintf("tail -c +%d /var/log/vernemq.journal", before))
		t.Errorf("40 logins logged %d bytes: %.2000s", grown, added)
	}
	before = m.journal()
	time.Sleep(10 * time.Second)
	if grown := m.journal() - before; grown > 1000 {
		t.Errorf("an idle node logged %d bytes in 10 s", grown)
	}
}

// memory is VerneMQ's, in MiB.
func (m *machine) memory() int {
	m.site.Helper()
	kib, err := strconv.Atoi(m.must("ps -C beam.smp -o rss= | head -1"))
	if err != nil {
		m.site.Fatal(err)
	}
	return kib / 1024
}

// VerneMQ asks the database over five connections. Where nothing is answered, a login waits on each of them for as
// long, and the others are refused once a further connection could not be had for five seconds. Its script has ten
// states, each of which waits with its login: with as many connections, nobody would come in after a database moved.
const askedOver = 5

// late is an answer that comes after so long.
const late = 10 * time.Second

func TestADatabaseThatIsAwayOrHangsTakesNothingWithItButLogins(t *testing.T) {
	for _, c := range []struct {
		name string
		hang func(*database) (goOn func())
		wait int // logins that get no answer
	}{
		{"stopped", func(d *database) func() { d.stop(); return d.start }, 0},
		{"frozen", (*database).freeze, askedOver},
		{"silent", (*database).silence, askedOver},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, all := cluster(t, 1)
			m := all[0]
			stays := s.mustConnect(device(m.address, "stays"))
			if err := stays.subscribe("devices/device/#"); err != nil {
				t.Fatal(err)
			}
			log, memory := m.journal(), m.memory()
			var logins sync.WaitGroup
			var waited, begun atomic.Int32
			goOn := sync.OnceFunc(c.hang(s.database))
			defer goOn()
			highest, unwell, sent := memory, 0, 0
			for end := time.Now().Add(*outage); time.Now().Before(end); time.Sleep(time.Second) {
				if !m.serves() {
					unwell++
				}
				highest = max(highest, m.memory())
				if err := stays.publish("devices/device/x", fmt.Sprint(sent)); err != nil {
					t.Errorf("a client that is connected: %v", err)
				}
				sent++
				if time.Until(end) < late {
					continue // what is begun now may wait until the database is back
				}
				begun.Add(1)
				id := fmt.Sprint("new", sent)
				logins.Go(func() {
					asked := time.Now()
					client, err := s.connect(device(m.address, id))
					if err == nil {
						client.leave()
					}
					if time.Since(asked) > late {
						waited.Add(1)
					} else if err == nil {
						t.Error("a client comes in without the database")
					}
				})
			}
			goOn()
			took := parts.Within(t, 30*time.Second, "logins after the database is back", func() bool {
				client, err := s.connect(device(m.address, "again"))
				if err == nil {
					client.leave()
				}
				return err == nil
			})
			logins.Wait()
			log = m.journal() - log
			t.Logf("for %s: %d to %d MiB, %d bytes of log, logins after %s; %d of %d waited", *outage, memory, highest, log,
				took, waited.Load(), begun.Load())
			if highest > memory+100 || unwell > 0 || float64(log) > 100_000*outage.Seconds() || took > 15*time.Second ||
				int(waited.Load()) > c.wait {
				t.Errorf("from %d to %d MiB, unwell %d times, %d bytes of log, logins after %s, %d logins without an answer",
					memory, highest, unwell, log, took, waited.Load())
			}
			parts.Within(t, patience, "what was published meanwhile", func() bool {
				return missingFrom(stays.messages(), numbered("devices/device/x ", sent)) == ""
			})
		})
	}
}

func TestADatabaseThatMovesToAnotherHostWithoutAWordCostsANodeFiveLogins(t *testing.T) {
	s := newSite(t, 1, assets.VerneMQ{Connections: connections})
	t.Cleanup(s.end)
	m := s.newMachine(0)
	s.form(3*time.Minute, m)
	s.database.addUsers()
	s.database.move()
	var logins sync.WaitGroup
	var in atomic.Int32
	const tried = 30
	for i := range tried {
		logins.Go(func() {
			client, err := s.connect(device(m.address, fmt.Sprint("client", i)))
			if err == nil {
				in.Add(1)
				client.leave()
			}
		})
	}
	logins.Wait()
	took := parts.Within(t, 30*time.Second, "a login", func() bool {
		client, err := s.connect(device(m.address, "again"))
		if err == nil {
			client.leave()
		}
		return err == nil
	})
	t.Logf("%d of %d logins at once came in, and another %s later", in.Load(), tried, took)
	if in.Load() < tried-askedOver || took > 5*time.Second {
		t.Errorf("%d of %d logins at once came in, and another after %s", in.Load(), tried, took)
	}
}

// metrics is the page that the collector reads.
func (m *machine) metrics() string {
	m.site.Helper()
	answer, err := http.Get(fmt.Sprintf("http://%s:%d/metrics", m.address, assets.VerneMQHealthPort))
	if err != nil {
		m.site.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		m.site.Fatal(err)
	}
	return string(page)
}

// series are the names and labels on a page, without the node.
func series(page string) []string {
	page = regexp.MustCompile(`node="[^"]*"`).ReplaceAllString(page, `node="N"`)
	var all []string
	for line := range strings.Lines(page) {
		if name, _, found := strings.Cut(strings.TrimSpace(line), "} "); found && !strings.HasPrefix(line, "#") {
			all = append(all, name+"}")
		}
	}
	return all
}

func TestThePageOfMetricsHasWhatTheCollectorReads(t *testing.T) {
	s, all := cluster(t, 1)
	_, _ = s.connect(session{node: all[0].address, id: "device:wrong", user: "device", password: "wrong"})
	page := all[0].metrics()
	if *record != "" {
		if err := os.WriteFile(*record, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	live := series(page)
	for _, name := range parts.Kept(t, assets.Collector{
		Broker: assets.CollectedVerneMQ, Certificate: "localhost:8883",
		Targets: []assets.CollectorTarget{{Address: "localhost:8888", Node: "n"}},
	}) {
		if !slices.ContainsFunc(live, func(s string) bool { return strings.HasPrefix(s, name+"{") }) {
			t.Errorf("there is no %s", name)
		}
	}
	recorded, err := os.ReadFile("../../collector/testdata/vernemq-2.1.2.prom")
	if err != nil {
		t.Fatal(errors.Join(errors.New("no recorded page"), err))
	}
	for _, name := range series(string(recorded)) {
		if !slices.Contains(live, name) {
			t.Errorf("the recorded page has %s, and the broker's has not", name)
		}
	}
}
