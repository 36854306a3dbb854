// Package vernemq starts the real VerneMQ with what the program gives to its machines: their script, the files that
// they fetch, and the schema, on machines of a network of their own, with a real PostgreSQL. AMORA_VERNEMQ_HOME names
// the folder of a release; without it, or without root, whose namespaces the machines are made of, the tests skip.
//
// Azure is played: the metadata service, the vault and the storage account. So is systemd, which has no place in a
// namespace: see systemctl.sh.
package vernemq

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	homeVariable   = "AMORA_VERNEMQ_HOME"
	insideVariable = "AMORA_INSIDE"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run has the tests run in namespaces of their own: no port of theirs is anybody else's, and nothing stays behind.
func run(m *testing.M) int {
	if why := missing(); why != "" || os.Getenv(insideVariable) != "" {
		if why == "" {
			if err := prepare(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		return m.Run()
	}
	folder, err := os.MkdirTemp("", "vernemq")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.Remove(folder) // which is empty outside
	namespaces := []string{"--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"}
	inside := exec.Command("unshare", append(namespaces, os.Args...)...)
	inside.Env = append(os.Environ(), insideVariable+"=1", "TMPDIR="+folder)
	inside.Stdin, inside.Stdout, inside.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = inside.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// missing says what these tests need and this machine has not.
func missing() string {
	home := os.Getenv(homeVariable)
	if home == "" {
		return "VerneMQ is missing: " + homeVariable + " names no folder with a release of VerneMQ"
	}
	if _, err := os.Stat(filepath.Join(home, "bin/vernemq")); err != nil {
		return "VerneMQ is missing: " + err.Error()
	}
	if os.Geteuid() != 0 {
		return "the machines of these tests are namespaces, which only root may make"
	}
	programs := []string{
		"unshare", "nsenter", "ip", "psql", "curl", "python3", "openssl", "mkfs.ext4", "losetup", "setpriv",
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed"
		}
	}
	if postgres() == "" {
		return "PostgreSQL is not installed"
	}
	return ""
}

// prepare makes the network that machines are in, and a folder for all files that ends with this process.
func prepare() error {
	script := `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$TMPDIR"
chmod 0755 "$TMPDIR"
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
ip address add ` + metadataAddress + `/32 dev br0`
	if said, err := exec.Command("bash", "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	return (&cloud{}).serve(metadataAddress + ":80")
}
