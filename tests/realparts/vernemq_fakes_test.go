package realparts

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// fakePrograms are played by the test: they would change the machine that it runs on.
var fakePrograms = []string{
	"vmq-admin", "systemctl", "systemd-run", "mountpoint", "blkid", "mkfs.ext4", "mount", "chown", "useradd", "id",
	"dpkg-query", "apt-get", "git", "make", "install", "psql", "sleep", "nft", "sysctl",
}

// fakeProgram asks the test what to do, and does it: PROGRAM ARGUMENT….
const fakeProgram = `fake() {
	local answer
	exec 3<>"/dev/tcp/127.0.0.1/$FAKES"
	printf '%s\0' "$MACHINE" "$1" "${PLAYED_USER:-root}" "${NO_EPMD:-}" "$(($# - 1))" "${@:2}" >&3
	IFS= read -r -d '' answer <&3 || true
	exec 3>&-
	eval "$answer"
}`

// fakeFunctions is an environment in which bash has the fakes as functions: to start programs takes most of the time of
// these tests.
func fakeFunctions() []string {
	all := []string{"BASH_FUNC_fake%%=" + strings.TrimPrefix(fakeProgram, "fake"), "BASH_FUNC_python3%%=" + askPython,
		"BASH_FUNC_sh%%=" + knowCertificate}
	for _, name := range fakePrograms {
		all = append(all, "BASH_FUNC_"+name+"%%=() { fake "+name+" \"$@\"; }")
	}
	return all
}

// knowCertificate is the function that stands for sh in the scripts: what certificate.sh has made of the certificate
// that most machines have, it makes again. That script takes as long as all else that a deployment does.
const knowCertificate = `() {
	local script given known_script known_in out
	if [ "${1##*/}" = certificate.sh ] && [ "${HOSTS:-}" = localhost ]; then
		IFS= read -r -d '' script <"$1" || true
		IFS= read -r -d '' given <"$IN" || true
		IFS= read -r -d '' known_script <"$KNOWN_CERTIFICATE/script" || true
		IFS= read -r -d '' known_in <"$KNOWN_CERTIFICATE/in" || true
		if [ "$script" = "$known_script" ] && [ "$given" = "$known_in" ]; then
			IFS= read -r -d '' out <"$KNOWN_CERTIFICATE/out" || true
			printf %s "$out" >"$OUT"
			return
		fi
	fi
	command sh "$@"
}`

// realSh is what a machine has instead where it matters what all programs are told and leave behind.
const realSh = `BASH_FUNC_sh%%=() { command sh "$@"; }`

// makeKnown has the real certificate.sh make something of the certificate that most machines have, and gives back the
// folder with it.
var makeKnown = sync.OnceValues(func() (string, error) {
	folder := filepath.Join(shared, "certificate")
	script, in := filepath.Join(folder, "script"), filepath.Join(folder, "in")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(script, []byte(assets.CertificateToPEMScript), 0o600),
		os.WriteFile(in, []byte(vmCertificateOf.pem+"\n"), 0o600)); err != nil {
		return "", err
	}
	command := exec.Command("sh", script)
	command.Env = append(os.Environ(), "IN="+in, "OUT="+filepath.Join(folder, "out"), "HOSTS=localhost")
	said, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return folder, nil
})

// makeFakes makes fakePrograms for what is no bash, and gives back their folder.
var makeFakes = sync.OnceValues(func() (string, error) {
	folder := filepath.Join(shared, "fakes")
	all := []error{os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, "fake"),
		[]byte("#!/bin/bash\n"+fakeProgram+"\nfake \"${0##*/}\" \"$@\"\n"), 0o700)}
	for _, name := range fakePrograms {
		all = append(all, os.Symlink("fake", filepath.Join(folder, name)))
	}
	return folder, errors.Join(all...)
})

// serveFakes answers fakePrograms, and gives back the port.
func (s *vmSite) serveFakes() string {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	s.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serveFake(conn)
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	s.must(err)
	return port
}

func (s *vmSite) serveFake(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	word := func() string {
		text, _ := in.ReadString(0) // a program that was killed says nothing more
		return strings.TrimSuffix(text, "\x00")
	}
	address, program, user, noEpmd := word(), word(), word(), word()
	count, _ := strconv.Atoi(word())
	args := make([]string, 0, count)
	for range count {
		args = append(args, word())
	}
	fmt.Fprint(conn, s.program(address, program, user, noEpmd, args))
}

