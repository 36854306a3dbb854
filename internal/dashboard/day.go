package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/kql"
)

// midnight is the end of the made-up day.
var midnight = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// nodes are the machines, in zones 1, 2 and 3.
var nodes = []string{"mqtt-0", "mqtt-1", "mqtt-2"}

// Minutes of the day between which something is wrong.
var (
	nodeLost   = span{9*60 + 20, 10*60 + 5}   // mqtt-2, and the clients on it
	passwords  = span{11*60 + 30, 12*60 + 15} // a fleet with a wrong one
	split      = span{14*60 + 10, 14*60 + 45} // mqtt-0 on one side, the others on the other
	slowReader = span{19 * 60, 19*60 + 40}    // on mqtt-1
	renewal    = 16 * 60                      // of the certificate
)

type span struct{ from, to int }

func (s span) holds(minute int) bool { return minute >= s.from && minute < s.to }

// day is tables, each in the order of its first column, TimeGenerated.
type day map[string]kql.Table

// between is what a query finds that looks at these times.
func (d day) between(from, to time.Time) kql.Database {
	found := kql.Database{}
	for name, table := range d {
		rows := table.Rows
		first := sort.Search(len(rows), func(i int) bool { return rows[i][0].(time.Time).After(from) })
		end := sort.Search(len(rows), func(i int) bool { return rows[i][0].(time.Time).After(to) })
		found[name] = kql.Table{Columns: table.Columns, Rows: rows[first:end]}
	}
	return found
}

func columns(pairs ...any) []kql.Column {
	var all []kql.Column
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, kql.Column{Name: pairs[i].(string), Type: pairs[i+1].(kql.Type)})
	}
	return all
}

// madeUpDay is the same at every call.
func madeUpDay() day {
	noise := rand.New(rand.NewPCG(8883, 1))
	metrics := kql.Table{Columns: columns("TimeGenerated", kql.DateTime, "Name", kql.String, "Sum", kql.Real,
		"Properties", kql.Dynamic)}
	held := []float64{5800, 5600, 5400} // by node
	for minute := range 24 * 60 {
		moveClients(held, minute)
		for i, node := range nodes {
			if i == 2 && nodeLost.holds(minute) {
				continue // its collector is on the machine
			}
			at := midnight.AddDate(0, 0, -1).Add(time.Duration(minute)*time.Minute + time.Duration(7+11*i)*time.Second)
			properties := map[string]any{"node": node, "zone": fmt.Sprint(i + 1)}
			for _, m := range reports(i, minute, held[i], noise) {
				metrics.Rows = append(metrics.Rows, []any{at, m.name, m.value, properties})
			}
		}
	}
	return day{"AppMetrics": metrics, "Usage": usage(), "Syslog": syslog(), "Perf": disks(), "_LogOperation": {
		Columns: columns("TimeGenerated", kql.DateTime, "Category", kql.String, "Detail", kql.String),
	}}
}

// moveClients lets clients come and go over the day, and those of a lost node go to the others. A node that comes back
// gets new ones.
func moveClients(held []float64, minute int) {
	if minute == nodeLost.from {
		held[0], held[1], held[2] = held[0]+held[2]/2, held[1]+held[2]/2, 0
	}
	hour := float64(minute) / 60
	wanted := 16500 + 6600*math.Exp(-math.Pow((hour-19.5)/3.2, 2)) + 2200*math.Exp(-math.Pow((hour-8)/2.5, 2))
	serving := 3
	if nodeLost.holds(minute) {
		serving = 2
	}
	total := held[0] + held[1] + held[2]
	for i := range serving {
		// Each minute one client in two hundred connects anew, and is spread almost evenly.
		share := wanted / float64(serving) * (1.04 - 0.04*float64(i))
		held[i] += (share-held[i])/200 + (wanted-total)/float64(serving)/10
	}
}

type report struct {
	name  string
	value float64
}

