package rehearsal

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/amora-sync/mqtt-on-azure/internal/azurenative"
	"github.com/amora-sync/mqtt-on-azure/internal/costs"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// endpoints are the outputs that a deployment is for.
var endpoints = map[string]map[string]string{
	"dev": {"mqttEndpoint": "mqtts://mqtt.dev.amora.example.com:8883",
		"websocketEndpoint": "wss://ws.mqtt.dev.amora.example.com/mqtt"},
	"prod": {"mqttEndpoint": "mqtts://mqtt.amora.example.com:8883",
		"websocketEndpoint": "wss://ws.mqtt.amora.example.com/mqtt"},
}

func TestAStackComesUpOnceAndStaysAsItIs(t *testing.T) {
	for name := range deployments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, name)
			first := s.must(Up)
			for output, value := range endpoints[s.Stack] {
				if first.Outputs[output] != value {
					t.Errorf("%s is %v, want %s", output, first.Outputs[output], value)
				}
			}
			s.tellsItsForecast(first.Outputs)
			if !slices.Equal(s.azureIDs(), s.worldIDs()) {
				t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
			}
			second := s.must(Up)
			if second.Changes["same"] != first.Changes["create"] || len(second.Changes) != 1 || second.Calls != 0 {
				t.Errorf("the second run changed something: %v, %d calls", second.Changes, second.Calls)
			}
			if drift := s.must(Drift); drift.Calls != 0 {
				t.Errorf("looking for drift made %d calls", drift.Calls)
			}
		})
	}
}

// tellsItsForecast compares the outputs with what `amora plan` says of the same config.
func (s *stage) tellsItsForecast(outputs map[string]any) {
	s.t.Helper()
	config, err := ReadConfig(root, filepath.Join(root, "Pulumi."+s.Stack+".yaml"), s.Set)
	if err != nil {
		s.t.Fatal(err)
	}
	book, err := costs.Prices()
	if err != nil {
		s.t.Fatal(err)
	}
	forecast, err := stacks.Foretell(s.Stack, config, book)
	if err != nil {
		s.t.Fatal(err)
	}
	cost, _ := outputs["monthlyCost"].(map[string]any)
	capacity, _ := outputs["capacity"].(map[string]any)
	if cost["low"] != math.Round(forecast.Cost.Total.Low) || cost["high"] != math.Round(forecast.Cost.Total.High) ||
		cost["currency"] != "USD" {
		s.t.Errorf("monthlyCost is %v, and the forecast %+v", cost, forecast.Cost.Total)
	}
	if capacity["connections"] != float64(forecast.Whole) ||
		capacity["connectionsAfterLoss"] != forecast.Capacity.Connections.Typical ||
		capacity["binding"] != forecast.Capacity.Binding {
		s.t.Errorf("capacity is %v, and the forecast %+v", capacity, forecast.Capacity)
	}
}

func TestDestroyOfAnUnprotectedStackLeavesNothing(t *testing.T) {
	for _, name := range []string{"dev", "dev-hivemq", "dev-vernemq"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, name)
			gone := s.must(Destroy)
			if len(gone.Left) > 0 || len(s.worldIDs()) > 0 || len(s.state().Resources) > 0 {
				t.Errorf("left: %v in the result, %v in Azure, %d in the state", gone.Left, s.worldIDs(), len(s.state().Resources))
			}
			// The vault that was deleted keeps its name; another stack of the same config has another.
			s.must(Up)
		})
	}
}

func TestDestroyOfAProtectedStackLeavesWhatIsProtectedForAnotherUpUntilForced(t *testing.T) {
	for _, name := range []string{"prod", "prod-hivemq", "prod-vernemq"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leavesWhatIsProtected(t, deployedStage(t, name))
		})
	}
}

func leavesWhatIsProtected(t *testing.T, s *stage) {
	var protected []string
	for _, r := range s.state().Resources {
		if r.Protect {
			protected = append(protected, r.URN.Name())
		}
	}
	// They are not protected, so that they can rotate, but the server and the vault have them.
	protected = append(protected, "database-admin-password", "database-broker-password")
	kept := s.must(Destroy)
	var names []string
	for _, line := range kept.Left {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
		if !strings.Contains(s.said.String(), name) {
			t.Errorf("%s is left and not listed", name)
		}
	}
	slices.Sort(protected)
	slices.Sort(names)
	if len(protected) == 0 || !slices.Equal(names, protected) {
		t.Errorf("left: %v\nprotected: %v", names, protected)
	}
	for _, want := range []string{"database-server", "vault-vault", "zone-zone"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is gone", want)
		}
	}
	s.must(Up) // goes on with what was left
	s.Force = true
	s.must(Destroy)
	if len(s.worldIDs()) > 0 {
		t.Errorf("left in Azure after force: %v", s.worldIDs())
	}
}

