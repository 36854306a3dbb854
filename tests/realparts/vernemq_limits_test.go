package realparts

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAddressesAreLimitedOnceAMachineServesAndAgainAfterAReboot(t *testing.T) {
	t.Parallel()
	m := newVMSite(t, 1).settled(1)[0]
	loaded := func() int { return len(m.calls("nft", "--file")) }
	m.mustTick()
	if !m.limits || loaded() != 1 {
		t.Fatalf("limits: %v, loaded %d times", m.limits, loaded())
	}
	m.mustTick()
	if loaded() != 1 {
		t.Error("they are loaded again, and count standing connections anew")
	}
	m.reboot()
	m.mustTick()
	if !m.limits || loaded() != 2 {
		t.Errorf("after a reboot: limits %v, loaded %d times", m.limits, loaded())
	}
}

func TestANodeServesThoughItsKernelTakesNoLimits(t *testing.T) {
	t.Parallel()
	m := newVMSite(t, 1).settled(1)[0]
	m.more = append(m.more, "BASH_FUNC_nft%%=() { return 1; }")
	m.mustTick()
	if !m.serves() || m.starts() != 0 {
		t.Errorf("serves: %v, started %d times", m.serves(), m.starts())
	}
}

// place is a network of its own, in which the real nftables have the rules of a machine.
type place struct{ name string }

// within runs something in the network. The thread ends with it.
func (p place) within(t *testing.T, do func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			file, err := os.Open(filepath.Join("/run/netns", p.name))
			if err != nil {
				return err
			}
			defer file.Close()
			if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			return do()
		}()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// connects opens a connection from an address, and says how long that took.
func (p place) connects(t *testing.T, from string, wait time.Duration) (conn net.Conn, took time.Duration, err error) {
	t.Helper()
	p.within(t, func() error {
		dialer := net.Dialer{Timeout: wait, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		begun := time.Now()
		conn, err = dialer.Dial("tcp", "198.51.100.1:8883")
		took = time.Since(begun)
		return nil
	})
	return conn, took, err
}

const attacker, honest, inside = "203.0.113.1", "203.0.113.2", "10.20.2.9"

// served makes the networks of a machine and of its clients, with a port of the machine that takes each connection.
func served(t *testing.T, rules string) place {
	t.Helper()
	need(t, "nft", "ip")
	name := fmt.Sprint("amora", os.Getpid())
	machine, clients := name+"m", name+"c"
	run := func(words ...string) error {
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%v: %w: %s", words, err, out)
		}
		return nil
	}
	if err := run("ip", "netns", "add", machine); err != nil {
		t.Skip("networks of its own are not for this user: ", err)
	}
	t.Cleanup(func() { _ = errors.Join(run("ip", "netns", "del", machine), run("ip", "netns", "del", clients)) })
	const on = "198.51.100.1/24"
	for _, words := range [][]string{
		{"ip", "netns", "add", clients},
		{"ip", "-n", machine, "link", "add", "name", "in0", "type", "veth", "peer", "name", "out0", "netns", clients},
		{"ip", "-n", machine, "address", "add", on, "dev", "in0"}, {"ip", "-n", machine, "link", "set", "in0", "up"},
		{"ip", "-n", machine, "route", "add", "default", "dev", "in0"},
		{"ip", "-n", clients, "link", "set", "out0", "up"},
		{"ip", "-n", clients, "address", "add", attacker + "/32", "dev", "out0"},
		{"ip", "-n", clients, "address", "add", honest + "/32", "dev", "out0"},
		{"ip", "-n", clients, "address", "add", inside + "/32", "dev", "out0"},
		{"ip", "-n", clients, "route", "add", "198.51.100.0/24", "dev", "out0"},
	} {
		if err := run(words...); err != nil {
			t.Fatal(err)
		}
	}
	if rules != "" {
		if err := run("ip", "netns", "exec", machine, "nft", "--file", rules); err != nil {
			t.Fatal(err)
		}
	}
	var listener net.Listener
	place{machine}.within(t, func() (err error) { listener, err = net.Listen("tcp", ":8883"); return err })
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	return place{clients}
}

func TestOneAddressGetsAShareOfAMachineAndOthersDoNotFeelIt(t *testing.T) {
	m := newVMSite(t, 1).settled(1)[0]
	p := served(t, m.state("limits.nft"))
	var opened, refused atomic.Int32
	attack := func(times, at int) {
		var all sync.WaitGroup
		for range at {
			all.Go(func() {
				for range times / at {
					conn, _, err := p.connects(t, attacker, 500*time.Millisecond)
					if err != nil {
						refused.Add(1)
						continue
					}
					opened.Add(1)
					t.Cleanup(func() { conn.Close() })
				}
			})
		}
		all.Wait()
	}
	begun := time.Now()
	ended := make(chan struct{})
	go func() { defer close(ended); attack(1000, 50) }()
	within(t, time.Minute, "the attack is felt", func() bool { return refused.Load() > 0 })
	var took []time.Duration
	for range 50 {
		conn, d, err := p.connects(t, honest, time.Second)
		if err != nil {
			t.Fatalf("an honest client: %v", err)
		}
		conn.Close()
		took = append(took, d)
	}
	slices.Sort(took)
	<-ended
	lasted := time.Since(begun)
	t.Logf("in %s, %d of 1,000 connections of one address are taken; of 50 of another the slowest takes %s", lasted,
		opened.Load(), took[49])
	if most := 200 + 20*(int32(lasted.Seconds())+1); opened.Load() > most || opened.Load() < 200 {
		t.Errorf("%d are taken in %s, want 200 to %d", opened.Load(), lasted, most)
	}
	if took[49] > 200*time.Millisecond {
		t.Errorf("an honest client waits %s", took[49])
	}
	for i := range 600 {
		conn, _, err := p.connects(t, inside, time.Second)
		if err != nil {
			t.Fatalf("connection %d from inside: %v", i+1, err)
		}
		defer conn.Close()
	}
	within(t, time.Minute, "no more than 500 stand", func() bool {
		attack(20, 1)
		return opened.Load() == 500
	})
	attack(20, 1)
	if opened.Load() != 500 {
		t.Errorf("%d stand", opened.Load())
	}
}
