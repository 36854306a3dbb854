package realparts

import (
	"os"
	"slices"
	"sync"
	"testing"
)

// boots runs a machine's first tick, after which it serves. The first of those that are there ticks when it waits for
// them.
func (m *machine) boots(others ...*machine) {
	m.site.Helper()
	m.asleep(func() {
		if len(others) > 0 && m.site.cloud.notes() > 0 {
			others[0].mustTick() // it acts for all
		}
	})
	defer m.asleep(nil)
	if err := m.tick(); err != nil || !m.serves() {
		m.site.Fatalf("%s does not serve: %v", m.address, err)
	}
}

// asks ticks, and has something happen once the new node waits to be let in.
func (m *machine) asks(meanwhile func()) error {
	m.site.Helper()
	asked := false
	m.asleep(func() {
		if !asked && m.site.cloud.notes() == 1 {
			asked = true
			meanwhile()
		}
	})
	err := m.tick()
	m.asleep(nil)
	if !asked {
		m.site.Errorf("%s does not ask to be let in: %v", m.address, err)
	}
	return err
}

// notes is how many new nodes wait to be let in.
func (c *vmCloud) notes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for name := range c.blobs["vernemq-shared"] {
		if len(name) > 4 && name[:4] == "new-" {
			n++
		}
	}
	return n
}

// together waits until these see each other, and nobody else.
func (s *vmSite) together(all ...*machine) {
	s.Helper()
	var want []string
	for _, m := range all {
		want = append(want, m.address)
	}
	slices.Sort(want)
	apart := func(m *machine) bool { return !m.serves() || !slices.Equal(s.cluster.seenBy(m), want) }
	for range 10 {
		if !slices.ContainsFunc(all, apart) {
			return
		}
		s.cluster.passes(heard)
	}
	s.Fatalf("%v are not one cluster", want)
}

// starts is how often VerneMQ started, and joins through whom it joined.
func (m *machine) starts() (n int) {
	m.site.cluster.with(m, func(node *vmqNode) { n = node.starts })
	return n
}

func (m *machine) joins() (through []string) {
	m.site.cluster.with(m, func(node *vmqNode) { through = slices.Clone(node.joined) })
	return through
}

func (m *machine) forgot() (whom []string) {
	m.site.cluster.with(m, func(node *vmqNode) { whom = slices.Clone(node.forgot) })
	return whom
}

func TestTheFirstVerneMQNodeFoundsTheClusterAndIsLeftAloneAfterwards(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	m := s.newMachine(0)
	m.boots()
	if m.starts() != 1 || len(m.joins()) != 0 || m.formats() != 1 {
		t.Errorf("%d starts, joined %v, formatted %d times", m.starts(), m.joins(), m.formats())
	}
	secrets, files := s.cloud.count("GET vault/"), s.cloud.count("GET storage/")
	m.mustTick()
	if m.starts() != 1 || s.cloud.count("GET vault/") != secrets+1 || s.cloud.count("GET storage/") != files ||
		len(m.calls("apt-get", "update")) != 1 {
		t.Errorf("another tick found something to do: %v", s.cloud.calls)
	}
}

func TestFurtherVerneMQNodesJoinTheOneThatServes(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	all := s.settled(1)
	for i := range 2 {
		m := s.installed(1 + i)
		m.boots(all...)
		all = append(all, m)
		// Once to join, and once to take clients.
		if m.starts() != 2 || !slices.Equal(m.joins(), []string{all[0].address}) {
			t.Errorf("%s: %d starts, joined through %v", m.address, m.starts(), m.joins())
		}
	}
	s.together(all...)
	if len(all[0].forgot()) != 0 || all[0].starts() != 0 {
		t.Errorf("the first one forgot %v, and started %d times", all[0].forgot(), all[0].starts())
	}
}

// abreast has several go on in step: each waits at a turn until all are there who have not gone.
type abreast struct {
	sync.Mutex
	here, of int
	next     chan struct{}
}

func newAbreast(of int) *abreast { return &abreast{of: of, next: make(chan struct{})} }

func (a *abreast) turn() {
	a.Lock()
	a.here++
	next := a.next
	a.goOn()
	a.Unlock()
	<-next
}

func (a *abreast) goes() {
	a.Lock()
	defer a.Unlock()
	a.of--
	a.goOn()
}

// goOn is for those who hold the lock.
func (a *abreast) goOn() {
	if a.here >= a.of {
		close(a.next)
		a.here, a.next = 0, make(chan struct{})
	}
}

func TestThreeVerneMQNodesThatBootAtOnceEndInOneCluster(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	var all []*machine
	for i := range 3 {
		all = append(all, s.installed(i))
	}
	step, first := newAbreast(3), make([]error, 3)
	var beside sync.WaitGroup
	for i, m := range all {
		m.asleep(step.turn)
		beside.Go(func() {
			defer step.goes()
			for try := range 20 {
				err := m.tick() // the next one gets over it
				if try == 0 {
					first[i] = err
				}
				if step.turn(); !slices.ContainsFunc(all, func(m *machine) bool { return !m.serves() }) {
					return
				}
			}
		})
	}
	beside.Wait()
	s.together(all...)
	if first[0] != nil || first[1] == nil || first[2] == nil {
		t.Errorf("they did not boot at once: %v", first)
	}
	for i, m := range all {
		if joins := m.joins(); i == 0 && len(joins) != 0 || i > 0 && !slices.Equal(joins, s.addresses[:1]) ||
			m.formats() != 1 {
			t.Errorf("%s joined through %v, and formatted %d times", m.address, joins, m.formats())
		}
	}
}

