// Package recovery tells what becomes of a stack's clients, users and messages after a loss: what answers, through
// what, after which steps, and how old the users are then. It is a model of facts and stated figures. It imports
// nothing beyond Go's standard library, so that a plan and the resources that came out of it can be asked the same
// question.
package recovery

import (
	"slices"
	"strings"
	"time"
)

// Broker is what keeps the clients' sessions.
type Broker string

// The brokers, by how they keep them.
const (
	EMQX    Broker = "EMQX"    // in the memory of one node
	HiveMQ  Broker = "HiveMQ"  // on the disks of two nodes
	VerneMQ Broker = "VerneMQ" // on the disk of one node
)

// Unknown is the zone of a copy for which Azure does not say. Whichever zone is lost, it may be that one, and is taken
// to be.
const Unknown = "?"

// Spread is the zones of what Azure keeps in all of them.
func Spread() []string { return []string{"1", "2", "3"} }

// Stack is what decides what survives.
type Stack struct {
	Broker    Broker
	Regions   []Region   // the first has the database that is written to
	Endpoints []Endpoint // none is a stack that nobody reaches

	GeoBackup  bool // the database's backups are copied to another region
	BackupDays int  // that backups of the database are kept
	DiskBackup bool // of the brokers' disks, daily
}

// Region is what serves clients in one place.
type Region struct {
	Location string
	Parts    []Part
	Database Database
	Outbound []string // zones of the way out to the Internet; nil: it needs none
}

// Part is something that the clients of a region depend on.
type Part struct {
	Name   string
	Copies []string // the zone of each; "" where the region has none
	Broker bool     // the copies are broker nodes
	// clients still connect when it is gone, so that nothing leads them to another region; they get nothing done
	Hidden bool

	Reroute []Step // after the loss of some copies, until clients reach the others
	Restart []Step // after the loss of all, until Azure has started them on other hosts; nil: it does not …
	Move    []Step // … and in another zone
}

// Database is the PostgreSQL server that brokers of a region ask.
type Database struct {
	Zone    string // "" where the region has none
	Standby string // zone of the hot standby; "" without one
	Replica bool   // it follows the first region's, and can only be read
}

// Endpoint is one public name that clients connect to.
type Endpoint struct {
	Name   string // such as "mqtts"
	Host   string
	Ways   []Way  // the first that answers is taken
	Switch []Step // until clients are led to the next one
	Forget Step   // until resolvers know of another address
}

// Way is how clients come to a region.
type Way struct {
	Location string
	Through  []string // what they pass, from the name on
}

// Step is one thing that has to happen, or that somebody has to do, before clients are served again.
type Step struct {
	What   string        `json:"what"`
	Takes  time.Duration `json:"takesNs"`
	Source string        `json:"source"` // of the figure
	ByHand bool          `json:"byHand,omitempty"`
}

// Sum is how long steps take, one after the other.
func Sum(steps []Step) time.Duration {
	var sum time.Duration
	for _, s := range steps {
		sum += s.Takes
	}
	return sum
}

// InWords is the sum with its parts, such as "1m30s (probes fail 1m + resolvers forget 30s)".
func InWords(steps []Step) string {
	if len(steps) == 0 {
		return "at once"
	}
	parts := make([]string, 0, len(steps))
	for _, s := range steps {
		parts = append(parts, s.What+" "+short(s.Takes))
	}
	return short(Sum(steps)) + " (" + strings.Join(parts, " + ") + ")"
}

// short writes a duration without the units that are nought.
func short(d time.Duration) string {
	text := d.String()
	for _, unit := range []struct{ nought, kept string }{{"m0s", "m"}, {"h0m", "h"}} {
		if strings.HasSuffix(text, unit.nought) {
			text = strings.TrimSuffix(text, unit.nought) + unit.kept
		}
	}
	return text
}

func (s Stack) region(location string) *Region {
	for i := range s.Regions {
		if s.Regions[i].Location == location {
			return &s.Regions[i]
		}
	}
	return nil
}

// Serving is the region that clients are led to while nothing is lost, nil for none.
func (s Stack) Serving() *Region {
	if len(s.Endpoints) == 0 || len(s.Endpoints[0].Ways) == 0 {
		return nil
	}
	return s.region(s.Endpoints[0].Ways[0].Location)
}

// Nodes is how many broker nodes the region that serves has.
func (s Stack) Nodes() int {
	if serving := s.Serving(); serving != nil && serving.brokers() != nil {
		return len(serving.brokers().Copies)
	}
	return 0
}

// zones lists the zones that something of a region is in; nil where it has none.
func (r Region) zones() []string {
	zoned := r.Database.Zone != ""
	for _, part := range r.Parts {
		zoned = zoned || slices.ContainsFunc(part.Copies, func(zone string) bool { return zone != "" && zone != Unknown })
	}
	if !zoned {
		return nil
	}
	return Spread()
}

// brokers is the part that the broker nodes are, or nil.
func (r Region) brokers() *Part {
	for i := range r.Parts {
		if r.Parts[i].Broker {
			return &r.Parts[i]
		}
	}
	return nil
}

// part is the server as something that clients depend on.
func (d Database) part() Part {
	copies := []string{d.Zone}
	if d.Standby != "" {
		copies = append(copies, d.Standby)
	}
	return Part{Name: logins, Copies: copies, Hidden: true, Reroute: failover(), Restart: serverRestart()}
}
