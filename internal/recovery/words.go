package recovery

import (
	"fmt"
	"slices"
)

// sessions tells what becomes of what the broker keeps for clients: sessions, messages that wait for them, and retained
// messages.
func (s Stack) sessions(l Loss) string {
	serving := s.Serving()
	switch {
	case l.Kind == Server || l.Kind == BadData || serving == nil:
		return "all stay: the broker keeps them, not the database"
	case l.Kind == Deleted:
		if s.Broker == EMQX || !s.DiskBackup {
			return "all are lost, with the retained messages: there is no backup of them"
		}
		return "those of the last daily backup of the disks come back, up to " + short(diskAge) + " old"
	case l.Kind == Place && l.Which != serving.Location:
		return "all stay: clients are elsewhere"
	case l.Kind == Place:
		return s.leftBehind()
	case s.Broker == EMQX:
		return s.inMemory(l)
	case s.Broker == HiveMQ:
		return s.onTwoDisks(l)
	default:
		return s.onOneDisk(l)
	}
}

// leftBehind: clusters of two regions know nothing of each other.
func (s Stack) leftBehind() string {
	if s.Broker == EMQX {
		return "all are lost, with the retained messages: they were in that region's memory"
	}
	return "all stay behind on that region's disks, with the retained messages: another region begins without them"
}

func (s Stack) inMemory(l Loss) string {
	if l.Kind == Node {
		return "those of the node's clients are lost: they were in its memory; retained messages are on every node"
	}
	if state, _ := s.hit(s.Serving(), *s.Serving().brokers(), l); state == moved || state == gone {
		return "those of the zone's nodes are lost: they were in their memory; where all nodes were in that zone, so " +
			"are the retained messages"
	}
	return "those of the zone's nodes are lost: they were in their memory; retained messages are on every node"
}

func (s Stack) onTwoDisks(l Loss) string {
	brokers := s.Serving().brokers().Copies
	inZone := 0
	for _, zone := range brokers {
		if zone == l.Which {
			inZone++
		}
	}
	switch {
	case l.Kind == Node || inZone < 2 && inZone < len(brokers):
		return "all stay: HiveMQ keeps a copy of each on another node"
	case inZone == len(brokers):
		return "all wait on the zone's disks until it is back"
	default:
		return "those of which both copies were in that zone wait on its disks until it is back"
	}
}

func (s Stack) onOneDisk(l Loss) string {
	if l.Kind == Zone && !slices.Contains(s.Serving().brokers().Copies, l.Which) {
		return "all stay: no node is in that zone"
	}
	return fmt.Sprintf("those of the %s's clients wait on its disk until it is back; subscriptions and retained "+
		"messages are on every node", l.Kind)
}

// notes tells what goes on, and not as well as before.
func (s Stack) notes(l Loss, o Outcome) []string {
	var notes []string
	serving := s.Serving()
	if serving == nil || !l.Targeted() {
		return nil
	}
	if brokers := serving.brokers(); l.Kind == Zone && brokers != nil && slices.Contains(brokers.Copies, Unknown) {
		notes = append(notes,
			"Azure does not say which zone an app with one replica is in: all nodes are taken to be in the one that is lost")
	}
	if l.Kind == Zone && (slices.Contains(serving.Outbound, l.Which) || slices.Contains(serving.Outbound, Unknown)) {
		notes = append(notes,
			"the NAT gateway is in one zone, which Azure picked: where it is the one that is lost, no new node, "+
				"image or token key is fetched")
	}
	if l.Kind == Place && l.Which == s.Regions[0].Location && s.replica() != nil {
		notes = append(notes, "users and rules can be read and not changed until a person promotes the replica")
	}
	if longest, _ := o.longest(); len(longest.Steps) > 0 {
		notes = append(notes,
			"a client that is connected finds out by its keepalive; then the database checks each "+
				"password in "+LoginTakes.String()+" of one of its cores")
	}
	return notes
}
