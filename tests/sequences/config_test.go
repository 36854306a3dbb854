package sequences

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// settings is a stack config by its keys, with the values that differ between sequences.
type settings map[string]any

// begin is a config with a zone above the domain, so that the domain can change inside it, and a database that may have
// a standby.
func begin(broker string, monitored bool) settings {
	return settings{
		"broker": broker, "location": "westeurope", "domain": "mqtt.amora.example.com",
		"dns":               map[string]any{"zone": "amora.example.com"},
		"capacity.minNodes": 2, "capacity.maxNodes": 5, "availability.zones": []int{1, 2, 3},
		"availability.databaseHA":        false,
		"availability.secondaryLocation": "", "availability.active": stacks.ActivePrimary, "availability.diskBackup": false,
		"database.sku": "Standard_D2ds_v5", "database.storageGb": 64, "redis.service": "managed", "redis.sku": "Balanced_B0",
		"emqx.vcpu": 1, "security.ddos": "none", "security.privateLink": []string{},
		"security.deployFrom": []string{"203.0.113.0/28"},
		"monitoring.enabled":  monitored, "security.rotation": map[string]string{}, "protect": false,
		"tags": map[string]string{}, "allowReplace": []string{},
		"vernemq.sshKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8c5ny82bpSXRgwzdtPmIfm69UeXyqyrCS3FvnI+i56 " +
			"operator@example.com",
	}
}

// with is a copy with other values.
func (s settings) with(edits settings) settings {
	edited := maps.Clone(s)
	maps.Copy(edited, edits)
	return edited
}

// raw is the config as the engine gives it to the program.
func (s settings) raw() map[string]string {
	objects := map[string]map[string]any{}
	values := map[string]string{}
	for key, value := range s {
		if object, field, nested := strings.Cut(key, "."); nested {
			if objects[object] == nil {
				objects[object] = map[string]any{}
			}
			objects[object][field] = value
		} else if text, isText := value.(string); isText {
			values["amora-sync:"+key] = text
		} else {
			values["amora-sync:"+key] = asJSON(value)
		}
	}
	for object, fields := range objects {
		values["amora-sync:"+object] = asJSON(fields)
	}
	return values
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // settings are made of what marshals
	}
	return string(text)
}

// valid says whether the program takes the config at all.
func (s settings) valid() bool {
	_, err := stacks.Parse(stackName, s.raw())
	return err == nil
}

// edits are the values that each key may get, whatever it has. A group of keys changes together.
var edits = map[string][]settings{
	"broker":     values("broker", stacks.EMQXContainerApps, stacks.HiveMQAKS, stacks.VerneMQVMs),
	"minNodes":   values("capacity.minNodes", 2, 3, 4),
	"maxNodes":   values("capacity.maxNodes", 4, 5, 7),
	"databaseHA": values("availability.databaseHA", true, false),
	"database":   values("database.sku", "Standard_D2ds_v5", "Standard_D4ds_v5"),
	"storage":    values("database.storageGb", 64, 128, 256),
	"domain":     values("domain", "mqtt.amora.example.com", "iot.amora.example.com"),
	"tags": values("tags", map[string]string{}, map[string]string{"team": "one"},
		map[string]string{"team": "two", "cost": "5"}),
	"redis": {
		{"redis.service": "managed", "redis.sku": "Balanced_B0"}, {"redis.service": "managed", "redis.sku": "Balanced_B3"},
		{"redis.service": "classic", "redis.sku": "C1"},
	},
	"privateLink": values("security.privateLink", []string{}, []string{stacks.LinkRedis},
		[]string{stacks.LinkRedis, stacks.LinkStorage}),
	"monitoring": values("monitoring.enabled", true, false),
	"ddos":       values("security.ddos", stacks.DDoSNone, stacks.DDoSNetwork, stacks.DDoSIP),
	"protect":    values("protect", true, false),
	"secondary": {
		{"availability.secondaryLocation": "northeurope", "allowReplace": []string{}},
		{"availability.secondaryLocation": "", "allowReplace": []string{"secondary"}},
	},
	"active":     values("availability.active", stacks.ActivePrimary, stacks.ActiveSecondary),
	"diskBackup": values("availability.diskBackup", true, false),
	"rotation": values("security.rotation", map[string]string{}, map[string]string{"database": "2026-11"},
		map[string]string{"cookie": "2026-11"}),
}

// refused are the edits that only the loss of something stateful could give. The zone is one that no node is in alone
// now.
var refused = slices.Concat(values("location", "northeurope"), values("name", "other"),
	values("availability.zones", []int{3}),
	[]settings{
		{"domain": "mqtt.example.org", "dns": map[string]any{"zone": "example.org"}},
		{"availability.secondaryLocation": "", "allowReplace": []string{}},
	})

func values[T any](key string, all ...T) []settings {
	var list []settings
	for _, value := range all {
		list = append(list, settings{key: value})
	}
	return list
}

// drawEdit picks one of the edits that changes something.
func drawEdit(t *rapid.T, now settings) settings {
	key := rapid.SampledFrom(slices.Sorted(maps.Keys(edits))).Draw(t, "edit")
	others := slices.DeleteFunc(slices.Clone(edits[key]), func(edit settings) bool {
		return fmt.Sprint(now.with(edit)) == fmt.Sprint(now)
	})
	return rapid.SampledFrom(others).Draw(t, "to")
}
