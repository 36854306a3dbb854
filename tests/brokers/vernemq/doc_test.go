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

	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

const homeVariable = "AMORA_VERNEMQ_HOME"

func TestMain(m *testing.M) {
	why := missing()
	if why == "" {
		os.Exit(parts.Alone(m, prepare))
	}
	code := m.Run()
	if os.Getenv(homeVariable) != "" {
		fmt.Println(why)
		code = 1
	}
	os.Exit(code)
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
mount -t tmpfs -o mode=0755 tmpfs /mnt
cp /etc/hosts /mnt/hosts
mount --bind /mnt/hosts /etc/hosts
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
ip address add ` + metadataAddress + `/32 dev br0`
	if said, err := exec.Command("bash", "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	return errors.Join(os.Setenv("TMPDIR", "/mnt"), (&cloud{}).serve(metadataAddress+":80"))
}
