package realparts

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// These tests are an attacker who has the process of the broker: its user, its folders, and what it answers.

// becomes has a machine's vmq-admin be this script, whose other half is the vmq-admin that the test plays.
func (m *machine) becomes(script string) {
	m.site.Helper()
	path := m.path("opt/vernemq/bin/vmq-admin")
	m.site.must(os.WriteFile(path, []byte("#!/bin/bash\n"+script+"\nfake vmq-admin \"$@\"\n"), 0o755))
	m.more = append(m.more, "VMQ_ADMIN="+path)
}

func TestWhatTheBrokersUserPutsIntoVMQAdminRunsAsThatUserAndNeverAsRoot(t *testing.T) {
	t.Parallel()
	m := newVMSite(t, 1).settled(1)[0]
	m.becomes(`echo "${PLAYED_USER:-root}" >>"$ROOT/ran"`)
	m.mustTick()
	ran := strings.Fields(read(t, m.path("ran")))
	if len(ran) == 0 || strings.Join(ran, "") != strings.Repeat("vernemq", len(ran)) {
		t.Errorf("it ran as %v", ran)
	}
}

func TestALinkInPlaceOfTheMarkOfASettledNodeHasRootWriteNothingElse(t *testing.T) {
	t.Parallel()
	m := newVMSite(t, 1).settled(1)[0]
	victim := m.path("etc/victim")
	m.site.must(os.Remove(m.data("settled")), os.Symlink(victim, m.data("settled")))
	m.mustTick()
	if has(victim) || !has(m.data("settled")) || !m.serves() {
		t.Errorf("root has written %s (%v), or the node is not settled", victim, has(victim))
	}
}

func TestALinkInPlaceOfTheMarkOfALeavingNodeHasRootWriteNothingElse(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	victim := all[1].path("etc/victim")
	s.must(os.WriteFile(victim, []byte("precious"), 0o600), os.Symlink(victim, all[1].data("leaving")))
	s.want(s.addresses[0])
	all[1].mustTick()
	if now := read(t, victim); now != "precious" {
		t.Errorf("root has written %q", now)
	}
	all[1].hasLeft()
}

func TestWhatABrokerSaysOfItsClusterNamesNoFileOfRoots(t *testing.T) {
	t.Parallel()
	for said, row := range map[string]string{
		"a path as a name":    `{"Node":"VerneMQ@../precious","Running":true}`,
		"a line as a name":    `{"Node":"VerneMQ@127.0.0.1 false\n../precious","Running":true}`,
		"a line as an answer": `{"Node":"VerneMQ@127.0.0.1","Running":"false\n../precious true"}`,
		"a name of no node":   `{"Node":"precious","Running":true}`,
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			m := newVMSite(t, 1).settled(1)[0]
			table := fmt.Sprintf(`{"table":[{"Node":"VerneMQ@%s","Running":true},%s],"type":"table"}`, m.address, row)
			m.becomes("echo " + quoted(table) + "; exit")
			m.more = append(m.more, "TRIES=2")
			m.site.must(os.WriteFile(m.state("precious"), nil, 0o600))
			_ = m.tick() // it may fail, as without an answer
			if !has(m.state("precious")) {
				t.Error("root has removed it")
			}
		})
	}
}

func TestABuildFromTheStorageAccountBringsNothingThatItsUserMayWriteOrThatMakesRoot(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	header := func(name string, kind byte, mode, size int64) tar.Header {
		return tar.Header{Name: name, Typeflag: kind, Mode: mode, Size: size}
	}
	s.cloud.put("vernemq-shared", s.buildName(), archiveOf(t, "x",
		header("./", tar.TypeDir, 0o777, 0), header("./bin/", tar.TypeDir, 0o700, 0), header("./etc/", tar.TypeDir, 0o777, 0),
		header("./log/", tar.TypeDir, 0o777, 0), header("./bin/vernemq", tar.TypeReg, 0o700, 1),
		header("./bin/become-root", tar.TypeReg, 0o6755, 1), header("./etc/vmq.acl", tar.TypeReg, 0o666, 1)))
	m := s.newMachine(0)
	m.boots()
	s.must(filepath.WalkDir(m.path("opt/vernemq"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && entry.Type()&fs.ModeSymlink == 0 &&
			(info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|0o022) != 0 || info.Mode()&0o004 == 0) {
			t.Errorf("%s is %s", strings.TrimPrefix(path, m.root), info.Mode())
		}
		return err
	}))
	if to, err := os.Readlink(m.path("opt/vernemq/log")); err != nil || to != "/var/log/vernemq" {
		t.Errorf("the log is in %q: %v", to, err)
	}
}

func TestProgramsThatAnOlderVersionGaveToTheBrokersUserAreInstalledAnew(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.must(os.WriteFile(m.state("installed"), []byte(variable(s.files["vernemq.env"], "COMMIT")+"\n"), 0o600),
		os.WriteFile(m.path("opt/vernemq/bin/vernemq"), []byte("changed by the broker"), 0o755))
	m.mustTick()
	if m.installedFrom() != "somebody" || m.starts() != 1 {
		t.Errorf("it runs %q, started %d times", m.installedFrom(), m.starts())
	}
}

func TestPeopleRunVMQAdminAsTheBrokersUserToo(t *testing.T) {
	t.Parallel()
	m := newVMSite(t, 1).settled(1)[0]
	said, err := m.run("vmq_admin", "cluster", "show", "--format=json")
	if err != nil || !strings.Contains(said, `"VerneMQ@`+m.address+`"`) || len(m.calls("vmq-admin", "cluster show")) != 1 {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestTwoErlangNodesThatAreConnectedDoWhatTheOtherOneAsksFor(t *testing.T) {
	t.Parallel()
	need(t, "erl", "epmd")
	// Ports and names of their own, and no cookie in the home of who tests.
	run := func(name, does string) *exec.Cmd {
		erl := exec.Command("erl", "-noshell", "-name", name, "-setcookie", "broken", "-eval", does)
		erl.Env = append(os.Environ(), "HOME="+t.TempDir(), fmt.Sprintf("ERL_EPMD_PORT=%d", 20000+os.Getpid()%10000))
		return erl
	}
	// It looks rather than waits to be told: a node that connects before it would have been listening is not announced.
	const waits = `Look = fun Look(0) -> ok; Look(N) -> case nodes(connected) of ` +
		`[Tool | _] -> io:format("~s", [rpc:call(Tool, os, cmd, ["echo $WHO"])]); ` +
		`[] -> timer:sleep(100), Look(N - 1) end end, Look(300), halt().`
	broker := run("broker@127.0.0.1", waits)
	var said strings.Builder
	broker.Stdout = &said
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	tool := run("tool@127.0.0.1", `Ping = fun Ping(0) -> ok; Ping(N) -> case net_adm:ping('broker@127.0.0.1') of `+
		`pong -> monitor_node('broker@127.0.0.1', true), receive {nodedown, _} -> ok after 20000 -> ok end; `+
		`pang -> timer:sleep(200), Ping(N - 1) end end, Ping(100), halt().`)
	tool.Env = append(tool.Env, "WHO=the tool")
	if out, err := tool.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if err := broker.Wait(); err != nil || said.String() != "the tool\n" {
		t.Errorf("the broker had the tool say %q: %v", said.String(), err)
	}
	kill := exec.Command("epmd", "-kill")
	kill.Env = broker.Env
	_ = kill.Run() // it ends with the machine otherwise
}
