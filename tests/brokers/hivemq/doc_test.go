// Package hivemq starts HiveMQ's free Community Edition with what the program gives to the licensed one on Kubernetes,
// and real clients connect to it.
//
// config.xml is what HiveMQ's chart makes of our values, recorded in testdata. The Community Edition reads it as it is.
// Of it, it obeys the two listeners with names, ports and path. It says nothing about the cluster and the health API,
// and does not open their ports: those parts, the Enterprise Security extension, the metrics extension and the trial's
// limit of 25 connections are of the licensed edition alone, and nothing here speaks for them.
//
// HiveMQ comes from the folder that AMORA_HIVEMQ_HOME names, laid out as a release of it (bin or lib with its jars),
// else by Maven from Maven Central. Users and rules are asked of the extension that a stack without a licence has, with
// the file that our script writes out of a real PostgreSQL. That extension is on GitHub only: without
// extensions/hivemq-file-rbac-extension in AMORA_HIVEMQ_HOME, its tests skip. homes.sh beside this folder fetches both.
// Each broker has a network of its own, which takes root.
package hivemq

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

const (
	homeVariable = "AMORA_HIVEMQ_HOME"
	extension    = "hivemq-file-rbac-extension"
)

var classpath, why string // HiveMQ, or what is missing to run it

func TestMain(m *testing.M) {
	flag.Parse()
	if classpath, why = find(); why == "" {
		os.Exit(parts.Alone(m, func() error { return exec.Command("ip", "link", "set", "lo", "up").Run() }))
	}
	fmt.Println("HiveMQ: what needs a broker is skipped:", why)
	code := m.Run()
	if os.Getenv(homeVariable) != "" {
		code = 1
	}
	os.Exit(code)
}

// find gives the class path of HiveMQ, or says what is missing.
func find() (path, why string) {
	if testing.Short() {
		return "", "with -short, no broker is started"
	}
	if os.Geteuid() != 0 {
		return "", "only root gives a broker a network of its own"
	}
	for _, program := range []string{"unshare", "ip", "setpriv", "psql", "java", "javac"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", program + " is not installed"
		}
	}
	home := os.Getenv(homeVariable)
	for _, folder := range []string{"bin", "lib"} {
		if jars, _ := filepath.Glob(filepath.Join(home, folder, "*.jar")); home != "" && len(jars) > 0 {
			return filepath.Join(home, folder, "*"), ""
		}
	}
	if home != "" {
		return "", "there is no jar in bin or lib of " + home
	}
	return fetch()
}

// fetch has Maven bring HiveMQ, once for each pom.xml.
func fetch() (path, why string) {
	pom, err := os.ReadFile("pom.xml")
	if err != nil {
		return "", err.Error()
	}
	folder, err := filepath.Abs(fmt.Sprintf("../../../.rehearsal/hivemq-%x", sha256.Sum256(pom)))
	if err != nil {
		return "", err.Error()
	}
	if _, err := os.Stat(folder); err == nil {
		return filepath.Join(folder, "*"), ""
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "", homeVariable + " names no folder with HiveMQ, and Maven, which could bring it, is not installed"
	}
	said, err := exec.Command("mvn", "--batch-mode", "--quiet", "--file", "pom.xml",
		"dependency:copy-dependencies", "-DoutputDirectory="+folder+".new").CombinedOutput()
	if err != nil {
		first, _, _ := strings.Cut(string(said), "\n")
		return "", "Maven does not bring HiveMQ: " + first
	}
	if err := os.Rename(folder+".new", folder); err != nil {
		return "", err.Error()
	}
	return filepath.Join(folder, "*"), ""
}
