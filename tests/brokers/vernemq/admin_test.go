package vernemq

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

var recordAdmin = flag.String("admin", "", "file to add what vmq-admin says to")

const (
	adminPath = "/usr/local/bin/vmq-admin"
	adminLog  = "/var/log/vmq-admin" // everybody's: the scripts run vmq-admin as VerneMQ's user
)

// adminScript keeps what vmq-admin says to the scripts and to the tests, in the form of the recorded file.
const adminScript = `#!/usr/bin/python3
import subprocess, sys
said = subprocess.run(["/opt/vernemq/bin/vmq-admin", *sys.argv[1:]], capture_output=True, text=True)
kept = " ".join(["$ vmq-admin", *sys.argv[1:]]) + f"\nexit {said.returncode}\n"
for name, text in ("out", said.stdout), ("err", said.stderr):
    for line in text.splitlines(keepends=True):
        kept += name + ("|" if line.endswith("\n") else "~") + line.rstrip("\n") + "\n"
with open("` + adminLog + `", "a") as log:
    log.write(kept + "\n")
sys.stdout.write(said.stdout)
sys.stderr.write(said.stderr)
sys.exit(said.returncode)
`

// admin has vmq-admin do something, and holds what it says against what is recorded for the situation.
func (m *machine) admin(situation, words string) {
	m.site.Helper()
	_, _ = m.sh("NO_EPMD=1 " + adminPath + " " + words + " </dev/null") // many of these fail
	m.said(situation, words)
}

// said holds what vmq-admin said to these words the last time against what is recorded for the situation.
func (m *machine) said(situation, words string) {
	m.site.Helper()
	got := ""
	for part := range strings.SplitSeq(m.must("cat "+adminLog), "\n\n") {
		if strings.HasPrefix(part, "$ vmq-admin "+words+"\n") {
			got = networks.ReplaceAllString(strings.TrimSpace(part), "10.20.1.")
		}
	}
	if *recordAdmin != "" {
		file, err := os.OpenFile(*recordAdmin, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		parts.Must(m.site.T, err)
		_, err = fmt.Fprintf(file, "== %s\n%s\n\n", situation, got)
		parts.Must(m.site.T, err, file.Close())
		return
	}
	if want := recorded(m.site.T)[situation]; same(got) != same(want) {
		m.site.Errorf("%s: vmq-admin says\n%s\nand is recorded with\n%s", situation, got, want)
	}
}

// recorded is what vmq-admin said, by situation.
func recorded(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../realparts/testdata/vernemq-2.1.2.admin")
	parts.Must(t, err)
	all := map[string]string{}
	remarks := regexp.MustCompile(`(?m)^# .*\n`)
	for part := range strings.SplitSeq(remarks.ReplaceAllString(string(text), ""), "\n\n") {
		if heading, said, _ := strings.Cut(strings.TrimSpace(part), "\n"); strings.HasPrefix(heading, "== ") {
			all[strings.TrimPrefix(heading, "== ")] = said
		}
	}
	return all
}

var (
	networks = regexp.MustCompile(`10\.20\.\d+\.`)
	anyNode  = regexp.MustCompile(`10\.20\.\d+\.\d+`)
	migrated = regexp.MustCompile(`(out\|Migrated \d+/\d+ queues and \d+/\d+ messages\n)+`)
	// A vmq-admin that crashes ends in the midst of its reports.
	crashed = regexp.MustCompile(`(?s)exit 127\n(out\|.*?\n)?err\|`)
	// varies is the number of a process, and where VerneMQ was built.
	varies = regexp.MustCompile(`maint_\d+|"/\S+/`)
)

// same leaves out what may be another one each time. Nodes are told apart by the order in which they come.
func same(said string) string {
	nodes := map[string]string{}
	said = anyNode.ReplaceAllStringFunc(said, func(address string) string {
		if nodes[address] == "" {
			nodes[address] = fmt.Sprint("node", len(nodes)+1)
		}
		return nodes[address]
	})
	said = migrated.ReplaceAllString(said, "out|Migrated\n")
	return varies.ReplaceAllString(crashed.ReplaceAllString(said, "exit 127\nerr|"), "")
}

func TestVMQAdminOfANodeAloneSaysWhatIsRecorded(t *testing.T) {
	_, all := cluster(t, 1)
	m, name := all[0], "VerneMQ@"+all[0].address
	const show = "cluster show --format=json"
	m.admin("one node", show)
	m.admin("a node joins itself", "cluster join discovery-node="+name)
	m.admin("a node leaves without -k", "cluster leave node="+name)
	m.admin("a node leaves and is alone", "cluster leave node="+name+" -k -i 5 -t 300")
	m.must("systemctl stop vernemq")
	m.admin("VerneMQ does not run", show)
	m.must("systemctl start vernemq; : >" + adminLog)
	parts.Within(t, time.Minute, "VerneMQ answers again", func() bool {
		said, err := m.sh("NO_EPMD=1 " + adminPath + " " + show + " </dev/null")
		return err == nil && strings.HasPrefix(said, "{")
	})
	// There are many ways not to answer yet. A script may take for an answer what ends well.
	known := map[string]bool{}
	for _, said := range recorded(t) {
		known[same(said)] = true
	}
	for got := range strings.SplitSeq(m.must("cat "+adminLog), "\n\n") {
		if strings.Contains(got, "\nexit 0\n") && !known[same(got)] {
			t.Errorf("while it starts, vmq-admin says\n%s\nwhich is not recorded", got)
		}
	}
}
