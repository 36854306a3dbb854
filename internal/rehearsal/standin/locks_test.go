package standin

import (
	"strings"
	"testing"
)

func lock(scope, level string) part {
	return part{"lock", "azure-native:authorization:ManagementLockByScope",
		m{"scope": scope, "lockName": "keep", "level": level}}
}

func TestALockKeepsWhatItIsAtAndAllAboveAndBelow(t *testing.T) {
	zone := inGroup + "Microsoft.Network/dnsZones/mqtt.example.com"
	for _, c := range []struct {
		sentence, scope string
		kept, free      []string
	}{
		{"a vault", vaultID, []string{"vault", "group", "vault logs", "secrets"}, []string{"people", "password"}},
		{"a secret keeps its vault", vaultID + "/secrets/password", []string{"vault", "group"},
			[]string{"secrets", "vault logs", "password"}},
		{"a script's certificate keeps its vault", vaultID + "/secrets/mqtt-tls", []string{"vault"}, []string{"password"}},
		{"the beginning of a zone keeps the zone and not its records", zone + "/SOA/@", []string{"public", "group"},
			[]string{"record"}},
		{"a zone keeps its records", zone, []string{"public", "record"}, []string{"people"}},
		{"a storage account keeps its containers and not its blobs", storageID,
			[]string{"storage", "container", "blob logs"}, []string{"blob"}},
	} {
		t.Run(strings.ReplaceAll(c.sentence, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r := rehearse(t, Faults{})
			made := r.upTo("")
			r.mustCreate(lock(c.scope, "CanNotDelete"))
			for _, name := range c.kept {
				if err := r.delete(made[name].ID); err == nil ||
					!strings.Contains(err.Error(),
						"cannot perform delete operation because following scope(s) are locked: '"+c.scope+"'") {
					t.Errorf("%s: got %v, want ScopeLocked", name, err)
				}
			}
			for _, name := range c.free {
				if err := r.delete(made[name].ID); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func TestALockIsTakenOffWhileAnotherIsThere(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("password")
	first := r.mustCreate(lock(vaultID, "CanNotDelete"))
	r.mustCreate(part{"group lock", "azure-native:authorization:ManagementLockAtResourceGroupLevel",
		at(m{"lockName": "keep", "level": "ReadOnly"})})
	if err := r.delete(first.ID); err != nil {
		t.Error(err)
	}
}

func TestALockForReadingRefusesChangesToo(t *testing.T) {
	r := rehearse(t, Faults{})
	id := r.upTo("")["vault"].ID
	before := planned(t, "vault")
	change := before.with("tags", m{"team": "amora"})
	taken := r.mustCreate(lock(vaultID, "CanNotDelete"))
	if _, err := r.update(id, before, change); err != nil {
		t.Errorf("a lock against deletions: %v", err)
	}
	if err := r.delete(taken.ID); err != nil {
		t.Fatal(err)
	}
	r.mustCreate(lock(vaultID, "ReadOnly"))
	for _, p := range []part{planned(t, "password").with("secretName", "other"),
		role("other", "script", secretsUser, vaultID)} {
		if _, err := r.create(p); err == nil || !strings.Contains(err.Error(), "cannot perform write operation") {
			t.Errorf("%s: got %v", p.name, err)
		}
	}
	if _, err := r.update(id, before, change); err == nil ||
		!strings.Contains(err.Error(), "cannot perform write operation") {
		t.Errorf("got %v", err)
	}
	if _, err := r.update(taken.ID, lock(vaultID, "ReadOnly"), lock(vaultID, "CanNotDelete")); err != nil {
		t.Errorf("the lock itself: %v", err)
	}
}

func TestALockAtWhatThereIsNotIsRefused(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("profile")
	zone := inGroup + "Microsoft.Network/dnsZones/mqtt.example.com"
	for _, scope := range []string{vaultID + "2", vaultID + "/secrets/other", zone + "/A/other", zone + "2/SOA/@"} {
		if _, err := r.create(lock(scope, "CanNotDelete")); err == nil || !strings.Contains(err.Error(), "ResourceNotFound") {
			t.Errorf("%s: got %v", scope, err)
		}
	}
	for _, scope := range []string{zone + "/NS/@", zone + "/A/broker", inGroup[:len(inGroup)-len("/providers/")]} {
		if _, err := r.create(lock(scope, "CanNotDelete")); err != nil {
			t.Errorf("%s: %v", scope, err)
		}
	}
	other := part{"other", "azure-native:authorization:ManagementLockAtResourceGroupLevel",
		m{"resourceGroupName": "rg-other", "lockName": "keep", "level": "ReadOnly"}}
	if _, err := r.create(other); err == nil || !strings.Contains(err.Error(), "ResourceGroupNotFound") {
		t.Errorf("got %v", err)
	}
	if _, err := r.create(lock(vaultID, "Delete")); err == nil ||
		!strings.Contains(err.Error(), "is not one of CanNotDelete, ReadOnly") {
		t.Errorf("got %v", err)
	}
}
