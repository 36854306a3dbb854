package arm

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"
)

// A role has one password: were it another one's too, nodes would come with a password that the database does not know.
func TestATemplateThatIsDeployedAgainWithAnotherPasswordNamesAnotherRoleEverywhere(t *testing.T) {
	t.Parallel()
	made, state := exportedAndDeployed(t)
	role := regexp.MustCompile(`mqtt_broker_[0-9a-z]+`)
	roles := func(password string) []string {
		t.Helper()
		d := deploymentOf(made, state)
		d.parameters["databaseBrokerPassword"] = password
		var found []string
		for _, r := range made.Resources {
			properties, err := d.value(r.Properties)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(properties)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, role.FindAllString(string(text), -1)...)
		}
		return found
	}
	first, again, second := roles("the-first"), roles("the-first"), roles("the-second")
	if len(first) < 5 || !slices.Equal(first, again) || len(slices.Compact(slices.Clone(first))) != 1 ||
		len(slices.Compact(slices.Clone(second))) != 1 || first[0] == second[0] || len(first) != len(second) {
		t.Errorf("the roles are %q, again %q, and with another password %q", first, again, second)
	}
}
