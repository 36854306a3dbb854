package rehearsal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
)

// moment is what a kill would have left of a run: when it had written that an operation begins, and Azure knew nothing
// of it yet, or when Azure had done it, and that was not written yet.
type moment struct {
	name  string
	files fstest.MapFS
}

// moments brings a stage up, and keeps every moment of that with such a name.
func (s *stage) moments(named *regexp.Regexp) []moment {
	s.t.Helper()
	run, err := open(s.t.Context(), s.Options)
	if err != nil {
		s.t.Fatal(err)
	}
	var all []moment
	under := map[int]string{}
	keep := func(name string) error {
		if !named.MatchString(name) {
			return nil
		}
		m := moment{name, fstest.MapFS{}}
		for _, name := range []string{stateFile, worldFile} {
			data, err := os.ReadFile(run.file(name))
			if err != nil {
				return err
			}
			m.files[name] = &fstest.MapFile{Data: data}
		}
		all = append(all, m)
		return nil
	}
	journal := func(e engine.Entry) error {
		var before, after error
		if e.Ended != nil {
			if operation, is := under[*e.Ended]; is {
				before = keep(operation + " is done")
			}
		}
		err := run.state.Add(e)
		if e.Begun != nil {
			if r := e.Resources[e.Begun.Resource]; isAzure(r) {
				operation := fmt.Sprint(e.Begun.Type, " ", r.URN.Name())
				under[e.Begun.Resource] = operation
				after = keep(operation + " begins")
			}
		}
		return errors.Join(before, err, after)
	}
	err = run.state.Begin()
	if err == nil {
		outcome, failure := engine.Run(run.ctx, engine.Up, run.stack, run.state.State(), engine.Options{Journal: journal})
		err = errors.Join(failure, run.state.Save(outcome.State))
	}
	if err := errors.Join(err, run.close()); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// holds is all that Azure has, as one text without what was drawn at random.
func (s *stage) holds() string {
	var all strings.Builder
	for _, r := range s.world() {
		fmt.Fprintln(&all, r.ID, r.Inputs)
	}
	return s.unlike(all.String())
}

// otherKey is not the one of the shipped configs.
const otherKey = "vernemq.sshKey=ssh-ed25519 " +
	"AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f nobody"

// What creates and deletes is killed in TestARunThatIsKilledAtAnyMomentIsTakenUpAgain.
func TestAnEditThatIsKilledAroundAnyOfItsChangesIsTakenUpAgainOrBack(t *testing.T) {
	for _, c := range []struct {
		name, stack string
		edits       []string
		moments     string
		back        bool
	}{
		{"updates, and replacements before what they replace goes", "dev",
			[]string{"domain=mqtt.example.org", `allowReplace=["zone"]`}, ".", false},
		{"replacements after what they replace went", "dev-vernemq", []string{otherKey}, " vernemq-node-0", false},
		{"updates that are taken back", "dev-vernemq",
			[]string{"vernemq.vmSize=Standard_D4s_v5", "database.sku=Standard_B2s"}, ".", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := deployedStage(t, c.stack)
			want.edits(c.edits...)
			moments := want.moments(regexp.MustCompile(c.moments))
			if len(moments) < 6 {
				t.Fatalf("%d moments", len(moments))
			}
			if c.back {
				c.edits, want = nil, deployedStage(t, c.stack)
			}
			for _, m := range moments {
				t.Run(m.name, func(t *testing.T) {
					s := newStage(t, c.stack, c.edits...)
					if err := os.CopyFS(filepath.Join(s.State, s.Stack), m.files); err != nil {
						t.Fatal(err)
					}
					s.must(Up)
					s.isAs(want)
					if got, want := s.holds(), want.holds(); got != want {
						t.Errorf("Azure has\n%s\nwant\n%s", got, want)
					}
				})
			}
		})
	}
}