// program says in shell what a program does that this user has run.
func (s *vmSite) program(address, program, user, noEpmd string, args []string) string {
	s.mu.Lock()
	m := s.machines[address]
	if m == nil {
		s.mu.Unlock()
		return "return 99"
	}
	fmt.Fprintln(&s.argued, program, strings.Join(args, " "))
	m.called = append(m.called, append([]string{program}, args...))
	s.mu.Unlock()
	switch program {
	case "systemd-run":
		return s.cluster.fenced(m.node, args)
	case "vmq-admin":
		if user != "vernemq" {
			s.cluster.fault("%s has vmq-admin run as %s", address, user)
		}
		if noEpmd == "" {
			s.cluster.fault("vmq-admin of %s starts an epmd, which ends with the script", address)
		}
		return s.cluster.admin(m.node, args)
	case "systemctl":
		return s.cluster.systemctl(m.node, args)
	case "sleep":
		return m.sleeps(args[0])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch program {
	case "mountpoint", "blkid", "mkfs.ext4", "mount", "chown":
		return m.disks(program, args)
	case "dpkg-query", "apt-get", "id", "useradd":
		return m.accounts(program, args)
	case "git", "make":
		if user == "root" {
			s.cluster.fault("%s has %s run as root", address, program)
		}
		return m.build(program, args)
	case "install":
		return m.copies(args)
	case "nft": // of the machine until it boots
		if args[0] == "--file" {
			m.limits = true
		}
		return exit(m.limits)
	case "sysctl":
		return "return 0"
	case "psql":
		if words := strings.Join(args, " "); strings.Contains(words, "transaction_read_only") {
			return "echo t"
		} else if strings.Contains(words, "pg_is_in_recovery") {
			return "echo f"
		} else if strings.Contains(words, "mqtt_schema") {
			return `[ ! -e "$ROOT/psql" ] || echo t`
		}
		return `{ env | grep -e ^PG -e ^BROKER_; cat; } >>"$ROOT/psql"`
	}
	return "return 98"
}

// fence is what must hold for all that runs on a machine and may do what an attacker wants.
var fence = []string{"IPAddressDeny=169.254.169.254", "CapabilityBoundingSet=", "NoNewPrivileges=yes",
	"PrivateDevices=yes", "ProtectSystem=strict", "RestrictSUIDSGID=yes"}

// fenced says in shell what systemd-run does: it has another user run something, with variables.
func (c *vmqCluster) fenced(n *vmqNode, args []string) string {
	user, variables, properties := "root", "", []string{}
	for ; len(args) > 0 && strings.HasPrefix(args[0], "--"); args = args[1:] {
		switch option, value, _ := strings.Cut(args[0], "="); option {
		case "--uid":
			user = value
		case "--setenv":
			name, value, _ := strings.Cut(value, "=")
			variables += name + "=" + quoted(value) + " "
		case "--property":
			properties = append(properties, value)
		}
	}
	if slices.Contains(properties, "DynamicUser=yes") {
		user = "nobody else"
	}
	for _, rail := range fence {
		if !slices.Contains(properties, rail) {
			c.fault("%s has %v run without %s", n.address, args, rail)
		}
	}
	return "PLAYED_USER=" + quoted(user) + " " + variables + quoted(args...)
}

// sleeps has the time go by for which a script sleeps, also for the script.
func (m *machine) sleeps(seconds string) string {
	m.site.mu.Lock()
	meanwhile := m.meanwhile
	m.site.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	d, err := time.ParseDuration(seconds + "s")
	m.site.must(err)
	m.site.cluster.passes(d)
	return "SECONDS=$((SECONDS + " + seconds + "))"
}

// asleep has something happen whenever the machine's scripts sleep; nil is nothing.
func (m *machine) asleep(meanwhile func()) {
	m.site.mu.Lock()
	defer m.site.mu.Unlock()
	m.meanwhile = meanwhile
}

// calls lists a program's calls with their arguments.
func (m *machine) calls(program, containing string) []string {
	m.site.mu.Lock()
	defer m.site.mu.Unlock()
	var found []string
	for _, call := range m.called {
		if text := strings.Join(call, " "); call[0] == program && strings.Contains(text, containing) {
			found = append(found, text)
		}
	}
	return found
}

func quoted(words ...string) string {
	all := make([]string, 0, len(words))
	for _, word := range words {
		all = append(all, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	return strings.Join(all, " ")
}

func exit(succeeds bool) string {
	if succeeds {
		return "return 0"
	}
	return "return 1"
}

// disks plays mounting; the real blkid and mkfs.ext4 work on the device, which is a file.
func (m *machine) disks(program string, args []string) string {
	switch last := args[len(args)-1]; program {
	case "mountpoint":
		return exit(m.mounted)
	case "chown":
		if strings.HasPrefix(last, m.path("opt")) {
			m.site.cluster.fault("%s gives away programs: chown %v", m.address, args)
		}
		if slices.Equal(args, []string{"-R", "vernemq:vernemq", m.data("")}) && m.mounted {
			m.disk.owner = m
		}
		return exit(m.users["vernemq"])
	case "mkfs.ext4":
		m.disk.formatted++
		m.site.must(os.MkdirAll(m.disk.content, 0o755), os.Mkdir(filepath.Join(m.disk.content, "lost+found"), 0o700))
		return "/usr/sbin/mkfs.ext4 " + quoted(args...)
	case "mount":
		if m.mounted || m.disk == nil || last != m.data("") {
			return "return 32"
		}
		if err := os.Remove(last); err != nil {
			return "return 32"
		}
		m.site.must(os.MkdirAll(m.disk.content, 0o755), os.Rename(m.disk.content, last))
		m.mounted = true
		return "return 0"
	default:
		return "/usr/sbin/" + program + " " + quoted(args...)
	}
}

func (m *machine) accounts(program string, args []string) string {
	switch program {
	case "id":
		return exit(m.users[args[0]])
	case "useradd":
		m.users[args[len(args)-1]] = true
		return "return 0"
	case "dpkg-query":
		answer, all := "", true
		for _, name := range args[3:] {
			if m.packages[name] {
				answer += "echo install ok installed; "
			}
			all = all && m.packages[name]
		}
		return answer + exit(all)
	}
	if at := slices.Index(args, "install"); at >= 0 {
		unit := m.path("etc/systemd/system/vernemq.service")
		if to, err := os.Readlink(unit); strings.HasSuffix(args[len(args)-1], ".deb") && (err != nil || to != "/dev/null") {
			m.site.cluster.fault("%s: the package starts VerneMQ without its data disk", m.address)
		}
		for _, name := range args[at+1:] {
			if name == "erlang-sasl" { // neither Debian nor Ubuntu has it
				return "echo 'E: Unable to locate package erlang-sasl' >&2; return 100"
			}
			m.packages[name] = true
		}
	}
	return "return 0"
}

// copies is the real install, without the change of owner and group, which takes root and the user vernemq.
func (m *machine) copies(args []string) string {
	kept := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		if args[i] == "--owner" {
			i++
			continue
		}
		if args[i] == "--group" {
			m.groups[args[len(args)-1]] = args[i+1]
			if !m.users[args[i+1]] {
				return "echo \"install: invalid group\" >&2; return 1"
			}
			i++
			continue
		}
		kept = append(kept, args[i])
	}
	return "/usr/bin/install " + quoted(kept...)
}

// build plays the source's tag, and what comes out of it.
func (m *machine) build(program string, args []string) string {
	if program == "make" && m.site.breaksMake {
		return "echo 'fatal error: snappy.h: no such header'; return 2"
	}
	if program == "make" && !m.packages["erlang-src"] {
		return `echo 'cannot find include lib "sasl/src/systools.hrl"'; return 1`
	}
	if program == "make" {
		return fmt.Sprintf("(mkdir -p _build/default/rel/vernemq && cd _build/default/rel/vernemq && "+
			"mkdir -p bin etc data/broker data/msgstore && echo %s >bin/vernemq && echo default >etc/vernemq.conf)", m.address)
	}
	if slices.Contains(args, "clone") {
		return "mkdir -p " + quoted(args[len(args)-1])
	}
	return "echo " + m.site.commit()
}

// commit is the one that the source's tag has: what the nodes are told, unless a test says otherwise.
func (s *vmSite) commit() string {
	if s.tagged != "" {
		return s.tagged
	}
	return variable(s.files["vernemq.env"], "COMMIT")
}

// variable is the value of a shell's variable in a text.
func variable(text, name string) string {
	_, rest, _ := strings.Cut("\n"+text, "\n"+name+"=")
	value, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(value, "'")
}

// buildName is the name of the build that the files ask for.
func (s *vmSite) buildName() string {
	env := s.files["vernemq.env"]
	return fmt.Sprintf("vernemq-%s-%s-ubuntu24.04-amd64.tar.gz", variable(env, "VERSION"), variable(env, "COMMIT")[:12])
}

// buildOf is what somebody built.
func buildOf(t *testing.T, somebody string) string {
	t.Helper()
	var all []tar.Header
	for _, folder := range []string{"bin", "etc", "data", "data/broker", "data/msgstore"} { // as the release has them
		all = append(all, tar.Header{Name: "./" + folder + "/", Typeflag: tar.TypeDir, Mode: 0o755})
	}
	for _, file := range []string{"bin/vernemq", "etc/vernemq.conf"} {
		all = append(all, tar.Header{Name: "./" + file, Mode: 0o755, Size: int64(len(somebody))})
	}
	return archiveOf(t, somebody, all...)
}

// archiveOf is a compressed archive, in which each file of any size has this content.
func archiveOf(t *testing.T, content string, all ...tar.Header) string {
	t.Helper()
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	for _, h := range all {
		h.ModTime = time.Now()
		if err := archive.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := archive.Write([]byte(content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
