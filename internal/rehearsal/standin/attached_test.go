package standin

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// withOption is the platform's machine with a delete option for one of its attachments, "" for none.
func withOption(t *testing.T, attachment, option string) part {
	t.Helper()
	var value any
	if option != "" {
		value = option
	}
	machine := planned(t, "machine")
	storage := machine.inputs["storageProfile"].(m)
	interfaces := machine.inputs["networkProfile"].(m)["networkInterfaces"].(l)
	switch attachment {
	case "system":
		return machine.with("storageProfile.osDisk", with(storage["osDisk"].(m), "deleteOption", value))
	case "disk":
		return machine.with("storageProfile.dataDisks", l{with(storage["dataDisks"].(l)[0].(m), "deleteOption", value)})
	}
	return machine.with("networkProfile.networkInterfaces", l{with(interfaces[0].(m), "deleteOption", value)})
}

func TestWhatIsAttachedToAMachineGoesWithItOnlyWhenTheMachineSaysDelete(t *testing.T) {
	for attachment, id := range map[string]string{"disk": diskID, "interface": interfaceID} {
		for option, stays := range map[string]bool{"Delete": false, "Detach": true, "": true} {
			r := rehearse(t, Faults{})
			r.upTo("machine")
			machine := r.mustCreate(withOption(t, attachment, option))
			if err := r.delete(machine.ID); err != nil {
				t.Fatal(err)
			}
			if there := r.world.find(id) != nil; there != stays {
				t.Errorf("with %q, the %s is there: %v", option, attachment, there)
			}
			_, err := r.create(planned(t, "machine"))
			if (err == nil) != stays {
				t.Errorf("with %q for the %s, the machine comes back: %v", option, attachment, err)
			}
		}
	}
}

func TestTheSystemOfAMachineStaysBehindUnlessItGoesWithIt(t *testing.T) {
	for option, comesBack := range map[string]bool{"Delete": true, "Detach": false, "": false} {
		r := rehearse(t, Faults{})
		r.upTo("machine")
		machine := r.mustCreate(withOption(t, "system", option))
		if err := r.delete(machine.ID); err != nil {
			t.Fatal(err)
		}
		_, err := r.create(planned(t, "machine"))
		if (err == nil) != comesBack || err != nil && !strings.Contains(err.Error(), "Disk system already exists") {
			t.Errorf("with %q, the machine comes back: %v", option, err)
		}
	}
}

func TestADeleteOptionIsOneOfTwo(t *testing.T) {
	for _, attachment := range []string{"system", "disk", "interface"} {
		_, reasons := rehearse(t, Faults{}).check(withOption(t, attachment, "Keep"))
		if !strings.Contains(reasons, "'Keep' is not one of Delete, Detach") {
			t.Errorf("%s: %q", attachment, reasons)
		}
	}
}

func TestASecretIsDeletedAtItsVaultByThoseOnlyWhoHaveARoleThere(t *testing.T) {
	for definition, may := range map[string]bool{"": false, secretsUser: false, secretsOfficer: true} {
		r := rehearse(t, Faults{})
		made := r.upTo("reader")
		if err := r.delete(made["deployer"].ID); err != nil {
			t.Fatal(err)
		}
		if definition != "" {
			r.mustCreate(planned(t, "deployer").with("roleDefinitionId", definition))
		}
		err := r.delete(made["password"].ID)
		if (err == nil) != may || err != nil && !strings.Contains(err.Error(), "secrets/delete") {
			t.Errorf("with the role %q: %v", definition, err)
		}
	}
}

// seen is what a refresh takes into the state, and what the engine is told when it compares that with the program.
func (r *rehearsed) seen(p part, id resource.ID, ignore ...string) (inputs props, changed bool) {
	r.t.Helper()
	program, _ := r.check(p)
	read := r.read(id, p, program)
	diff, err := r.azure.Diff(r.t.Context(), plugin.DiffRequest{
		URN: urn(p.token, p.name), Type: tokens.Type(p.token), ID: id,
		OldInputs: read.Inputs, NewInputs: program, IgnoreChanges: ignore,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return plainMap(read.Inputs), diff.Changes == plugin.DiffSome
}

func TestAListThatAzureEchoesIsADifferenceUnlessTheProgramLeavesItToAzure(t *testing.T) {
	for _, c := range []struct {
		name, property string
		given          any // of the list; nil for the platform's own
		echoed         string
	}{
		{"aks", "agentPoolProfiles", nil, "b1"},
		{"network", "subnets", l{m{"name": "apps", "addressPrefix": "10.0.0.0/24"}}, "database"},
	} {
		r := rehearse(t, Faults{})
		id := r.upTo("")[c.name].ID
		p := planned(t, c.name)
		if c.given != nil {
			before := p
			p = p.with(c.property, c.given)
			if _, err := r.update(id, before, p); err != nil {
				t.Fatal(err)
			}
		}
		inputs, changed := r.seen(p, id)
		names := []string{}
		for _, element := range inputs.objects(c.property) {
			names = append(names, element.str("name"))
		}
		if !changed || !strings.Contains(strings.Join(names, " "), c.echoed) {
			t.Errorf("%s of %s after a refresh: %v, a difference: %v", c.property, c.name, names, changed)
		}
		if again, _ := r.seen(p, id); len(again.objects(c.property)) != len(names) {
			t.Errorf("%s of %s: a second look gives %v", c.property, c.name, again.objects(c.property))
		}
		if _, changed := r.seen(p, id, c.property); changed {
			t.Errorf("%s of %s is a difference though the program leaves it to Azure", c.property, c.name)
		}
	}
	// A list that the program never gave is none of its inputs, and what is in another network is none of this one's.
	r := rehearse(t, Faults{})
	id := r.upTo("")["network"].ID
	r.mustCreate(planned(t, "network").with("virtualNetworkName", "elsewhere"))
	r.mustCreate(planned(t, "apps").with("virtualNetworkName", "elsewhere").with("subnetName", "of-another"))
	if inputs, changed := r.seen(planned(t, "network"), id); changed || inputs.has("subnets") {
		t.Errorf("the network has the subnets %v", inputs["subnets"])
	}
	own := planned(t, "network").with("subnets", l{m{"name": "apps", "addressPrefix": "10.0.0.0/24"}})
	if _, err := r.update(id, planned(t, "network"), own); err != nil {
		t.Fatal(err)
	}
	inputs, _ := r.seen(own, id)
	for _, subnet := range inputs.objects("subnets") {
		if subnet.str("name") == "of-another" {
			t.Error("the network has a subnet of another one")
		}
	}
}

func TestWhatAzureDoesNotChangeInPlaceIsToldByType(t *testing.T) {
	refused := strings.Join(RefusedChanges("azure-native:compute/v20240701:VirtualMachine"), " ")
	for _, path := range []string{"osProfile.customData", "zones", "networkProfile", "storageProfile.imageReference"} {
		if !strings.Contains(refused, path) {
			t.Errorf("%s of a machine can be changed", path)
		}
	}
	if got := RefusedChanges("azure-native:network:Subnet"); got != nil {
		t.Errorf("of a subnet: %v", got)
	}
}
