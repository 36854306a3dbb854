package standin

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var lockKinds = []*kind{
	{
		token: "authorization:ManagementLockByScope", arm: lockType,
		path: []string{"scope", "lockName"}, scope: "scope", naming: lockNaming,
		identify: atScope(lockType, "scope", "lockName"),
		required: []string{"level"}, enums: lockLevels, latency: 5 * time.Second,
	},
	{
		token: "authorization:ManagementLockAtResourceGroupLevel", arm: lockType,
		path: []string{"resourceGroupName", "lockName"}, naming: lockNaming,
		identify: func(in props) string {
			if in.str("resourceGroupName") == "" || in.str("lockName") == "" {
				return ""
			}
			return groupID(in.str("resourceGroupName")) + "/providers/" + lockType + "/" + in.str("lockName")
		},
		required: []string{"level"}, enums: lockLevels, latency: 5 * time.Second,
		admit: func(w *World, r, _ *Resource) error {
			if group := groupOf(r.ID); !w.exists(group) {
				return refusal("ResourceGroupNotFound", "Resource group '%s' could not be found.", lastSegment(group))
			}
			return nil
		},
	},
}

const lockType = "Microsoft.Authorization/locks"

var (
	lockLevels = map[string][]string{"level": {"CanNotDelete", "ReadOnly"}}
	lockNaming = naming{pattern: regexp.MustCompile(`^[\w.()-]{0,89}[\w()-]$`),
		rule: "1 to 90 letters, digits, and _ . ( ) - without a period at the end"}
)

func isLock(r *Resource) bool { return isOfType(r.ID, lockType) }

// locks lists the scopes that are locked, at any of some levels.
func (w *World) locks(levels ...string) []string {
	var scopes []string
	for _, lock := range slices.Concat(w.each("authorization:ManagementLockByScope"),
		w.each("authorization:ManagementLockAtResourceGroupLevel")) {
		if containsFold(levels, lock.in().str("level")) {
			scopes = append(scopes, scopeOf(lock))
		}
	}
	return scopes
}

// locked refuses a deletion under a management lock, or with one inside. Locks themselves can always be taken off, and
// what is deleted past Azure Resource Manager is not seen by it.
func (w *World) locked(k *kind, r *Resource) error {
	if isLock(r) || k.dataPlane {
		return nil
	}
	for _, scope := range w.locks("CanNotDelete", "ReadOnly") {
		if within(r.ID, scope) || within(scope, r.ID) {
			return scopeLocked("delete", r.ID, scope)
		}
	}
	return nil
}

// readOnly refuses a change under a lock of this level.
func (w *World) readOnly(r *Resource) error {
	if isLock(r) {
		return nil
	}
	for _, scope := range w.locks("ReadOnly") {
		if within(r.ID, scope) {
			return scopeLocked("write", r.ID, scope)
		}
	}
	return nil
}

func scopeLocked(operation, id, scope string) error {
	return refusal("ScopeLocked",
		"The scope '%s' cannot perform %s operation because following scope(s) are locked: '%s'. "+
			"Please remove the lock and try again.", id, operation, scope)
}

// isOwnRecord knows the two record sets that a DNS zone has of itself.
func isOwnRecord(id string) bool {
	return strings.HasSuffix(fold(id), "/soa/@") || strings.HasSuffix(fold(id), "/ns/@")
}