func TestARebootedVerneMQNodeComesBackWithoutJoiningAgain(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	for _, m := range all {
		starts, joins := m.starts(), len(m.joins())
		m.reboot()
		m.mustTick()
		if m.starts() != starts+1 || len(m.joins()) != joins || m.formats() != 0 {
			t.Errorf("%d starts more, joined through %v", m.starts()-starts, m.joins())
		}
	}
	s.together(all...)
}

func TestAReplacedMachineWithItsOldDiskGoesOnAsTheSameVerneMQNode(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	all[1] = s.replace(s.addresses[1], all[1].disk)
	all[1].boots()
	s.together(all...)
	if len(all[1].joins()) != 0 || all[1].formats() != 0 || len(all[0].forgot()) != 0 {
		t.Errorf("joined through %v, formatted %d times, forgotten as %v", all[1].joins(), all[1].formats(), all[0].forgot())
	}
}

func TestAReplacedMachineWithANewDiskIsForgottenBeforeItIsInVerneMQsClusterAgain(t *testing.T) {
	for i, name := range []string{"the founder", "another"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newVMSite(t, 2)
			all := s.settled(2)
			other := all[1-i]
			all[i] = s.installed(i)
			all[i].boots(other)
			s.together(all...)
			if !slices.Equal(other.forgot(), []string{s.addresses[i]}) ||
				all[i].joins()[len(all[i].joins())-1] != other.address {
				t.Errorf("forgotten %v, joined through %v", other.forgot(), all[i].joins())
			}
		})
	}
}

func TestAFounderWithANewDiskWaitsForVerneMQNodesThatAreAboutToAnswer(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	all[1].reboot()
	all[0] = s.installed(0)
	all[0].asleep(all[1].mustTick) // comes up, and lets it in
	all[0].mustTick()
	if !slices.Equal(all[0].joins(), []string{all[1].address}) {
		t.Errorf("it joined %v", all[0].joins())
	}
	s.together(all...)
}

func TestANewVerneMQNodeJoinsThroughAnotherWhenOneCanNotBeReached(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	all := s.settled(2)
	all[0].powerOff()
	all[1].mustTick() // goes on
	third := s.installed(2)
	third.boots(all[1])
	if !slices.Equal(third.joins(), []string{all[1].address}) || len(all[1].forgot()) != 0 {
		t.Errorf("joined through %v, forgot %v", third.joins(), all[1].forgot())
	}
	all[0].reboot()
	all[0].mustTick()
	s.together(all[0], all[1], third)
}

func TestANewVerneMQNodeIsNotLetInWhileItsForerunnerMayStillBeKnown(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	all[1] = s.installed(1)
	all[1].more = []string{"NOTE_TRIES=3"}
	err := all[1].asks(func() {
		s.cluster.with(all[0], func(n *vmqNode) { n.answers = 1 }) // to whether it runs
		all[0].mustTick()
	})
	if err == nil || s.cloud.notes() != 1 || all[1].serves() {
		t.Errorf("let in by a node that does not know: %v", err)
	}
	s.cluster.with(all[0], func(n *vmqNode) { n.deaf = false })
	all[1].more = nil
	all[1].boots(all[0])
	s.together(all...)
}

func TestANewVerneMQNodeIsLetInWhenAllHaveHeardThatItsForerunnerIsGone(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	all := s.settled(3)
	all[1] = s.installed(1)
	s.cluster.with(all[2], func(n *vmqNode) { n.uninformed = true })
	waits := false
	all[0].asleep(func() {
		waits = len(all[0].forgot()) == 1 && s.cloud.notes() == 1
		s.cluster.with(all[2], func(n *vmqNode) { n.uninformed = false })
	})
	s.must(all[1].asks(all[0].mustTick))
	if !waits {
		t.Error("it is let in at once")
	}
	s.together(all...)
}

func TestAVerneMQNodeThatCouldNotJoinStartsOver(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	first := s.settled(1)[0]
	second := s.installed(1)
	second.more = []string{"TRIES=2"}
	err := second.asks(func() {
		s.cluster.with(first, func(n *vmqNode) { n.unreachable = true })
		first.mustTick()
	})
	if err == nil || second.serves() || has(second.data("settled")) {
		t.Fatalf("the first node can't be reached, and the second one is content: %v", err)
	}
	s.must(os.WriteFile(second.data("left-over"), nil, 0o600))
	s.cluster.with(first, func(n *vmqNode) { n.unreachable = false })
	second.more = nil
	second.boots(first)
	s.together(first, second)
	if has(second.data("left-over")) {
		t.Error("it joined with what was on its disk")
	}
}
