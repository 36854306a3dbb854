// Package emqx starts the real EMQX with what the program deploys, and breaks it: gate, configuration, command and
// environment of a node, schema, HAProxy, PostgreSQL and Redis with certificates for names only, as Azure's.
//
// It needs root, for nodes with addresses of their own, and EMQX in the folder that AMORA_EMQX_HOME names: what the
// image emqx/emqx has in /opt/emqx.
package emqx

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// The lab's network: this process and all that nodes connect to, and the addresses behind the names of the apps.
const (
	hub       = "10.99.0.1"
	dataHost  = "database.lab.test"
	cacheHost = "cache.lab.test"
	edgeHost  = "mqtt.lab.test"
)

func TestMain(m *testing.M) {
	if why := unable(); why != "" {
		fmt.Println("real EMQX: skipped:", why)
		if os.Getenv("AMORA_EMQX_HOME") != "" {
			os.Exit(1)
		}
		return
	}
	code := parts.Alone(m, prepare)
	if folder != "" {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

// unable says what is missing here.
func unable() string {
	home := os.Getenv("AMORA_EMQX_HOME")
	if home == "" {
		return "AMORA_EMQX_HOME names no folder with EMQX"
	}
	if _, err := os.Stat(filepath.Join(home, "bin", "emqx")); err != nil {
		return err.Error()
	}
	if os.Getuid() != 0 {
		return "only root gives nodes addresses of their own"
	}
	for _, program := range []string{"unshare", "ip", "setpriv", "psql", "redis-server", "haproxy"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed: see tests/realparts/packages.txt"
		}
	}
	return ""
}

var folder string // what all tests share

// prepare makes the network that all is in.
func prepare() error {
	var err error
	if folder, err = os.MkdirTemp("", "emqx"); err != nil {
		return err
	}
	resolver := filepath.Join(folder, "resolv.conf")
	err = errors.Join(os.Chmod(folder, 0o755), os.MkdirAll("/run/netns", 0o755),
		os.WriteFile(resolver, []byte("nameserver "+hub+"\noptions timeout:1 attempts:2\n"), 0o644))
	if err != nil {
		return err
	}
	for _, line := range []string{
		// An address of its own, or it takes that of another link whenever one comes, and nobody finds it for a while.
		"ip link set lo up", "ip link add br0 address 02:00:00:00:00:01 type bridge", "ip addr add " + hub +
			"/16 dev br0", "ip link set br0 up",
		"mount -t tmpfs tmpfs /run/netns", "mount --bind " + resolver + " /etc/resolv.conf",
	} {
		if said, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", line, err, said)
		}
	}
	go answerNames()
	return nil
}

// sh runs a line that has to succeed.
func sh(t testing.TB, line string, environment ...string) string {
	t.Helper()
	command := exec.Command("sh", "-c", line)
	command.Env = append(os.Environ(), environment...)
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, said)
	}
	return string(said)
}

// process is a running program. What it says is shown when its test fails.
type process struct {
	*exec.Cmd
	said *parts.Said
	over chan struct{}
}

func start(t testing.TB, name string, command *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: command, said: &parts.Said{}, over: make(chan struct{})}
	command.Stdout = p.said
	if logs := os.Getenv("TEST_LOGS"); logs != "" { // a folder in which all that is said is kept
		file, err := os.Create(filepath.Join(logs, strings.ReplaceAll(name, " ", "-")+".log"))
		parts.Must(t, err)
		t.Cleanup(func() { file.Close() })
		command.Stdout = io.MultiWriter(p.said, file)
	}
	command.Stderr = command.Stdout
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	parts.Must(t, command.Start())
	go func() {
		_ = command.Wait() // the test asks how it ended
		close(p.over)
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() // gone already is as good
		<-p.over
		if t.Failed() {
			text := p.said.String()
			t.Logf("%s said:\n%s", name, text[max(0, len(text)-12000):])
		}
	})
	return p
}

func write(t testing.TB, path, content string) string {
	t.Helper()
	parts.Must(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644))
	return path
}

// ingress stands for an environment's ingress: the address behind an app's name, which takes every connection, and
// hands it to the newest of the app's replicas that answers probes, whether that takes it or not.
type ingress struct {
	mu       sync.Mutex
	replicas []string // addresses, the newest last
}

func newIngress(t testing.TB, address string, ports ...int) *ingress {
	t.Helper()
	i := &ingress{}
	sh(t, "ip addr add "+address+"/32 dev br0")
	t.Cleanup(func() { _ = exec.Command("ip", "addr", "del", address+"/32", "dev", "br0").Run() })
	for _, port := range ports {
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address, port))
		parts.Must(t, err)
		t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				client, err := listener.Accept()
				if err != nil {
					return
				}
				go i.carry(client, port)
			}
		}()
	}
	return i
}

func (i *ingress) add(address string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.replicas = append(i.replicas, address)
}

func (i *ingress) remove(address string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	left := i.replicas[:0:0]
	for _, a := range i.replicas {
		if a != address {
			left = append(left, a)
		}
	}
	i.replicas = left
}

func (i *ingress) carry(client net.Conn, port int) {
	defer client.Close()
	i.mu.Lock()
	replicas := append([]string(nil), i.replicas...)
	i.mu.Unlock()
	for n := len(replicas) - 1; n >= 0; n-- {
		probe, err := net.DialTimeout("tcp", fmt.Sprintf("%s:%d", replicas[n], assets.GatePort), 3*time.Second)
		if err != nil {
			continue
		}
		probe.Close()
		server, err := net.DialTimeout("tcp", fmt.Sprintf("%s:%d", replicas[n], port), 3*time.Second)
		if err != nil {
			return
		}
		defer server.Close()
		done := make(chan struct{}, 2)
		go func() { io.Copy(server, client); server.(*net.TCPConn).CloseWrite(); done <- struct{}{} }()
		go func() { io.Copy(client, server); client.(*net.TCPConn).CloseWrite(); done <- struct{}{} }()
		<-done
		select {
		case <-done:
		case <-time.After(2 * time.Second): // one side is gone
		}
		return
	}
}
