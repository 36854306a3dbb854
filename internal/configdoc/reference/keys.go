package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// Key is a key of the config: a leaf, which has a value, or an object, which has keys below it.
type Key struct {
	Path     string // such as capacity.minNodes
	kind     string // in words
	def      string // the default as the page shows it; "" of an object
	words    string // what it is
	Computed bool   // the default follows from something else, and def says from what
	secret   bool
	Object   bool
}

// smallest is the config that has what must be set, and nothing else.
var smallest = map[string]string{"amora-sync:location": "westeurope", "amora-sync:domain": "mqtt.example.com"}

// Keys lists every key of [stacks.Config], parents first, with the comments of its fields in the Go files of a folder.
func Keys(folder string) ([]Key, error) {
	comments, err := fieldComments(folder)
	if err != nil {
		return nil, err
	}
	config, err := stacks.Parse("dev", smallest)
	if err != nil {
		return nil, err
	}
	must, err := mustBeSet()
	if err != nil {
		return nil, err
	}
	var keys []Key
	var walk func(prefix string, value reflect.Value) error
	walk = func(prefix string, value reflect.Value) error {
		for i := range value.NumField() {
			field := value.Type().Field(i)
			k := Key{Path: prefix + field.Tag.Get("config"), Object: field.Type.Kind() == reflect.Struct}
			words, commented := comments[value.Type().Name()+"."+field.Name]
			if !commented {
				return fmt.Errorf("%s: the field %s.%s has no comment above it", folder, value.Type().Name(), field.Name)
			}
			words, computed, _ := strings.Cut(words, " Default: ")
			k.words, k.secret = words, field.Tag.Get("secret") == "true"
			if k.Object {
				k.kind = "object"
				keys = append(keys, k)
				if err := walk(k.Path+".", value.Field(i)); err != nil {
					return err
				}
				continue
			}
			k.kind = kindOf(field.Type)
			switch {
			case must[k.Path] != "":
				k.def = must[k.Path]
			case computed != "":
				k.def, k.Computed = strings.TrimSuffix(computed, "."), true
			default:
				k.def = shown(value.Field(i))
			}
			keys = append(keys, k)
		}
		return nil
	}
	return keys, walk("", reflect.ValueOf(config))
}

// fieldComments reads the comment above each field of the structs in a folder, on one line, by "Struct.Field".
func fieldComments(folder string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	comments := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.TypeSpec)
			if !ok {
				return true
			}
			structure, ok := spec.Type.(*ast.StructType)
			if !ok {
				return false
			}
			for _, field := range structure.Fields.List {
				for _, fieldName := range field.Names {
					if field.Doc != nil {
						comments[spec.Name.Name+"."+fieldName.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
					}
				}
			}
			return false
		})
	}
	return comments, nil
}

// mustBeSet finds the keys that an empty config is refused for, by asking with each broker.
func mustBeSet() (map[string]string, error) {
	brokers := []string{stacks.EMQXContainerApps, stacks.HiveMQAKS, stacks.VerneMQVMs}
	asked := map[string][]string{}
	for _, broker := range brokers {
		_, err := stacks.Parse("dev", map[string]string{"amora-sync:broker": broker})
		var faults stacks.Faults
		if !errors.As(err, &faults) {
			return nil, fmt.Errorf("an empty config for %s gives %v, not faults", broker, err)
		}
		for _, fault := range faults {
			if path := strings.TrimPrefix(fault.Key, "amora-sync:"); fault.Value == "(not set)" {
				asked[path] = append(asked[path], "`"+broker+"`")
			}
		}
	}
	must := map[string]string{}
	for path, by := range asked {
		must[path] = "must be set"
		if len(by) < len(brokers) {
			must[path] += " for " + strings.Join(by, " and ")
		}
	}
	return must, nil
}

func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice:
		return "list of " + kindOf(t.Elem()) + "s"
	case reflect.Map:
		return "object of " + kindOf(t.Elem()) + "s"
	default:
		return t.Kind().String()
	}
}

// shown is a value as YAML has it, in Markdown; "not set" for a text that is empty.
func shown(value reflect.Value) string {
	switch value.Kind() {
	case reflect.String:
		if value.Len() == 0 {
			return "not set"
		}
		return "`" + value.String() + "`"
	case reflect.Slice, reflect.Map:
		if value.Len() == 0 {
			return "none"
		}
	}
	text, err := json.Marshal(value.Interface())
	if err != nil {
		panic(err) // numbers, booleans and lists of them always marshal
	}
	return "`" + string(text) + "`"
}
