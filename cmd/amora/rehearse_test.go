package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
)

func TestTheFlagThatIsSetSaysWhatIsLost(t *testing.T) {
	for _, c := range []struct {
		args []string
		want recovery.Loss // none: the flags are refused
	}{
		{[]string{"--zone", "2"}, recovery.Loss{Kind: recovery.Zone, Which: "2"}},
		{[]string{"--node", "0"}, recovery.Loss{Kind: recovery.Node, Which: "0"}},
		{[]string{"--region", "westeurope"}, recovery.Loss{Kind: recovery.Place, Which: "westeurope"}},
		{[]string{"--database"}, recovery.Loss{Kind: recovery.Server}},
		{nil, recovery.Loss{}},
		{[]string{"--zone", "1", "--node", "0"}, recovery.Loss{}},
		{[]string{"--region", "westeurope", "--database"}, recovery.Loss{}},
		{[]string{"--zone", "west"}, recovery.Loss{}},
	} {
		command := lose(&rehearsal.Options{})
		err := command.ParseFlags(c.args)
		if err == nil {
			err = command.ValidateFlagGroups()
		}
		if refused := c.want == (recovery.Loss{}); refused != (err != nil) {
			t.Errorf("%q: %v", c.args, err)
		} else if got := lossOf(command); !refused && got != c.want {
			t.Errorf("%q: %+v, want %+v", c.args, got, c.want)
		}
	}
}

func TestAnAnswerThatIsNoEndsWithTwoAndAnyOtherFailureWithOne(t *testing.T) {
	for err, want := range map[error]int{rehearsal.ErrDrift: 2, fmt.Errorf("prod: %w", rehearsal.ErrLost): 2,
		errors.New("no such zone"): 1} {
		if got := exitCode(err); got != want {
			t.Errorf("%v ends with %d, want %d", err, got, want)
		}
	}
}
