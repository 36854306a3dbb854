package rehearsal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
)

// oldestCLI is the first Pulumi CLI whose engine knows all that the program uses.
var oldestCLI = semver.MustParse("3.150.0")

// engine gives the user's own pulumi where it is new enough, and else one that is built from its Go module, once, into the state folder.
func engine(ctx context.Context, root, state string, progress io.Writer) (auto.PulumiCommand, error) {
	if _, err := exec.LookPath("pulumi"); err == nil {
		if command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Version: oldestCLI}); err == nil {
			return command, nil
		}
		say(progress, "the pulumi on PATH is older than %s; taking another", oldestCLI)
	}
	home := filepath.Join(state, "engine")
	binary := filepath.Join(home, "bin", "pulumi")
	version, err := pinnedVersion(filepath.Join(root, "tools", "pulumi", "go.mod"))
	if err != nil {
		return nil, err
	}
	parsed, err := semver.ParseTolerant(version)
	if err != nil {
		return nil, err
	}
	options := &auto.PulumiCommandOptions{Root: home, Version: parsed}
	if command, err := auto.NewPulumiCommand(options); err == nil {
		return command, nil
	}
	if err := buildCLI(ctx, filepath.Join(root, "tools", "pulumi"), version, binary, progress); err != nil {
		return nil, fmt.Errorf("build the Pulumi engine: %w", err)
	}
	return auto.NewPulumiCommand(options)
}

const cliModule = "github.com/pulumi/pulumi/pkg/v3"

var pinned = regexp.MustCompile(regexp.QuoteMeta(cliModule) + ` (v\S+)`)

// pinnedVersion reads the CLI's version from the module file that pins it.
func pinnedVersion(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	found := pinned.FindSubmatch(data)
	if found == nil {
		return "", fmt.Errorf("%s does not require %s", file, cliModule)
	}
	return string(found[1]), nil
}

// buildCLI compiles the CLI under a temporary name, so that an interrupted build leaves nothing that looks whole.
func buildCLI(ctx context.Context, module, version, binary string, progress io.Writer) error {
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return err
	}
	say(progress, "building the Pulumi engine %s (about three minutes the first time)", version)
	temp := fmt.Sprintf("%s.%d", binary, os.Getpid())
	defer os.Remove(temp) // gone already when all went well
	build := exec.CommandContext(ctx, "go", "build", "-v", "-trimpath",
		"-ldflags", "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version="+version, "-o", temp, cliModule+"/cmd/pulumi")
	build.Dir = module
	output, err := build.StderrPipe()
	if err != nil {
		return err
	}
	if err := build.Start(); err != nil {
		return err
	}
	last := countPackages(output, progress)
	if err := build.Wait(); err != nil {
		return errors.Join(err, errors.New(strings.Join(last, "\n")))
	}
	return os.Rename(temp, binary)
}

// countPackages turns the compiler's list of packages into a line every five seconds, and gives back the last lines for an error.
func countPackages(output io.Reader, progress io.Writer) []string {
	var last []string
	compiled, shown := 0, time.Now()
	for lines := bufio.NewScanner(output); lines.Scan(); {
		compiled++
		if last = append(last, lines.Text()); len(last) > 10 {
			last = last[1:]
		}
		if time.Since(shown) > 5*time.Second {
			say(progress, "building the Pulumi engine: %d packages compiled", compiled)
			shown = time.Now()
		}
	}
	return last
}

// say prints a line of the rehearsal's own: each says that it is one.
func say(out io.Writer, format string, args ...any) {
	fmt.Fprintf(out, "rehearsal: "+format+"\n", args...)
}
