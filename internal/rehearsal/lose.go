package rehearsal

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// Wanted is what a config says of the names of clients, and of what they may be asked to bear.
type Wanted struct {
	Host, WebSocketHost string
	RTO, RPO            time.Duration // 0: no target
}

// LoseOptions say what is lost.
type LoseOptions struct {
	Options
	Loss   recovery.Loss
	Wanted func(stack string, config map[string]string) (Wanted, error)
}

// ErrLost is what Lose returns when the loss misses a target of the config, or, where there is none, when something
// does not come back by itself.
var ErrLost = errors.New("rehearsal: the loss is not survived as it should be")

// LossReport is what a loss does to a stack as it is deployed.
type LossReport struct {
	Verb     string            `json:"verb"`
	Stack    string            `json:"stack"`
	Loss     recovery.Loss     `json:"loss"`
	Chains   []recovery.Chain  `json:"chains"`             // for each endpoint, and for what else clients need
	Data     recovery.Age      `json:"usersAndRules"`      // how old they are then
	Sessions string            `json:"sessions"`           // what becomes of what the broker keeps for clients
	Notes    []string          `json:"notes,omitempty"`    // what goes on, and not as well as before
	DeadEnds map[string]string `json:"deadEnds,omitempty"` // by endpoint: why a way to it is cut before anything is lost
	Targets  []TargetReport    `json:"targets,omitempty"`
	Survived bool              `json:"survived"`
}

// TargetReport is one of the config's targets against what a loss takes.
type TargetReport struct {
	Name  string        `json:"name"`
	Want  time.Duration `json:"wantNs"`
	Takes time.Duration `json:"takesNs"`
	Ends  bool          `json:"ends"` // false: nothing brings it back
	Met   bool          `json:"met"`
}

// Lose tells what would become of a deployed stack's clients, users and messages after a loss. It asks what the
// stand-in's Azure holds and changes neither that nor the state; no engine runs.
func Lose(o LoseOptions) (LossReport, error) {
	if o.State == "" {
		o.State = filepath.Join(o.Root, ".rehearsal")
	}
	read, err := load(o.Root, filepath.Join(o.Root, "Pulumi."+o.Stack+".yaml"), o.Set)
	if err != nil {
		return LossReport{}, fmt.Errorf("stack %q: %w", o.Stack, err)
	}
	wanted, err := o.Wanted(o.Stack, read.values)
	if err != nil {
		return LossReport{}, err
	}
	world, err := standin.Open(filepath.Join(o.State, o.Stack, worldFile))
	if err != nil {
		return LossReport{}, err
	}
	if len(world.Resources()) == 0 {
		return LossReport{}, fmt.Errorf("rehearsal: nothing of %s is deployed; amora rehearse up comes first", o.Stack)
	}
	survey := world.Survey(wanted.Host, wanted.WebSocketHost)
	if err := isThere(survey.Stack, o.Loss); err != nil {
		return LossReport{}, err
	}
	report := newLossReport(o.Stack, survey, survey.Lose(o.Loss), wanted)
	if err := report.print(o.Options); err != nil {
		return report, err
	}
	if !report.Survived {
		return report, ErrLost
	}
	return report, nil
}

// isThere holds that there is something to lose.
func isThere(s recovery.Stack, l recovery.Loss) error {
	// A number beyond the last node is no other loss, and a number is what people give.
	if node, err := strconv.Atoi(l.Which); l.Kind == recovery.Node && err == nil {
		if nodes := s.Nodes(); node < 0 || node >= nodes {
			return fmt.Errorf("rehearsal: there is no node %d: nodes are 0 to %d", node, nodes-1)
		}
		return nil
	}
	var there []string
	for _, loss := range s.Losses() {
		if loss == l {
			return nil
		}
		if loss.Kind == l.Kind {
			there = append(there, loss.Which)
		}
	}
	if len(there) == 0 {
		return fmt.Errorf("rehearsal: the stack has no %s to lose", l.Kind)
	}
	return fmt.Errorf("rehearsal: there is no %s %s: there is %s", l.Kind, l.Which, strings.Join(there, ", "))
}

func newLossReport(stack string, survey standin.Survey, o recovery.Outcome, wanted Wanted) LossReport {
	report := LossReport{
		Verb: "lose", Stack: stack, Loss: o.Loss, Chains: o.Chains, Data: o.Data, Sessions: o.Sessions, Notes: o.Notes,
		DeadEnds: survey.DeadEnds,
	}
	waits, ends := o.RTO()
	for _, t := range []TargetReport{
		{Name: "availability.rtoMinutes", Want: wanted.RTO, Takes: waits, Ends: ends},
		{Name: "availability.rpoMinutes", Want: wanted.RPO, Takes: o.Data.Old, Ends: o.Data.Never == ""},
	} {
		if t.Want > 0 && o.Targeted() {
			t.Met = t.Ends && t.Takes <= t.Want
			report.Targets = append(report.Targets, t)
		}
	}
	report.Survived = !o.ByHand()
	if len(report.Targets) > 0 {
		report.Survived = !slices.ContainsFunc(report.Targets, func(t TargetReport) bool { return !t.Met })
	}
	for _, e := range survey.Endpoints {
		report.Survived = report.Survived && len(e.Ways) > 0
	}
	return report
}

// print writes the report for a person, or as JSON for a program.
func (r LossReport) print(o Options) error {
	if o.JSON {
		return printJSON(o.Out, r)
	}
	say(o.Out, "%s of %s, as it is deployed; nothing is changed:", r.Loss, r.Stack)
	for _, chain := range r.Chains {
		printChain(o.Out, chain)
	}
	say(o.Out, "  %-12s %s", "users, rules", r.Data.InWords(minutes))
	say(o.Out, "  %-12s %s", "sessions", r.Sessions)
	for _, name := range slices.Sorted(maps.Keys(r.DeadEnds)) {
		say(o.Out, "  %-12s a way is cut even now: %s", name, r.DeadEnds[name])
	}
	for _, note := range r.Notes {
		say(o.Out, "  note: %s", note)
	}
	for _, t := range r.Targets {
		say(o.Out, "  %s", t)
	}
	return nil
}

func printChain(out io.Writer, c recovery.Chain) {
	switch {
	case c.Never != "":
		say(out, "  %-12s never answers: %s", c.Of, c.Never)
	case len(c.Steps) == 0:
		say(out, "  %-12s goes on in %s", c.Of, c.Region)
	case c.ByHand():
		say(out, "  %-12s does not come back by itself; by hand in %s", c.Of, recovery.InWords(c.Steps))
	default:
		say(out, "  %-12s answers in %s after %s", c.Of, c.Region, recovery.InWords(c.Steps))
	}
	if len(c.Through) > 0 {
		say(out, "  %-12s   through %s", "", strings.Join(c.Through, " → "))
	}
	if len(c.Left) > 0 {
		say(out, "  %-12s   left are %s", "", strings.Join(c.Left, ", "))
	}
	for _, step := range c.Steps {
		say(out, "  %-12s   %s: %s", "", step.What, step.Source)
	}
}

// String says whether the target is met.
func (t TargetReport) String() string {
	verdict := "missed"
	if t.Met {
		verdict = "met"
	}
	takes := minutes(t.Takes)
	if !t.Ends {
		takes = "forever"
	}
	return fmt.Sprintf("%s is %s, it takes %s: %s", t.Name, minutes(t.Want), takes, verdict)
}
