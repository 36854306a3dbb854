package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/costs"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// ran is what a command prints.
func ran(t *testing.T, command *cobra.Command, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	command.SetOut(&out)
	command.SetErr(&out)
	command.SilenceUsage, command.SilenceErrors = true, true
	command.SetArgs(args)
	err := command.Execute()
	return out.String(), err
}

func must(t *testing.T, command *cobra.Command, args ...string) string {
	t.Helper()
	said, err := ran(t, command, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return said
}

func TestAPlanSaysWhatHoldsTheLoadAndWhatBindsIt(t *testing.T) {
	said := must(t, plan(), "--stack", "prod", "--set", "capacity.connections=4000")
	for _, want := range []string{
		"prod: EMQX on Container Apps in westeurope", "3 nodes of 2 vCPU, in zones 1, 2, 3",
		"Capacity of the 2 nodes that are left of 3",
		"connections                        4096", "3072 to 6144", "5.859     6 GiB", "2 %  (binding)", "a month  $",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the plan does not say %q:\n%s", want, said)
		}
	}
}

func TestALoadThatDoesNotFitIsRefusedAsTheProgramRefusesIt(t *testing.T) {
	_, err := ran(t, plan(), "--stack", "dev", "--set", "capacity.connections=50000", "--set", "capacity.minNodes=2")
	if err == nil || !strings.Contains(err.Error(), "amora-sync:capacity.connections = 50000: must be at most") {
		t.Error(err)
	}
}

func TestAPlanInJSONIsTheForecast(t *testing.T) {
	var back stacks.Forecast
	if err := json.Unmarshal([]byte(must(t, plan(), "--stack", "prod", "--json")), &back); err != nil {
		t.Fatal(err)
	}
	book, err := costs.Prices()
	if err != nil {
		t.Fatal(err)
	}
	want, err := (&chosen{stack: "prod"}).foretell(book)
	if err != nil || !reflect.DeepEqual(back, want) {
		t.Errorf("%+v came back as %+v, %v", want, back, err)
	}
}

