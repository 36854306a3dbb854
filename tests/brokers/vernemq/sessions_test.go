package vernemq

import (
	"slices"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// TestNobodyTakesTheSessionOfAnotherUser has a user come with the client id of another one, whose session has a
// subscription and a message that waits.
func TestNobodyTakesTheSessionOfAnotherUser(t *testing.T) {
	s, all := cluster(t, 1)
	node := all[0].address
	own := device(node, "taken")
	own.keeps = 3600
	victim := s.mustConnect(own)
	parts.Must(t, victim.subscribe("devices/device/taken/#"))
	victim.leave()
	writer := s.mustConnect(device(node, "writer"))
	parts.Must(t, writer.publish("devices/device/taken/secret", "waits"))

	for _, id := range []string{own.id, "device", "device:", "device:taken:x", "taken", "all2", "all :x", ""} {
		for _, keeps := range []uint32{0, 3600} {
			if thief, err := s.connect(session{node: node, id: id, user: "all", password: "secret", keeps: keeps}); err == nil {
				t.Errorf("another user is let in as %q and gets %q", id, thief.messages())
				thief.leave()
			}
		}
		for _, url := range []string{mqttURL(node), webSocketURL(node)} {
			older, err := s.connect3(url, session{node: node, id: id, user: "all", password: "secret"})
			if err == nil {
				t.Errorf("%s: another user is let in as %q", url, id)
			}
			older.Disconnect(0)
		}
	}

	again := s.mustConnect(own)
	if !again.connack.SessionPresent {
		t.Error("the victim finds no session")
	}
	parts.Within(t, patience, "what waited comes", func() bool {
		return slices.Contains(again.messages(), "devices/device/taken/secret waits")
	})
}

// TestNobodyThrowsAnotherUserOff holds that a client stays connected while another user comes with its client id.
func TestNobodyThrowsAnotherUserOff(t *testing.T) {
	s, all := cluster(t, 1)
	victim := s.mustConnect(device(all[0].address, "stays"))
	parts.Must(t, victim.subscribe("devices/device/stays"))
	for range 20 {
		thief := session{node: all[0].address, id: "device:stays", user: "all", password: "secret"}
		if _, err := s.connect(thief); err == nil {
			t.Fatal("another user is let in")
		}
	}
	parts.Must(t, victim.publish("devices/device/stays", "here"))
	parts.Within(t, patience, "it is still there", func() bool { return len(victim.messages()) == 1 })
}

// TestAUserHasTheClientIDsThatItWasGivenBesides holds the column of the store.
func TestAUserHasTheClientIDsThatItWasGivenBesides(t *testing.T) {
	s, all := cluster(t, 1)
	give := func(ids string) { s.database.query("mqtt", "SELECT mqtt_give_client_ids('device', '"+ids+"')") }
	defer give("")
	for given, lets := range map[string]map[string]bool{
		"":       {"device": true, "device:x": true, "gateway-1": false},
		"old-id": {"device:x": true, "old-id": true, "old-id2": false, "old": false},
		"gw-*":   {"device": true, "gw-": true, "gw-7": true, "gw": false, "all": false},
		"*":      {"device": true, "anything": true, "all:x": true},
	} {
		give(given)
		for id, may := range lets {
			client, err := s.connect(session{node: all[0].address, id: id, user: "device", password: "secret"})
			if (err == nil) != may {
				t.Errorf("given %q, as %q: %v", given, id, err)
			}
			if err == nil {
				client.leave()
			}
		}
	}
}

// TestLoginsTellNothingAboutWhichUsersThereAre compares how long wrong passwords of known and unknown users take.
func TestLoginsTellNothingAboutWhichUsersThereAre(t *testing.T) {
	s, all := cluster(t, 1)
	s.database.query("mqtt", "SELECT mqtt_put_user('slow', crypt('secret', gen_salt('bf', 10)))")
	fastest := map[string]time.Duration{}
	for range 10 {
		for _, user := range []string{"slow", "nobody"} {
			begun := time.Now()
			if _, err := s.connect(session{node: all[0].address, id: user, user: user, password: "wrong"}); err == nil {
				t.Fatalf("%s is let in", user)
			}
			if took := time.Since(begun); fastest[user] == 0 || took < fastest[user] {
				fastest[user] = took
			}
		}
	}
	t.Log(fastest)
	if fastest["nobody"] < fastest["slow"]/2 {
		t.Errorf("an unknown user is refused sooner: %v", fastest)
	}
}
