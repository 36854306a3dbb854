package rehearsal

import (
	"slices"
	"strings"
	"testing"
)

// touched lists what an update would do or did, as "OPERATION NAME", without components and the stack itself.
func (s *stage) touched() []string {
	var list []string
	for line := range strings.SplitSeq(s.said.String(), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(fields[1], "azure-native:") ||
			!slices.Contains([]string{"+", "-", "~", "++", "--", "+-"}, fields[0]) {
			continue
		}
		list = append(list, fields[0]+" "+fields[2])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestMoreBrokersOnAKSChangeTheirPoolsAndNothingElse(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-hivemq")
	s.edits("capacity.minNodes=5")
	// The Flux configuration tells the cluster how many brokers to run on them.
	want := sorted(planned, []string{"~ hivemq-configuration", "~ hivemq-pool1", "~ hivemq-pool2"})
	s.must(Preview)
	if got := s.touched(); !slices.Equal(got, want) {
		t.Errorf("the preview shows %v, want %v", got, want)
	}
	if more := s.must(Up); more.Calls != len(want) || more.Changes["update"] != len(want)+1 { // and the component
		t.Errorf("two more brokers took %d calls: %v", more.Calls, more.Changes)
	}
	if said := s.said.String(); !strings.Contains(said, "minCount") {
		t.Errorf("no pool grew:\n%s", said)
	}
	s.edits()
	if fewer := s.must(Up); fewer.Calls != len(want) || fewer.Changes["update"] != len(want)+1 {
		t.Errorf("two brokers fewer took %d calls: %v", fewer.Calls, fewer.Changes)
	}
}

func TestALargerNodeOnAKSReplacesPoolsOnlyAndTheNewOneComesFirst(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-hivemq")
	cluster, database := s.idOf("hivemq-kubernetes"), s.idOf("database-server")
	s.edits("hivemq.vmSize=Standard_D8s_v5")
	s.must(Preview)
	// Larger nodes take more connections, which the alerts and the workbook go by.
	want := []string{"~ hivemq-configuration", "~ on-call-connections-full", "~ on-call-connections-high",
		"~ on-call-workbook"}
	for _, pool := range []string{"hivemq-pool1", "hivemq-pool2", "hivemq-pool3"} {
		want = append(want, "++ "+pool, "+- "+pool, "-- "+pool) // created, replaced, and only then deleted
	}
	slices.Sort(want)
	if got := s.touched(); !slices.Equal(got, want) {
		t.Errorf("the preview shows %v, want %v", got, want)
	}
	s.must(Up)
	if s.idOf("hivemq-kubernetes") != cluster || s.idOf("database-server") != database {
		t.Error("the cluster or the database is another one")
	}
	if id := s.idOf("hivemq-pool1"); !strings.HasSuffix(id, "/b1d8sv5") {
		t.Errorf("the pool is %s", id)
	}
}

func TestWithoutALicenceThePreviewAndTheOutputsSayWhatTheTrialHolds(t *testing.T) {
	t.Parallel()
	s := newStage(t, "dev-hivemq")
	s.must(Preview)
	if !strings.Contains(s.said.String(), "warning: HiveMQ runs without a licence: a trial that takes 25 connections") {
		t.Errorf("the preview says\n%s", s.said)
	}
	s = deployedStage(t, "dev-hivemq")
	if notice, _ := s.must(Up).Outputs["notice"].(string); !strings.Contains(notice, "25 connections") {
		t.Errorf("the notice is %q", notice)
	}
	s = deployedStage(t, "prod-hivemq")
	if up := s.must(Up); up.Outputs["notice"] != nil || strings.Contains(s.said.String(), "warning") {
		t.Errorf("with a licence: %v\n%s", up.Outputs["notice"], s.said)
	}
}

func TestAProtectedHiveMQWithoutALicenceIsRefusedUnlessItIsMeant(t *testing.T) {
	t.Parallel()
	s := newStage(t, "prod")
	s.edits("broker=hivemq-aks")
	if said := s.mustNot(Preview); !strings.Contains(said, "amora-sync:hivemq.licence = (not set)") {
		t.Errorf("it said\n%s", said)
	}
	s.edits("broker=hivemq-aks", "hivemq.trial=true")
	s.must(Preview)
}

func TestTheWorldKeepsTheManifestsThatFluxReadsAndNoSecretIsInThem(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-hivemq")
	files := 0
	for _, r := range s.world() {
		if !strings.HasSuffix(r.Type, ":Blob") {
			continue
		}
		files++
		content, _ := r.Inputs["source"].(string)
		if !strings.Contains(content, "apiVersion: ") {
			t.Errorf("%s holds %q", r.ID, content)
		}
		for _, secret := range []string{"dGhlLWxpY2VuY2U=", "dGhlLW90aGVyLWxpY2VuY2U=", "the-licence"} {
			if strings.Contains(content, secret) {
				t.Errorf("%s holds %s", r.ID, secret)
			}
		}
	}
	if files != 4 {
		t.Errorf("%d files", files)
	}
}