func TestWhatWasMeasuredStandsBesideThePlanAndMakesOfItWhatItsKeysWould(t *testing.T) {
	forecast := func(sets ...string) stacks.Forecast {
		args := []string{"--stack", "prod", "--json"}
		for _, set := range sets {
			args = append(args, "--set", set)
		}
		var f stacks.Forecast
		if err := json.Unmarshal([]byte(must(t, plan(), args...)), &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	for broker, least := range map[string]int{stacks.EMQXContainerApps: 2, stacks.VerneMQVMs: 3} {
		asked := []string{
			"broker=" + broker, "capacity.minNodes=10", "capacity.maxNodes=10", "capacity.connections=12000",
			"capacity.messagesPerSecond=2000",
		}
		f := forecast(asked...)
		p, m := f.Planned, f.Measured
		own := forecast(append(asked, fmt.Sprintf("capacity.connectionKiB=%.0f", m.ConnectionKiB),
			fmt.Sprintf("capacity.messagesPerCore=%.0f", m.MessagesPerCore), fmt.Sprintf("capacity.minNodes=%d", m.Nodes))...)
		if p.ConnectionKiB != 1536 || p.MessagesPerCore != 3000 || p.Nodes != 10 || p.Cost != f.Cost.Total {
			t.Errorf("%s: planned with %+v", broker, p)
		}
		if own.Planned != m.Figures || own.Measured.Figures != m.Figures {
			t.Errorf("%s: measured %+v; with that as the team's own %+v", broker, m, own.Planned)
		}
		if m.Nodes != least || m.Cost.Low >= p.Cost.Low || m.Short != "" {
			t.Errorf("%s: planned with %+v, measured %+v", broker, p, m)
		}
	}
	if f := forecast("broker=hivemq-aks", "hivemq.trial=true"); f.Measured != nil {
		t.Errorf("HiveMQ was measured: %+v", f.Measured)
	}
	if f := forecast("capacity.minNodes=4"); f.Measured.Nodes != 4 {
		t.Errorf("without a load, what was measured changes the number of nodes to %d", f.Measured.Nodes)
	}
	said := must(t, plan(), "--stack", "prod")
	for _, want := range []string{"EMQX 5.8.9", "KiB of memory for a connection", "1536"} {
		if !strings.Contains(said, want) {
			t.Errorf("the plan does not say %q:\n%s", want, said)
		}
	}
}

func TestAMeasurementThatHoldsLessThanTheTeamsOwnFigureSaysSo(t *testing.T) {
	said := must(t, plan(), "--stack", "prod", "--set", "capacity.messagesPerCore=1000000",
		"--set", "capacity.messagesPerSecond=3000000")
	if !strings.Contains(said, "no number of nodes holds the load") || !strings.Contains(said, "short: cores") {
		t.Error(said)
	}
}

func TestACostListsEachPartAndWhatIsInNoSum(t *testing.T) {
	var e costs.Estimate
	if err := json.Unmarshal([]byte(must(t, cost(), "--stack", "prod", "--set", "broker=vernemq-vms", "--json")),
		&e); err != nil {
		t.Fatal(err)
	}
	nodes := slices.IndexFunc(e.Lines, func(l costs.Line) bool { return l.Name == "3 nodes: Standard_D4s_v3" })
	if nodes < 0 || e.Lines[nodes].Low <= 0 {
		t.Fatalf("the estimate has no price of the nodes: %+v", e.Lines)
	}
	said := must(t, cost(), "--stack", "prod", "--set", "broker=vernemq-vms")
	price := fmt.Sprintf("%.2f", e.Lines[nodes].Low)
	for _, want := range []string{"VerneMQ on VMs in westeurope", "3 nodes: Standard_D4s_v3", price, "hot standby",
		"traffic to the Internet", "List prices in USD"} {
		if !strings.Contains(said, want) {
			t.Errorf("the estimate does not say %q:\n%s", want, said)
		}
	}
	sum := costs.Sum{}
	for _, line := range e.Lines {
		sum.Low, sum.High = sum.Low+line.Low, sum.High+line.High
	}
	if sum != e.Total || e.Total.Low < 1000 {
		t.Errorf("the lines come to %+v, the total is %+v", sum, e.Total)
	}
}

func TestTheBrokersAreComparedWithTheRequirementsRanges(t *testing.T) {
	var options []option
	if err := json.Unmarshal([]byte(must(t, cost(), "--stack", "prod", "--compare", "broker", "--json")),
		&options); err != nil {
		t.Fatal(err)
	}
	if len(options) != 3 {
		t.Fatalf("%d options", len(options))
	}
	for _, o := range options {
		if o.Forecast == nil || len(o.Verdicts) != 3 {
			t.Fatalf("%s: %+v", o.Broker, o)
		}
		for _, v := range o.Verdicts {
			if is := o.Forecast.Cost.Groups[v.Group]; v.Is != is || v.Holds != (is.Low <= v.States.High) || v.Why == "" {
				t.Errorf("%s, %s: %+v", o.Broker, v.Group, v)
			}
		}
	}
	if options[1].Assumes != "hivemq.licence" || options[0].Assumes != "" {
		t.Errorf("assumed: %q and %q", options[0].Assumes, options[1].Assumes)
	}
	said := must(t, cost(), "--stack", "prod", "--compare", "broker", "--set", "capacity.connections=5000")
	for _, want := range []string{"can't be had with this config: amora-sync:capacity.connections = 5000",
		"the range does not hold: even at the least it is $", "assumes hivemq.licence"} {
		if !strings.Contains(said, want) {
			t.Errorf("the comparison does not say %q:\n%s", want, said)
		}
	}
	if _, err := ran(t, cost(), "--compare", "region"); err == nil || !strings.Contains(err.Error(), "must be broker") {
		t.Errorf("a comparison of regions: %v", err)
	}
}

func TestADifferenceShowsWhatAnEditCostsAndHolds(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	same := must(t, cost(), "--stack", "prod", "--against", filepath.Join(root, "Pulumi.prod.yaml"))
	if !strings.Contains(same, "Nothing that is priced changes.") || !strings.Contains(same, "| +0 to +0 |") {
		t.Errorf("the same config differs:\n%s", same)
	}
	more := must(t, cost(), "--stack", "prod", "--against", filepath.Join(root, "Pulumi.prod.yaml"), "--set",
		"capacity.minNodes=5")
	for _, want := range []string{"| connections after a loss | 4096 | 6144 | +2048 |", "| − 3 nodes: 2 vCPU, 4 GiB |",
		"| + 5 nodes: 2 vCPU, 4 GiB |"} {
		if !strings.Contains(more, want) {
			t.Errorf("the difference does not say %q:\n%s", want, more)
		}
	}
	broken := filepath.Join(t.TempDir(), "Pulumi.prod.yaml")
	if err := os.WriteFile(broken, []byte("config:\n  amora-sync:brocker: x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ran(t, cost(), "--stack", "prod", "--against", broken); err == nil ||
		!strings.Contains(err.Error(), broken) || !strings.Contains(err.Error(), "brocker") {
		t.Errorf("a broken config to compare with: %v", err)
	}
}

func TestAPriceThatTheListLacksIsNamedWhenPricesAreRenewed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if strings.Contains(in.URL.Query().Get("$filter"), "'NAT Gateway'") {
			fmt.Fprint(out, `{"Items":[{"currencyCode":"USD","retailPrice":0.05,"type":"Consumption",`+
				`"unitOfMeasure":"1 Hour"}]}`)
			return
		}
		fmt.Fprint(out, `{"Items":[]}`)
	}))
	t.Cleanup(server.Close)
	book, err := costs.Prices()
	if err != nil {
		t.Fatal(err)
	}
	o := &chosen{stack: "dev", set: []string{"broker=vernemq-vms"}}
	file := filepath.Join(t.TempDir(), "prices.json")
	_, notFound, err := o.refresh(t.Context(), costs.Source{URL: server.URL, Client: server.Client()}, file, book)
	if err != nil {
		t.Fatal(err)
	}
	if notFound == nil || !strings.Contains(notFound.Error(), "disk/P4 in westeurope") ||
		strings.Contains(notFound.Error(), "nat/gateway") {
		t.Errorf("it says %v", notFound)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if renewed, err := costs.ParseBook(data); err != nil || !slices.ContainsFunc(renewed.Prices, func(p costs.Price) bool {
		return p.Meter == "nat/gateway" && p.Region == costs.Global && p.USD == 0.05
	}) {
		t.Errorf("the book has not the price that was found: %v", err)
	}
}
