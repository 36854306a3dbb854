package rehearsal

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
)

const (
	parentZone = "dns.zone=dev.amora.example.com"
	newDomain  = "domain=broker.dev.amora.example.com"
)

// The records of clients before and after the rename, as their ids end.
var (
	oldNames = []string{"/a/mqtt", "/cname/ws.mqtt"}
	newNames = []string{"/a/broker", "/cname/ws.broker"}
)

func TestARenamedDomainIsServedBeforeTheOldNameGoes(t *testing.T) {
	names := replaced([]string{"endpoint-address", "endpoint-websocket"})
	door := []string{"front-door-domain", "front-door-validation"}
	manifests := []string{"hivemq-manifests", "hivemq-manifests-base", "hivemq-manifests-broker",
		"hivemq-manifests-collector", "hivemq-manifests-operator"}
	for broker, others := range map[string][]string{
		// The collector tells the name to the dashboard. The edge and VerneMQ's nodes hold their certificate against it.
		"emqx-container-apps": sorted(replaced(door),
			[]string{"~ emqx-collector", "~ emqx-edge", "~ front-door-route-firewall", "~ front-door-route-route"}),
		"hivemq-aks":  sorted(replaced(manifests), []string{"~ hivemq-configuration"}),
		"vernemq-vms": {"~ vernemq-settings"},
	} {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "dev", parentZone, "broker="+broker)
			s.must(Up)
			before := s.world()
			s.edits(parentZone, "broker="+broker, newDomain)
			s.must(Up)
			if got, want := s.touched(), sorted(names, others, []string{"~ certificate-script"}); !slices.Equal(got, want) {
				t.Errorf("the rename touches %v\nand should touch %v", got, want)
			}
			if broker == "emqx-container-apps" && !s.waitsFor("emqx-edge", "certificate-script") {
				t.Error("the edge starts anew without a certificate for its new name")
			}
			for _, record := range []string{"endpoint-address", "endpoint-websocket"} {
				if !s.waitsFor(record, "certificate-script") {
					t.Errorf("%s does not wait for the certificate", record)
				}
				created, deleted := s.at("RecordSet "+record+" created replacement"), s.at("RecordSet "+record+" deleting original")
				if certified := s.at("AzureCliScript certificate-script updated"); created < certified || deleted < created {
					t.Errorf("%s: certificate at line %d, new name at %d, old one gone at %d", record, certified, created, deleted)
				}
			}
			s.has(newNames...)
			s.hasNot(oldNames...)
			// The zone, the database, the vault and every machine, disk and app are the ones that were there.
			for _, r := range before {
				moves := slices.ContainsFunc([]string{"/a/", "/cname/", "/txt/", "/customdomains/",
					"/containers/manifests-"}, func(part string) bool {
					return strings.Contains(strings.ToLower(r.ID), part)
				})
				if !moves && !slices.Contains(s.worldIDs(), strings.ToLower(r.ID)) {
					t.Errorf("%s is gone", r.ID)
				}
			}
		})
	}
}

func TestAnOldNameThatTheStackForgetsOutlivesTheRename(t *testing.T) {
	for _, broker := range []string{"emqx-container-apps", "vernemq-vms"} {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "dev", parentZone, "broker="+broker)
			s.must(Up)
			s.forget("endpoint-websocket", "endpoint-address")
			s.edits(parentZone, "broker="+broker, newDomain)
			s.must(Up)
			s.has(slices.Concat(oldNames, newNames)...)
			was, is := s.outputs(oldNames[0])["aRecords"], s.outputs(newNames[0])["aRecords"]
			if !reflect.DeepEqual(was, is) {
				t.Errorf("the old name leads to %v, the new one to %v", was, is)
			}
			if again := s.must(Up); again.Calls != 0 {
				t.Errorf("the next run made %d calls", again.Calls)
			}
		})
	}
}

// replaced is how the replacement of resources is shown.
func replaced(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, "++ "+name, "+- "+name, "-- "+name)
	}
	return list
}

// forget takes resources out of the state, and leaves them in Azure, as `pulumi state delete` does.
func (s *stage) forget(names ...string) {
	s.t.Helper()
	file, err := engine.Open(filepath.Join(s.State, s.Stack, stateFile))
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	state := file.State()
	state.Resources = slices.DeleteFunc(slices.Clone(state.Resources), func(r apitype.ResourceV3) bool {
		return slices.Contains(names, r.URN.Name())
	})
	if err := file.Save(state); err != nil {
		s.t.Fatal(err)
	}
}

// outputs is what Azure says of the resource whose id ends so.
func (s *stage) outputs(suffix string) map[string]any {
	s.t.Helper()
	for _, r := range s.world() {
		if strings.HasSuffix(strings.ToLower(r.ID), suffix) {
			return r.Outputs
		}
	}
	s.t.Fatalf("Azure has no %s", suffix)
	return nil
}

func (s *stage) has(suffixes ...string) {
	s.t.Helper()
	for _, suffix := range suffixes {
		s.outputs(suffix)
	}
}

func (s *stage) hasNot(suffixes ...string) {
	s.t.Helper()
	for _, r := range s.world() {
		if slices.ContainsFunc(suffixes,
			func(suffix string) bool { return strings.HasSuffix(strings.ToLower(r.ID), suffix) }) {
			s.t.Errorf("%s is still there", r.ID)
		}
	}
}
