package stacks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/internal/hidden"
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

// without are the faults with no value of the keys that the config holds encrypted, each with all that is in it.
func (f Faults) without(secret []string) Faults {
	f = slices.Clone(f)
	for i, fault := range f {
		top, _, _ := strings.Cut(fault.Key, ".")
		if slices.Contains(secret, top) && fault.Value != "(not set)" {
			f[i].Value = "(secret)"
		}
	}
	return f
}

const namespace = "amora-sync:"

// Parse checks the raw config of a stack (key → value, objects and lists as JSON; keys of other namespaces are not
// looked at) and gives back the config with its defaults, or [Faults] with everything that is wrong. What is
// [hidden.Value] is taken as right: a value that fits stands in its place.
func Parse(stack string, raw map[string]string) (Config, error) {
	config := defaults()
	top := map[string]json.RawMessage{}
	for key, value := range raw {
		if name, ours := strings.CutPrefix(key, namespace); ours {
			top[name] = asJSON(value)
		}
	}
	var d decoder
	d.object("", top, reflect.ValueOf(&config).Elem())
	config.fit(d.hidden)
	config.fillDependentDefaults(stack)
	config.check(&d.faults)
	faults := slices.DeleteFunc(d.faults, func(f Fault) bool {
		return slices.Contains(d.hidden, strings.TrimPrefix(f.Key, namespace))
	})
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

// decoder fills a config from JSON.
type decoder struct {
	faults Faults
	hidden []string // keys whose values are not known here
}

// object fills the fields that are named in from. A key that no field has is a fault, with the nearest one that exists.
// Nothing of its value is shown: it may be a secret under a misspelt name.
func (d *decoder) object(path string, from map[string]json.RawMessage, to reflect.Value) {
	known, secrets := map[string]reflect.Value{}, map[string]bool{}
	for i := range to.NumField() {
		field := to.Type().Field(i)
		name := field.Tag.Get("config")
		known[name], secrets[name] = to.Field(i), holdsSecret(field)
	}
	for name, value := range from {
		key := path + name
		field, ok := known[name]
		if !ok {
			d.faults.add(key, "(not shown)", "no such key%s", suggestion(name, known))
			continue
		}
		shown := string(value)
		if secrets[name] {
			shown = "(not shown)"
		}
		d.value(key, value, field, shown)
	}
}

// holdsSecret says whether a field is a secret, or an object with one in it.
func holdsSecret(field reflect.StructField) bool {
	if field.Tag.Get("secret") != "" {
		return true
	}
	for i := 0; field.Type.Kind() == reflect.Struct && i < field.Type.NumField(); i++ {
		if holdsSecret(field.Type.Field(i)) {
			return true
		}
	}
	return false
}

// value fills a field, or adds a fault that shows the value as shown.
func (d *decoder) value(key string, raw json.RawMessage, to reflect.Value, shown string) {
	if isHidden(raw) {
		d.hidden = append(d.hidden, key)
		return
	}
	switch to.Kind() {
	case reflect.Struct:
		var object map[string]json.RawMessage
		if json.Unmarshal(unquoted(raw), &object) != nil || object == nil {
			d.faults.add(key, shown, "must be an object")
			return
		}
		d.object(key+".", object, to)
	case reflect.String:
		if text, ok := scalar(raw); ok {
			to.SetString(text)
			return
		}
		d.faults.add(key, shown, "must be a string")
	case reflect.Map:
		d.texts(key, raw, to, shown)
	case reflect.Slice:
		d.list(key, raw, to, shown)
	default:
		text, value := unquoted(raw), reflect.New(to.Type())
		if bytes.Equal(bytes.TrimSpace(text), []byte("null")) || json.Unmarshal(text, value.Interface()) != nil {
			d.faults.add(key, shown, "must be %s", kindName(to.Type()))
			return
		}
		to.Set(value.Elem())
	}
}

// list fills a list. Its elements may be in quotes, as ARM and Terraform write zones. A text that is not known is left
// out; with a number, the whole list is not known.
func (d *decoder) list(key string, raw json.RawMessage, to reflect.Value, shown string) {
	var elements []json.RawMessage
	text := unquoted(raw)
	good := json.Unmarshal(text, &elements) == nil && !bytes.Equal(bytes.TrimSpace(text), []byte("null"))
	list := reflect.MakeSlice(to.Type(), 0, len(elements))
	for _, raw := range elements {
		if isHidden(raw) {
			continue
		}
		var of decoder
		element := reflect.New(to.Type().Elem()).Elem()
		of.value(key, raw, element, shown)
		good = good && len(of.faults) == 0
		list = reflect.Append(list, element)
	}
	if !good {
		d.faults.add(key, shown, "must be %s", kindName(to.Type()))
		return
	}
	if list.Len() == 0 && len(elements) > 0 || list.Len() < len(elements) && to.Type().Elem().Kind() != reflect.String {
		d.hidden = append(d.hidden, key)
		return
	}
	to.Set(list)
}

// texts fills an object of texts. A number or a boolean is none: YAML has changed what was written, and Pulumi gives
// 815 for 0815, and 1.1 for 1.10.
func (d *decoder) texts(key string, raw json.RawMessage, to reflect.Value, shown string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(unquoted(raw), &object) != nil || object == nil {
		d.faults.add(key, shown, "must be an object of strings")
		return
	}
	to.Set(reflect.MakeMap(to.Type()))
	for name, value := range object {
		var text string
		switch {
		case isHidden(value):
			text = hiddenText
			d.hidden = append(d.hidden, key+"."+name)
		case json.Unmarshal(value, &text) != nil || bytes.Equal(value, []byte("null")):
			d.faults.add(key+"."+name, string(value),
				"must be a string, in quotes: without them YAML reads 0815 as 815, and yes as true")
		}
		to.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(text))
	}
}

func isHidden(raw json.RawMessage) bool {
	var text string
	return json.Unmarshal(raw, &text) == nil && text == hidden.Value
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

// suggestion names the known key that differs least, where one is near. A path that is one key was set without --path.
func suggestion(name string, known map[string]reflect.Value) string {
	if end := strings.IndexAny(name, ".["); end > 0 && known[name[:end]].IsValid() {
		return fmt.Sprintf("; it was set without --path: `pulumi config rm '%s'`, and `pulumi config set --path '%[1]s' "+
			"…` sets it inside %s", name, name[:end])
	}
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
