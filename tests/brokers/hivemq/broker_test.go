package hivemq

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// broker is HiveMQ in a folder, running or not.
type broker struct {
	t       testing.TB
	home    string
	main    []string // the class, or source, that starts it
	running *exec.Cmd
	said    *parts.Said
}

// newBroker makes a broker's folder, with the configuration that the program's values become.
func newBroker(t testing.TB) *broker {
	t.Helper()
	if classpath == "" {
		t.Skip(why)
	}
	b := &broker{t: t, home: t.TempDir(), main: []string{"com.hivemq.HiveMQServer"}}
	config, err := os.ReadFile("testdata/config.xml")
	parts.Must(t, err)
	for _, folder := range []string{"conf", "data", "log", "extensions"} {
		parts.Must(t, os.Mkdir(filepath.Join(b.home, folder), 0o755))
	}
	parts.Must(t, os.WriteFile(filepath.Join(b.home, "conf", "config.xml"), config, 0o644))
	t.Cleanup(b.kill)
	return b
}

// open has it let everybody in.
func (b *broker) open() *broker {
	source, err := filepath.Abs("Open.java")
	parts.Must(b.t, err)
	b.main = []string{source, b.home}
	return b
}

// launch starts it, and does not wait.
func (b *broker) launch() {
	b.t.Helper()
	arguments := []string{"-Xmx512m", "-Dhivemq.home=" + b.home, "--add-opens=java.base/java.nio=ALL-UNNAMED",
		"--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "--class-path", classpath}
	b.running, b.said = exec.Command("java", append(arguments, b.main...)...), &parts.Said{}
	b.running.Stdout, b.running.Stderr = b.said, b.said
	parts.Must(b.t, b.running.Start())
}

// start starts it, and waits until it listens.
func (b *broker) start() {
	b.t.Helper()
	b.launch()
	parts.Within(b.t, 5*time.Minute, "HiveMQ has started", func() bool { return b.says("HiveMQ in ") })
}

// kill ends its process without a goodbye. What it gave to the system to write is written.
func (b *broker) kill() {
	if b.running == nil {
		return
	}
	_ = b.running.Process.Kill() // gone already is as good
	_ = b.running.Wait()
	b.running = nil
	if b.t.Failed() {
		b.t.Logf("HiveMQ said:\n%s", b.said)
	}
}

func (b *broker) says(what string) bool { return strings.Contains(b.said.String(), what) }

// install puts the extension in, with a store's users and rules.
func (b *broker) install(s *store) {
	b.t.Helper()
	from := filepath.Join(os.Getenv(homeVariable), "extensions", extension)
	missing := extension + " is missing: it is on GitHub only, and belongs into extensions of " + homeVariable
	if os.Getenv(homeVariable) == "" {
		b.t.Skip(missing)
	}
	if _, err := os.Stat(filepath.Join(from, "hivemq-extension.xml")); err != nil {
		b.t.Fatal(missing)
	}
	parts.Must(b.t, os.CopyFS(filepath.Join(b.home, "extensions", extension), os.DirFS(from)))
	b.configure(s)
}

// configure writes the two files that the broker's pod mounts.
func (b *broker) configure(s *store) {
	b.t.Helper()
	for name, content := range s.export() {
		parts.Must(b.t, os.WriteFile(filepath.Join(b.home, "extensions", extension, "conf", name), content, 0o644))
	}
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// listens says whether something takes connections.
func listens(port int) bool {
	conn, err := net.Dial("tcp", address(port))
	if err == nil {
		conn.Close()
	}
	return err == nil
}

var mqttPort, webSocketPort = address(assets.HiveMQPort), address(assets.HiveMQWebSocketPort)