func TestWhatIsChangedByHandIsFoundAndRepaired(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev")
	s.edit("/flexibleServers/"+lastSegment(s.idOf("database-server")), func(p map[string]any) {
		p["sku"] = map[string]any{"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"}
	})
	if _, err := Drift(t.Context(), s.Options); !errors.Is(err, ErrDrift) {
		t.Fatalf("the error is %v", err)
	}
	if !strings.Contains(s.said.String(), "Standard_D2ds_v5") {
		t.Errorf("the drift is not shown:\n%s", s.said)
	}
	s.must(Refresh)
	if repaired := s.must(Up); repaired.Changes["update"] != 1 || repaired.Changes["replace"] != 0 {
		t.Errorf("the repair changed %v", repaired.Changes)
	}
	s.must(Drift)
}

func (s *stage) idOf(name string) string {
	for _, r := range s.state().Resources {
		if r.URN.Name() == name {
			return string(r.ID)
		}
	}
	s.t.Fatalf("the state has no %s", name)
	return ""
}

func lastSegment(id string) string { return id[strings.LastIndex(id, "/")+1:] }

func TestAThrottledDeploymentSucceeds(t *testing.T) {
	t.Parallel()
	s := newStage(t, "dev")
	s.Faults.Throttle = 3
	s.must(Up)
}

func TestNoSecretIsInTheClearInTheStateOrInWhatIsPrinted(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev")
	s.Export = filepath.Join(s.State, "export.json")
	s.must(Preview)
	data, err := os.ReadFile(s.Export)
	if err != nil {
		t.Fatal(err)
	}
	var exported struct{ Deployment apitype.DeploymentV3 }
	if err := json.Unmarshal(data, &exported); err != nil {
		t.Fatal(err)
	}
	secrets := 0
	for _, r := range exported.Deployment.Resources {
		if azurenative.Kind(string(r.Type)) == "insights:Component" {
			for _, key := range []string{"connectionString", "instrumentationKey"} {
				if wrapped, isObject := r.Outputs[key].(map[string]any); !isObject || wrapped["ciphertext"] == nil {
					t.Errorf("%s of %s is in the clear", key, r.URN.Name())
				}
				secrets++
			}
		}
		for _, key := range []string{"administratorLoginPassword", "properties", "result"} {
			value, ok := r.Inputs[key]
			if key == "result" {
				value, ok = r.Outputs[key]
				ok = ok && strings.HasSuffix(string(r.Type), "RandomPassword")
			}
			if key == "properties" {
				object, isObject := value.(map[string]any)
				value, ok = object["value"], isObject && azurenative.Kind(string(r.Type)) == "keyvault:Secret"
			}
			if !ok {
				continue
			}
			secrets++
			wrapped, isObject := value.(map[string]any)
			if !isObject || wrapped["ciphertext"] == nil || wrapped["plaintext"] != nil {
				t.Errorf("%s of %s is in the clear", key, r.URN.Name())
			}
		}
	}
	if secrets < 8+2*2 {
		t.Errorf("only %d secrets were looked at", secrets)
	}
}

// azcheck holds a state against Azure's published types, "" where it is not at hand.
var azcheck = func() string {
	file, err := filepath.Abs(filepath.Join(root, "..", "shared", "azcheck", "azcheck"))
	if err == nil {
		_, err = os.Stat(file)
	}
	if err != nil {
		return ""
	}
	return file
}()

func TestTheStacksHoldAgainstAzuresPublishedTypes(t *testing.T) {
	if azcheck == "" {
		t.Skip("azcheck is not beside this repository: the resource types are not held against Azure's published ones")
	}
	for name := range deployments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, name)
			s.Export = filepath.Join(s.State, "export.json")
			s.must(Preview)
			holdsAgainstAzure(t, s.Export)
		})
	}
}

func TestForAProgramTheResultIsOneJSONDocumentAndProgressGoesElsewhere(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev")
	var progress strings.Builder
	s.JSON, s.Err = true, &progress
	s.must(Up)
	var result Result
	if err := json.Unmarshal([]byte(s.said.String()), &result); err != nil {
		t.Fatalf("%v in\n%s", err, s.said)
	}
	if result.Verb != "up" || result.Outputs["mqttEndpoint"] != endpoints["dev"]["mqttEndpoint"] ||
		result.Critical.Total == 0 {
		t.Errorf("the result is %+v", result)
	}
	if !strings.Contains(progress.String(), "Updating (dev)") {
		t.Errorf("the progress is\n%s", &progress)
	}
}

// Azure takes up to ten minutes to make a new role known. What does not wait for it by itself is refused, and made by a
// later run.
func TestADeploymentWhoseRolesTakeTheirTimeGoesOnWhenItIsRunAgain(t *testing.T) {
	for _, name := range []string{"dev", "dev-hivemq"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, name)
			s.Faults.SlowRoles = true
			refused := 0
			for refused < 4 {
				s.said.Reset()
				_, err := Up(t.Context(), s.Options)
				if err == nil {
					break
				}
				refused++
				if said := s.said.String(); !strings.Contains(said, "has none of the roles") &&
					!strings.Contains(said, "UNAUTHORIZED") && !strings.Contains(said, "MissingPermission") {
					t.Fatalf("%v\n%s", err, said)
				}
			}
			if refused == 0 || refused == 4 {
				t.Errorf("it was refused %d times", refused)
			}
			if !slices.Equal(s.azureIDs(), s.worldIDs()) {
				t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
			}
		})
	}
}
