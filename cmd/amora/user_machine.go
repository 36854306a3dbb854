package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// unableError is why a machine did not get as far as the operation. Another one may.
type unableError struct{ error }

// changeOnMachine runs one operation on a machine of the stack: the first that can.
func (o *operator) changeOnMachine(ctx context.Context, stack stackOutputs, environment map[string]string) error {
	var failed []error
	for _, machine := range stack.MachineNames {
		err := o.onMachine(ctx, stack.ResourceGroupName, machine, environment)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("run amora-node on %s: %w", machine, err)
		if unable := (unableError{}); !errors.As(err, &unable) || ctx.Err() != nil {
			return err
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (o *operator) onMachine(ctx context.Context, group, machine string, environment map[string]string) error {
	// Azure waits for hours for a machine that does not answer.
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	end := "amora-" + rand.Text()
	var data []byte
	err := withFile("script.sh", []byte(machineScript(environment, end)), func(path string) (err error) {
		data, err = o.run(ctx, "az", "vm", "run-command", "invoke", "--resource-group", group, "--name", machine,
			"--command-id", "RunShellScript", "--output", "json", "--scripts", "@"+path)
		return err
	})
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s: %w", o.limit, ctx.Err())
	}
	if err != nil {
		return unableError{err}
	}
	return outcome(data, end)
}

// machineScript runs one operation, and says with its last line how that ended: Azure does not. Azure's agent keeps the
// scripts that it ran, for root to read; this one removes itself. Azure gives back the end of what a script printed, 4
// KB of it.
func machineScript(environment map[string]string, end string) string {
	var script strings.Builder
	script.WriteString("#!/bin/sh\nexec 2>&1\nrm -f -- \"$0\"\n")
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		fmt.Fprintf(&script, "export %s='%s'\n", name, strings.ReplaceAll(environment[name], "'", `'\''`))
	}
	fmt.Fprintf(&script, "%s admin\nprintf '\\n%%s %%s\\n' '%s' \"$?\"\n", assets.VerneMQNodeCommand, end)
	return script.String()
}

// outcome reads Azure's answer to a script that ends so.
func outcome(data []byte, end string) error {
	var answer struct{ Value []struct{ Message string } }
	if err := json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("no answer in %q: %w", data, err)
	}
	var text strings.Builder
	for _, status := range answer.Value {
		text.WriteString(status.Message)
	}
	said, rest, ended := strings.Cut(text.String(), "\n"+end+" ")
	if !ended {
		return fmt.Errorf("nobody knows how it ended, in %q", data)
	}
	if _, printed, ok := strings.Cut(said, "[stdout]\n"); ok {
		said = printed
	}
	code, _, _ := strings.Cut(rest, "\n")
	err := fmt.Errorf("exit code %s\n%s", code, strings.TrimSpace(said))
	switch code {
	case "0":
		return nil
	case "3": // psql's, for what the database refuses
		return err
	}
	return unableError{err}
}
