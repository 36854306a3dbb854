package assets

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// thatNight is two in the morning of a first of March.
var thatNight = time.Date(2028, 3, 1, 2, 0, 0, 0, time.UTC)

// plannedSnapshots runs the script that a night begins with in that night, and gives back the names in its two files.
func plannedSnapshots(t *testing.T, brokers, days int) (taken, expired []string) {
	t.Helper()
	work := t.TempDir()
	command := exec.Command("sh", "-c", SnapshotsScript)
	command.Env = append(os.Environ(), fmt.Sprintf("NOW=%d", thatNight.Unix()), "TZ=HST10", "WORK="+work,
		"NAMESPACE=hivemq", "CLASS=amora-backup", "CLAIM="+hiveMQClaim, fmt.Sprintf("BROKERS=%d", brokers),
		fmt.Sprintf("DAYS=%d", days))
	if said, err := command.CombinedOutput(); err != nil || len(said) > 0 {
		t.Fatalf("%v\n%s", err, said)
	}
	names := func(file string) []string {
		text, err := os.ReadFile(filepath.Join(work, file))
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, match := range regexp.MustCompile(`(?m)^  name: (.+)$`).FindAllStringSubmatch(string(text), -1) {
			found = append(found, match[1])
		}
		return found
	}
	return names("taken.yaml"), names("expired.yaml")
}

// snapshotOf is the name of a broker's snapshot, by its age in days.
func snapshotOf(broker, age int) string {
	return fmt.Sprintf("data-broker-%d-%s", broker, thatNight.AddDate(0, 0, -age).Format("20060102"))
}

func TestANightTakesOneSnapshotOfEachBrokersVolume(t *testing.T) {
	taken, _ := plannedSnapshots(t, 3, 7)
	if want := []string{snapshotOf(0, 0), snapshotOf(1, 0), snapshotOf(2, 0)}; !slices.Equal(taken, want) {
		t.Errorf("%v are taken, want %v", taken, want)
	}
}

func TestSnapshotsExpireAtTheirAgeAndNotBeforeOfBrokersThatAreGoneToo(t *testing.T) {
	for _, days := range []int{7, 35} {
		_, expired := plannedSnapshots(t, 1, days)
		for _, broker := range []int{0, 9} {
			for age, want := range map[int]bool{0: false, 1: false, days - 1: false, days: true, days + 30: true} {
				if got := slices.Contains(expired, snapshotOf(broker, age)); got != want {
					t.Errorf("kept for %d days, the snapshot of broker %d of %d days ago is expired: %v", days, broker, age, got)
				}
			}
		}
	}
}

func TestOldSnapshotsGoOnlyOnceNewOnesAreComplete(t *testing.T) {
	files, err := HiveMQSnapshots{Group: "amora-backup-abcd", Brokers: 3, RetentionDays: 14,
		ShellImage: "shell"}.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	text := files[HiveMQSnapshotsFolder+"/manifests.yaml"]
	last := 0
	for _, step := range []string{"initContainers:", "name: plan", "name: take", "/work/taken.yaml", "name: complete",
		"readyToUse", "containers:", "name: expire", "/work/expired.yaml"} {
		at := strings.Index(text[last:], step)
		if at < 0 {
			t.Fatalf("%q is missing, or too early, in\n%s", step, text)
		}
		last += at
	}
	for _, want := range []string{`resourceGroup: "amora-backup-abcd"`, `{name: BROKERS, value: "3"}`,
		`{name: DAYS, value: "14"}`, "deletionPolicy: Delete"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