// reports are a node's of one minute.
func reports(i, minute int, held float64, noise *rand.Rand) []report {
	members := 3.0
	switch {
	case nodeLost.holds(minute):
		members = 2
	case split.holds(minute) && i == 0:
		members = 1
	case split.holds(minute):
		members = 2
	}
	vary := func(value, by float64) float64 { return math.Round(value * (1 + by*(noise.Float64()-0.5))) }
	received, sent := vary(held*4, 0.1), vary(held*10, 0.1)
	if split.holds(minute) {
		sent = vary(held*10*members/3, 0.1) // what is published on the other side does not come
	}
	dropped := vary(2, 2)
	switch {
	case slowReader.holds(minute) && i == 1:
		dropped = vary(4200, 0.4)
	case minute >= split.to && minute < split.to+10:
		dropped = vary(900, 0.5) // queues that overflowed meanwhile
	}
	failures := vary(1, 2)
	if passwords.holds(minute) {
		failures = vary(22, 0.4)
	} else if minute >= nodeLost.from && minute < nodeLost.from+10 {
		failures = vary(6, 0.5)
	}
	days := 31 - float64(minute)/24/60
	if minute >= renewal {
		days += 60
	}
	all := []report{
		{assets.MetricNodeUp, 1}, {assets.MetricNodesRunning, members}, {assets.MetricConnections, math.Round(held)},
		{assets.MetricMessagesReceived, received}, {assets.MetricMessagesSent, sent},
		{assets.MetricMessagesDropped, dropped}, {assets.MetricAuthenticationFailures, failures},
		{assets.MetricCertificateDays, days},
	}
	return all
}

// usage is of a week, each hour. The last day has more to tell.
func usage() kql.Table {
	table := kql.Table{Columns: columns("TimeGenerated", kql.DateTime, "DataType", kql.String, "Quantity", kql.Real,
		"IsBillable", kql.Bool)}
	for hour := range 7 * 24 {
		at := midnight.Add(time.Duration(hour-7*24)*time.Hour + 30*time.Minute)
		more := 1 + 0.06*float64(hour/24%3)
		if hour >= 6*24+9 {
			more = 1.6
		}
		for _, kind := range []struct {
			name      string
			megabytes float64
		}{{"AppMetrics", 22}, {"Syslog", 14 * more}, {"PGSQLServerLogs", 9 * more}, {"Perf", 6}, {"AZKVAuditLogs", 1.5}} {
			table.Rows = append(table.Rows, []any{at, kind.name, math.Round(kind.megabytes*100) / 100, true})
		}
	}
	return table
}

// disks fill slowly, and never by 80 %.
func disks() kql.Table {
	table := kql.Table{Columns: columns("TimeGenerated", kql.DateTime, "Computer", kql.String, "ObjectName", kql.String,
		"CounterName", kql.String,
		"InstanceName", kql.String, "CounterValue", kql.Real)}
	for point := range 24 * 12 {
		at := midnight.AddDate(0, 0, -1).Add(time.Duration(point) * 5 * time.Minute)
		for i, node := range nodes {
			table.Rows = append(table.Rows,
				[]any{at, node, "Logical Disk", "% Used Space", "/", 41.0 + float64(i)},
				[]any{at, node, "Logical Disk", "% Used Space", "/var/lib/vernemq", 22 + float64(point)/100})
		}
	}
	return table
}

func syslog() kql.Table {
	table := kql.Table{Columns: columns("TimeGenerated", kql.DateTime, "Computer", kql.String, "ProcessName",
		kql.String, "SeverityLevel", kql.String,
		"SyslogMessage", kql.String)}
	for _, line := range []struct {
		minute, times, node int
		process, level, say string
	}{
		{9*60 + 21, 12, 0, "vernemq", "info", "[error] can't connect to cluster node VerneMQ@10.20.1.22 due to etimedout"},
		{9*60 + 22, 9, 1, "vernemq", "info", "[error] can't connect to cluster node VerneMQ@10.20.1.22 due to etimedout"},
		{11*60 + 31, 40, 1, "vernemq", "info",
			"[error] can't authenticate client {[],<<\"meter-0417\">>} from 203.0.113.7:50112 due to invalid_credentials"},
		{14*60 + 11, 30, 0, "vernemq", "info", "[error] can't connect to cluster node VerneMQ@10.20.1.21 due to etimedout"},
		{17*60 + 2, 1, 2, "amora-node", "err", "amora-node: the vault can't be read; going on with what it said before"},
	} {
		for n := range line.times {
			at := midnight.AddDate(0, 0, -1).Add(time.Duration(line.minute)*time.Minute + time.Duration(n)*20*time.Second)
			table.Rows = append(table.Rows, []any{at, nodes[line.node], line.process, line.level, line.say})
		}
	}
	sort.SliceStable(table.Rows, func(i, j int) bool {
		return table.Rows[i][0].(time.Time).Before(table.Rows[j][0].(time.Time))
	})
	return table
}
