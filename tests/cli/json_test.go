package cli

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

func TestWithJSONARunPrintsOneDocumentWhateverItComesTo(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	for _, c := range []struct {
		args string
		code int
		says string // in the error
	}{
		{"lose --zone 1", 1, "nothing of dev is deployed"},
		{"forget", 1, "there is nothing of dev to forget"},
		{"up --stack nowhere", 1, `stack "nowhere": `},
		{"preview --set broker=none", 1, `broker = "none": must be one of `},
		{"up --fail-at 3", 1, goingOn + ": BAIL: step executor errored: "},
		{"up", 0, ""},
		{"drift", 0, ""},
		{"lose --zone 9", 1, "there is no zone 9"},
		{"lose --zone 1", 2, ""},
		{"forget", 0, ""},
	} {
		args := append(strings.Fields(c.args), "--state", state, "--json")
		command := exec.CommandContext(t.Context(), amora, append([]string{"rehearse"}, args...)...)
		document, failure := command.Output()
		if command.ProcessState == nil {
			t.Fatal(failure)
		}
		var said struct{ Verb, Stack, Error string }
		if err := json.Unmarshal(document, &said); err != nil || said.Verb != args[0] || said.Stack == "" ||
			command.ProcessState.ExitCode() != c.code || (said.Error == "") != (c.says == "") ||
			!strings.Contains(said.Error, c.says) {
			t.Errorf("%s ended with %v, %v, and printed\n%s", c.args, command.ProcessState, err, document)
		}
	}
}
