package stacks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a config.
type Fault struct {
	Key   string // such as "amora-sync:capacity.minNodes"
	Value string // as it was given; "(secret)" for one, "(not set)" for none
	Rule  string // what would be right
}

// Faults is all that is wrong with a config, as one error.
type Faults []Fault

// Error lists every fault on a line of its own.
func (f Faults) Error() string {
	lines := make([]string, 0, len(f)+1)
	lines = append(lines, fmt.Sprintf("the stack config has %d fault(s):", len(f)))
	for _, fault := range f {
		lines = append(lines, fmt.Sprintf("  %s = %s: %s", fault.Key, fault.Value, fault.Rule))
	}
	return strings.Join(lines, "\n")
}

func (f *Faults) add(key, value, rule string, args ...any) {
	*f = append(*f, Fault{Key: namespace + key, Value: value, Rule: fmt.Sprintf(rule, args...)})
}

const namespace = "amora-sync:"

// Parse checks the raw config of a stack (key → value, objects and lists as JSON; keys of other namespaces are not
// looked at) and gives back the config with its defaults, or [Faults] with everything that is wrong.
func Parse(stack string, raw map[string]string) (Config, error) {
	config := defaults()
	var faults Faults
	top := map[string]json.RawMessage{}
	for key, value := range raw {
		if name, ours := strings.CutPrefix(key, namespace); ours {
			top[name] = asJSON(value)
		}
	}
	decodeStruct("", top, reflect.ValueOf(&config).Elem(), &faults)
	config.fillDependentDefaults(stack)
	config.check(&faults)
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b Fault) int { return strings.Compare(a.Key, b.Key) })
		return Config{}, faults
	}
	return config, nil
}

// asJSON reads a raw value: JSON where it is an object, list, number or boolean, and else the string it is.
func asJSON(value string) json.RawMessage {
	if json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		panic(err) // a Go string always marshals
	}
	return quoted
}

// decodeStruct fills the fields that are named in from. A key that no field has is a fault, with the nearest one that
// exists.
func decodeStruct(path string, from map[string]json.RawMessage, to reflect.Value, faults *Faults) {
	known := map[string]reflect.Value{}
	for i := range to.NumField() {
		known[to.Type().Field(i).Tag.Get("config")] = to.Field(i)
	}
	for name, value := range from {
		field, ok := known[name]
		if !ok {
			faults.add(path+name, shown(path+name, value), "no such key%s", suggestion(name, known))
			continue
		}
		decodeValue(path+name, value, field, faults)
	}
}

func decodeValue(key string, raw json.RawMessage, to reflect.Value, faults *Faults) {
	switch to.Kind() {
	case reflect.Struct:
		var object map[string]json.RawMessage
		if json.Unmarshal(unquoted(raw), &object) != nil || object == nil {
			faults.add(key, shown(key, raw), "must be an object")
			return
		}
		decodeStruct(key+".", object, to, faults)
	case reflect.String:
		if text, ok := scalar(raw); ok {
			to.SetString(text)
			return
		}
		faults.add(key, shown(key, raw), "must be a string")
	case reflect.Map:
		var object map[string]json.RawMessage
		if json.Unmarshal(unquoted(raw), &object) != nil || object == nil {
			faults.add(key, shown(key, raw), "must be an object of strings")
			return
		}
		to.Set(reflect.MakeMap(to.Type()))
		for name, value := range object {
			text := reflect.New(to.Type().Elem()).Elem()
			decodeValue(key+"."+name, value, text, faults)
			to.SetMapIndex(reflect.ValueOf(name), text)
		}
	default:
		text, value := unquoted(raw), reflect.New(to.Type())
		if bytes.Equal(bytes.TrimSpace(text), []byte("null")) || json.Unmarshal(text, value.Interface()) != nil {
			faults.add(key, shown(key, raw), "must be %s", kindName(to.Type()))
			return
		}
		to.Set(value.Elem())
	}
}

// unquoted lets "5", "true", "[1]" and "{}" pass for 5, true, [1] and {}: `pulumi config set` stores most values as
// strings.
func unquoted(raw json.RawMessage) []byte {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return raw
	}
	return []byte(text)
}

// scalar is the text of a string, and of what YAML and `pulumi config set --path` take for something else: a version
// such as 17, a name such as true, a tag such as 4711.
func scalar(raw json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil && !bytes.Equal(raw, []byte("null")) {
		return text, true
	}
	switch raw[0] {
	case '{', '[', 'n':
		return "", false
	}
	return string(raw), true
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	default:
		return "a list of " + map[reflect.Kind]string{reflect.Int: "whole numbers",
			reflect.String: "strings"}[t.Elem().Kind()]
	}
}

// shown is a value as a fault may show it. None under a broker's own key is: a licence may be there under a misspelt
// name.
func shown(key string, raw json.RawMessage) string {
	if top, _, _ := strings.Cut(key, "."); top == "emqx" || top == "hivemq" {
		return "(not shown)"
	}
	return string(raw)
}

// suggestion names the known key that differs least, where one is near.
func suggestion(name string, known map[string]reflect.Value) string {
	best, distance := "", 4
	for candidate := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance || d == distance &&
			candidate < best {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance is the Levenshtein distance of two short names.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
