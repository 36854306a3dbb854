package realparts

import (
	"os"
	"slices"
	"testing"
	"time"
)

// lives says whether VerneMQ runs on a machine.
func (m *machine) lives() (lives bool) {
	m.site.cluster.with(m, func(n *vmqNode) { lives = n.active == "active" })
	return lives
}

// onDisk lists what is on a machine's data disk, but for what every such disk has.
func (m *machine) onDisk() []string {
	m.site.Helper()
	entries, err := os.ReadDir(m.data(""))
	m.site.must(err)
	var names []string
	for _, entry := range entries {
		if entry.Name() != "lost+found" {
			names = append(names, entry.Name())
		}
	}
	return names
}

// hasLeft looks for what a node leaves behind that has left.
func (m *machine) hasLeft() {
	m.site.Helper()
	handedOver := false
	m.site.cluster.with(m, func(n *vmqNode) { handedOver = n.handedOver })
	if m.lives() || !handedOver || len(m.onDisk()) > 0 {
		m.site.Errorf("%s runs (%v), has handed over (%v), and has on its disk %v", m.address, m.lives(), handedOver,
			m.onDisk())
	}
}

func TestAVerneMQNodeThatIsNoLongerWantedLeavesAndJoinsAnewWhenItIsWantedAgain(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	s.want(s.addresses[0])
	all[1].mustTick()
	all[1].hasLeft()
	s.together(all[0])
	all[1].mustTick() // stays away
	if all[1].starts() != 0 || all[1].lives() {
		t.Errorf("it started %d times", all[1].starts())
	}
	s.want(s.addresses...)
	all[1].boots(all[0])
	s.together(all...)
	if len(all[0].forgot()) != 0 || len(all[1].joins()) != 1 {
		t.Errorf("forgotten as %v, joined through %v", all[0].forgot(), all[1].joins())
	}
}

func TestALostVerneMQNodeIsForgottenByOneOfTheOthersAfterAWhileAndIfItIsNotWantedOnly(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	all := s.settled(3)
	all[2].powerOff()
	tick := func() {
		for _, m := range all[:2] {
			m.mustTick()
		}
	}
	tick()
	if has(all[0].state("lost/" + s.addresses[2])) {
		t.Error("one that is wanted counts as lost")
	}
	s.want(s.addresses[:2]...)
	tick()
	all[0].age("lost/"+s.addresses[2], 2*time.Minute) // rebooting takes as long
	tick()
	if len(all[0].forgot())+len(all[1].forgot()) != 0 {
		t.Errorf("forgotten at once: %v %v", all[0].forgot(), all[1].forgot())
	}
	for _, m := range all[:2] {
		if has(m.state("lost/" + s.addresses[2])) {
			m.age("lost/"+s.addresses[2], 5*time.Minute)
		}
	}
	tick()
	if !slices.Equal(all[0].forgot(), []string{s.addresses[2]}) || len(all[1].forgot()) != 0 {
		t.Errorf("forgotten: %v %v", all[0].forgot(), all[1].forgot())
	}
	s.together(all[:2]...)
}

func TestAVerneMQNodeThatForgotAnotherIsInTheClusterAfterItsReboot(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	all := s.settled(3)
	all[2].powerOff()
	s.want(s.addresses[:2]...)
	all[0].mustTick()
	all[0].age("lost/"+s.addresses[2], 5*time.Minute)
	all[0].mustTick()
	all[0].reboot()
	all[0].mustTick()
	s.together(all[:2]...)
}

func TestALostVerneMQNodeIsGivenItsTimeAnewEachTime(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	all := s.settled(3)
	s.want(s.addresses[:2]...)
	all[0].powerOff()
	all[2].powerOff()
	all[1].mustTick() // acts, and sees that the third is lost
	all[1].age("lost/"+s.addresses[2], 5*time.Minute)
	all[0].reboot()
	all[0].mustTick()
	all[1].mustTick() // does not act any more
	all[0].powerOff()
	all[1].mustTick()
	if len(all[1].forgot()) != 0 {
		t.Errorf("forgotten for what was long ago: %v", all[1].forgot())
	}
}

