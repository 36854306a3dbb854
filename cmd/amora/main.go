// Command amora tells what a stack would hold and cost, rehearses its deployment, exports it as an ARM template, and
// manages and proves a deployed broker.
//
// It ends with 0 when all went well, 2 when `rehearse drift`, `lose` or `probe` answers no, and 1 otherwise.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
)

const module = "github.com/amora-sync/mqtt-on-azure"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first one asks for an end; a second one ends the process, as if nobody listened
	root := &cobra.Command{
		Use: "amora", Short: "Plan, rehearse and operate an MQTT broker on Azure",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(plan(), cost(), rehearse(), reviewOf(), user(), smokeTest(), probe(), exportTemplate())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitCode(err))
	}
}

// answeredNo is what a command ends with whose answer is no.
const answeredNo = 2

// exitCode tells an answer that is no from a question that could not be answered, 1.
func exitCode(err error) int {
	if errors.Is(err, rehearsal.ErrDrift) || errors.Is(err, rehearsal.ErrLost) || errors.Is(err, errProbeFailed) {
		return answeredNo
	}
	return 1
}

// repository finds the folder of this module, from the working folder upwards.
func repository() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module "+module+"\n") {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("amora: run this inside a clone of " + module)
		}
		folder = parent
	}
}
