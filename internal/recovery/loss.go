package recovery

import (
	"fmt"
	"slices"
	"time"
)

// Kind is what can be lost.
type Kind string

// The losses.
const (
	Node    Kind = "node"     // one broker node with its machine; Which is its number, from 0
	Zone    Kind = "zone"     // of the region that serves
	Server  Kind = "database" // the host of the database server
	Place   Kind = "region"   // Which is its name
	Deleted Kind = "deleted"  // everything in the stack's resource groups, by mistake
	BadData Kind = "bad data" // users and rules that somebody wrote or deleted by mistake
)

// Loss is one thing that is lost.
type Loss struct {
	Kind  Kind   `json:"kind"`
	Which string `json:"which,omitempty"`
}

// String names the loss, such as "the loss of zone 1".
func (l Loss) String() string {
	switch l.Kind {
	case Server:
		return "the loss of the database's host"
	case Deleted:
		return "a deletion of everything by mistake"
	case BadData:
		return "bad data"
	default:
		return fmt.Sprintf("the loss of %s %s", l.Kind, l.Which)
	}
}

// Targeted says whether availability targets are about it: they are about what fails up to a region, and not about what
// people do.
func (l Loss) Targeted() bool { return l.Kind != Deleted && l.Kind != BadData }

// Losses lists what a stack can lose: a node, each zone of the region that serves, the database's host, each region,
// and what people do.
func (s Stack) Losses() []Loss {
	var all []Loss
	if serving := s.Serving(); serving != nil {
		if brokers := serving.brokers(); brokers != nil && len(brokers.Copies) > 0 {
			all = append(all, Loss{Node, "0"})
		}
		for _, zone := range serving.zones() {
			all = append(all, Loss{Zone, zone})
		}
		all = append(all, Loss{Kind: Server})
	}
	for _, region := range s.Regions {
		all = append(all, Loss{Place, region.Location})
	}
	return append(all, Loss{Kind: Deleted}, Loss{Kind: BadData})
}

// Names of what is not an endpoint, and takes as long as one to come back.
const (
	logins = "logins"
	// TopicRules is what EMQX reads from Redis: without them it allows nothing.
	TopicRules = "topic rules"
)

// Chain is what happens until one thing works again.
type Chain struct {
	Of      string   `json:"of"`                // an endpoint's name, "logins" or "topic rules"
	Region  string   `json:"region,omitempty"`  // that it works in then
	Through []string `json:"through,omitempty"` // for an endpoint: what clients pass
	Left    []string `json:"left,omitempty"`    // of what lost copies there: how many are left
	Steps   []Step   `json:"steps,omitempty"`   // none: it goes on
	Never   string   `json:"never,omitempty"`   // why no step brings it back; "" where some do
}

// ByHand says whether somebody has to do something.
func (c Chain) ByHand() bool {
	return c.Never != "" || slices.ContainsFunc(c.Steps, func(s Step) bool { return s.ByHand })
}

// Outcome is what a loss does.
type Outcome struct {
	Loss
	Chains   []Chain
	Data     Age
	Sessions string   // what becomes of sessions, queued and retained messages
	Notes    []string // what goes on, and not as well as before
}

// Age is how old users and rules are afterwards.
type Age struct {
	Old   time.Duration `json:"oldNs"`
	Never string        `json:"never,omitempty"` // why there are none; "" where there are
	Why   string        `json:"why"`
}

// InWords says it after "users and rules are"; old writes a duration.
func (a Age) InWords(old func(time.Duration) string) string {
	switch {
	case a.Never != "":
		return "gone until it is back: " + a.Why
	case a.Old == 0:
		return "as they were: " + a.Why
	default:
		return fmt.Sprintf("up to %s old: %s", old(a.Old), a.Why)
	}
}

// RTO is how long clients may be without what they need: the longest of the chains, which run side by side. It is false
// where one never ends.
func (o Outcome) RTO() (time.Duration, bool) {
	longest, _ := o.longest()
	return Sum(longest.Steps), longest.Never == ""
}

// Reason is the longest chain in words.
func (o Outcome) Reason() string {
	longest, found := o.longest()
	switch {
	case !found || longest.Never == "" && len(longest.Steps) == 0:
		return "nothing stops"
	case longest.Never != "":
		return longest.Of + " never back: " + longest.Never
	default:
		return longest.Of + " back in " + InWords(longest.Steps)
	}
}

func (o Outcome) longest() (longest Chain, found bool) {
	for _, c := range o.Chains {
		if !found || longest.Never == "" && (c.Never != "" || Sum(c.Steps) > Sum(longest.Steps)) {
			longest, found = c, true
		}
	}
	return longest, found
}

// ByHand says whether somebody has to do something.
func (o Outcome) ByHand() bool { return slices.ContainsFunc(o.Chains, Chain.ByHand) }

// Worst is the loss, of those that targets are about, after which clients wait longest, and the one after which users
// are oldest.
func (s Stack) Worst() (rto, rpo Outcome) {
	for i, loss := range slices.DeleteFunc(s.Losses(), func(l Loss) bool { return !l.Targeted() }) {
		o := s.Lose(loss)
		if i == 0 {
			rto, rpo = o, o
			continue
		}
		waits, ends := o.RTO()
		if before, ended := rto.RTO(); ended && (!ends || waits > before) {
			rto = o
		}
		if rpo.Data.Never == "" && (o.Data.Never != "" || o.Data.Old > rpo.Data.Old) {
			rpo = o
		}
	}
	return rto, rpo
}