func TestAVerneMQNodeMayTakeLongerToLeaveThanAnyCommandWaits(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	s.cluster.with(all[1], func(n *vmqNode) { n.leaveTakes = 90 * time.Second })
	s.want(s.addresses[0])
	all[1].mustTick() // vmq-admin gives up before
	all[1].hasLeft()
	s.together(all[0])
}

// leaving is a site of two nodes, of which the second is no longer wanted and has begun to leave, which takes longer
// than a tick.
func leaving(t *testing.T) (*vmSite, []*machine) {
	t.Helper()
	s := newVMSite(t, 2)
	all := s.settled(2)
	s.cluster.with(all[1], func(n *vmqNode) { n.leaveTakes = 3 * time.Minute })
	s.want(s.addresses[0])
	all[1].more = []string{"TRIES=2"}
	if err := all[1].tick(); err == nil || !all[1].lives() || len(all[1].onDisk()) == 0 {
		t.Errorf("it has not left yet, and the tick ends with %v", err)
	}
	return s, all
}

func TestAVerneMQNodeThatLeavesBetweenTwoTicksIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	s, all := leaving(t)
	s.cluster.with(all[1], func(n *vmqNode) { s.cluster.left(n) })
	all[1].mustTick()
	all[1].hasLeft()
	if all[1].starts() != 0 {
		t.Errorf("it started %d times", all[1].starts())
	}
}

func TestAVerneMQNodeThatIsWantedAgainWhileItLeavesLeavesFirst(t *testing.T) {
	t.Parallel()
	s, all := leaving(t)
	s.want(s.addresses...)
	s.cluster.with(all[1], func(n *vmqNode) { s.cluster.left(n) })
	all[1].mustTick()
	all[1].hasLeft()
}

func TestAVerneMQNodeThatIsInterruptedWhileItLeavesHandsOverAfterwards(t *testing.T) {
	for how, interrupt := range map[string]func(m *machine){
		"by a reboot": (*machine).reboot,
		"by a crash, after which systemd waits": func(m *machine) {
			m.site.cluster.with(m, func(n *vmqNode) {
				n.stop()
				n.active = "activating"
			})
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s, all := leaving(t)
			interrupt(all[1])
			s.cluster.with(all[1], func(n *vmqNode) { n.leaveTakes = 0 })
			all[1].mustTick()
			all[1].hasLeft()
			if all[1].starts() != 1 {
				t.Errorf("it started %d times", all[1].starts())
			}
		})
	}
}

func TestAVerneMQNodeThatIsRebootedAfterItHasLeftKeepsNothing(t *testing.T) {
	t.Parallel()
	s, all := leaving(t)
	s.cluster.with(all[1], func(n *vmqNode) { s.cluster.left(n) })
	all[1].reboot()
	s.want(s.addresses...)
	all[1].mustTick() // alone with what it had
	all[1].hasLeft()
}

func TestALoneVerneMQNodeThatIsNoLongerWantedStops(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	m := s.settled(1)[0]
	s.want(s.addresses[1])
	m.more = []string{"TRIES=2"}
	if m.tick() == nil || len(m.onDisk()) == 0 {
		t.Error("it gives up at once: others may come")
	}
	m.mustTick()
	if m.lives() || len(m.onDisk()) > 0 {
		t.Errorf("it runs (%v), and has on its disk %v", m.lives(), m.onDisk())
	}
}

func TestAVerneMQNodeWithClientsThatDoNotGoTriesToLeaveAgain(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	s.cluster.with(all[1], func(n *vmqNode) { n.online = 1 })
	s.want(s.addresses[0])
	all[1].more = []string{"TRIES=2"}
	if all[1].tick() == nil || !all[1].lives() || len(all[1].onDisk()) == 0 {
		t.Error("the tick ends well before the node has left")
	}
	all[1].mustTick()
	all[1].hasLeft()
}

func TestALostVerneMQNodeThatWasForgottenAndComesBackLeaves(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	all := s.settled(2)
	all[1].powerOff()
	s.want(s.addresses[0])
	all[0].mustTick()
	all[0].age("lost/"+s.addresses[1], 5*time.Minute)
	all[0].mustTick()
	all[1].reboot()
	all[1].mustTick()
	all[1].hasLeft()
	s.together(all[0])
}
