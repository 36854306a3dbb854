// Package brokers holds the script that fetches the real brokers.
package brokers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// The programs that the script and install.sh call, as far as what they do is needed after them. docker's container is
// a folder, whose processes have its paths for their own.
var programs = map[string]string{
	"docker": `case $1 in
create) shift $(($# - 1))
	printf '%s' "$1" | sed "s|/release|$BOX/release|g; s|/state|$BOX/state|g; s|/install.sh|$BOX/install.sh|
		s|ROOT=\"\"|ROOT=$BOX|" >"$BOX/script"
	echo the-container ;;
cp) case "$*" in
	*install.sh:*|*install.sh\ *) cp "$3" "$BOX/install.sh" ;;
	*:/release*) mv "$BOX/release" "$4" ;;
	*:/opt/emqx*) mkdir -p "$4/bin" ;;
	*entrypoint*) echo entry >"$5" ;;
	esac ;;
start) grep -q "ROOT=$BOX" "$BOX/script" || exit 9 # it would install into this machine
	COMMIT=$(sed -n 's/.*vernemqCommit *= "\(.*\)"/\1/p' components/assets/vernemq.go)
	VERSION=1 COMMIT=$COMMIT bash -euc "$(cat "$BOX/script")" || exit ;;
esac`,
	"mvn": `for last; do :; done
mkdir -p "${last#*=}" && touch "${last#*=}/hivemq.jar"`,
	"curl":       `while [ "$1" != --output ]; do shift; done; touch "$2"`,
	"unzip":      `mkdir -p "$5/hivemq-file-rbac-extension"`,
	"dpkg-query": `for package; do echo ' installed'; done`, // of all, and more
	"id":         "",
	"git": `for last; do :; done
case $* in clone*) mkdir -p "$last" ;; *rev-parse*) echo "${WRONG:-$COMMIT}" ;; esac`,
	"make": `release=_build/default/rel/vernemq
mkdir -p $release/bin $release/data $release/etc && touch $release/bin/vernemq`,
}

// fetch runs the script with those programs, and gives what it printed, and what was called.
func fetch(t *testing.T, environment ...string) (folder, printed, called string, err error) {
	t.Helper()
	path, box := t.TempDir(), t.TempDir()
	folder = filepath.Join(t.TempDir(), "brokers")
	log := filepath.Join(path, "log")
	for name, body := range programs {
		text := "#!/bin/sh\necho " + name + ` "$@" >>` + log + "\n" + body + "\n:\n"
		if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("./homes.sh", folder)
	command.Env = append(append(os.Environ(), "PATH="+path+":"+os.Getenv("PATH"), "BOX="+box), environment...)
	command.Stderr = &strings.Builder{}
	out, err := command.Output()
	lines, _ := os.ReadFile(log)
	t.Log(command.Stderr)
	return folder, string(out), string(lines), err
}

func TestTheHomesHoldWhatIsDeployed(t *testing.T) {
	folder, printed, called, err := fetch(t)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(
		"AMORA_EMQX_HOME=F/emqx\nAMORA_VERNEMQ_HOME=F/vernemq\nAMORA_HIVEMQ_HOME=F/hivemq\n", "F/", folder+"/")
	if printed != want {
		t.Errorf("it prints\n%s\nand should print\n%s", printed, want)
	}
	for _, file := range []string{
		"emqx/bin/docker-entrypoint.sh", "vernemq/bin/vernemq", "hivemq/lib/hivemq.jar",
		"hivemq/extensions/hivemq-file-rbac-extension",
	} {
		if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
			t.Error(err)
		}
	}
	some := assets.VerneMQ{DatabaseName: "n", DatabaseRoles: "r", ClientIDs: assets.ClientIDsAny, Connections: 1}
	files, err := some.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"VERSION", "COMMIT"} {
		_, rest, _ := strings.Cut("\n"+files["vernemq.env"], "\n"+name+"=")
		value, _, _ := strings.Cut(rest, "\n")
		if setting := "--env " + name + "=" + strings.Trim(value, "'") + " "; !strings.Contains(called, setting) {
			t.Errorf("VerneMQ is not built with %s", setting)
		}
	}
	manifests, err := assets.HiveMQ{}.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(called, "curl ")
	call, _, _ := strings.Cut(rest, "\n")
	broker := manifests[assets.HiveMQBrokerFolder+"/manifests.yaml"]
	if url := call[strings.LastIndex(call, " ")+1:]; !strings.Contains(broker, "extensionUri: "+url+"\n") {
		t.Errorf("the extension comes from %q, which is not where brokers have it from", url)
	}
	if !strings.Contains(called, "docker create --pull always docker.io/emqx/emqx:5.8.9\n") {
		t.Errorf("EMQX is not of the image that is deployed:\n%s", called)
	}
}

func TestAVerneMQThatIsNotTheOneThatIsDeployedIsNotUsed(t *testing.T) {
	if folder, printed, _, err := fetch(t, "WRONG=another-commit"); err == nil || strings.Contains(printed, "VERNEMQ") {
		t.Errorf("the script ends with %v, and prints\n%s", err, printed)
	} else if _, err := os.Stat(filepath.Join(folder, "vernemq")); err == nil {
		t.Error("there is a VerneMQ all the same")
	}
}

func TestShellcheckHasNothingToSayAboutTheScripts(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed")
	}
	command := exec.Command("shellcheck", "homes.sh", "vernemq/machine.sh", "vernemq/systemctl.sh")
	if said, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
