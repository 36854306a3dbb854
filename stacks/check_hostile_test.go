package stacks

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// stringKeys are the paths of all strings, and lists of strings, below a struct of the config.
func stringKeys(path string, of reflect.Type) (all []string) {
	for i := range of.NumField() {
		field := of.Field(i)
		name := field.Tag.Get("config")
		if path != "" {
			name = path + "." + name
		}
		switch field.Type.Kind() {
		case reflect.Struct:
			all = append(all, stringKeys(name, field.Type)...)
		case reflect.String:
			all = append(all, name)
		case reflect.Slice:
			if field.Type.Elem().Kind() == reflect.String {
				all = append(all, name+"[]")
			}
		}
	}
	return all
}

// TestNoTextOfTheConfigMayHoldWhatABrokerAShellOrATemplateWouldTakeForItsOwn gives each key texts that would end a line
// or a string of what they are written into, or have something else put in their place.
func TestNoTextOfTheConfigMayHoldWhatABrokerAShellOrATemplateWouldTakeForItsOwn(t *testing.T) {
	keys := stringKeys("", reflect.TypeFor[Config]())
	if len(keys) < 40 {
		t.Fatalf("%d keys", len(keys))
	}
	// Written nowhere but into secrets, as they are.
	free := []string{"emqx.licence", "hivemq.licence"}
	ofBroker := map[string]string{"emqx": EMQXContainerApps, "hivemq": HiveMQAKS, "vernemq": VerneMQVMs}
	for _, broker := range brokers {
		for _, key := range keys {
			section, _, _ := strings.Cut(key, ".")
			if owner, others := ofBroker[section]; slices.Contains(free, key) || others && owner != broker {
				continue
			}
			for _, hostile := range []string{"a\nb", "${username}", `x"y`, "x'y", "$(id)", "`id`", "a b;c", "x\x00y", "<x>",
				"{{.}}", "%u\\"} {
				var value any = hostile
				path := strings.Split(key, ".")
				if last := len(path) - 1; strings.HasSuffix(path[last], "[]") {
					path[last], value = strings.TrimSuffix(path[last], "[]"), []string{hostile}
				}
				for _, name := range slices.Backward(path[1:]) {
					value = map[string]any{name: value}
				}
				if object, isObject := value.(map[string]any); isObject && section == "tls" && key != "tls.mode" {
					object["mode"] = TLSKeyVault // without it the mode is refused
				}
				text, isText := value.(string)
				if !isText {
					encoded, err := json.Marshal(value)
					if err != nil {
						t.Fatal(err)
					}
					text = string(encoded)
				}
				changes := map[string]string{"broker": broker, "hivemq": `{}`, "vernemq": `{"sshKey":"` + sshKey + `"}`,
					"availability": `{"secondaryLocation":"northeurope"}`}
				changes[path[0]] = text
				_, err := Parse("dev", valid(changes))
				if err == nil || !strings.Contains(err.Error(), namespace+strings.TrimSuffix(key, "[]")) {
					t.Errorf("%s: %s takes %q: %v", broker, key, hostile, shortened(err))
				}
			}
		}
	}
}

func shortened(err error) string { return fmt.Sprintf("%.300v", err) }
