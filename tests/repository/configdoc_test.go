package repository

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/configdoc/reference"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// smallest is the config that has what must be set, and nothing else.
var smallest = map[string]string{"amora-sync:location": "westeurope", "amora-sync:domain": "mqtt.example.com"}

var rowRule = regexp.MustCompile("(?m)^\\| `([A-Za-z0-9.]+)` \\| ([^|]*) \\| ([^|]*) \\| (.*) \\|$")

// rows are the rows of docs/config.md as it is kept: key, type, default and description.
func rows(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, match := range rowRule.FindAllStringSubmatch(pages(t)["docs/config.md"], -1) {
		found[match[1]] = match[1:]
	}
	return found
}

// with is the smallest config with one more key, whose value is JSON.
func with(path, value string) map[string]string {
	raw := maps.Clone(smallest)
	top, rest, nested := strings.Cut(path, ".")
	if nested {
		parts := strings.Split(rest, ".")
		for _, part := range slices.Backward(parts) {
			value = fmt.Sprintf("{%q:%s}", part, value)
		}
	}
	raw["amora-sync:"+top] = value
	return raw
}

// ruleOf is what is wrong with a key of a config, "" for nothing.
func ruleOf(path string, raw map[string]string) string {
	_, err := stacks.Parse("dev", raw)
	var faults stacks.Faults
	errors.As(err, &faults)
	for _, fault := range faults {
		if fault.Key == "amora-sync:"+path {
			return fault.Rule
		}
	}
	return ""
}

func TestTheConfigReferenceAndTheSchemaAreWhatTheCommandWrites(t *testing.T) {
	files, err := reference.Files(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		kept, err := os.ReadFile(name)
		if err != nil || string(kept) != text {
			t.Errorf("%s is out of date (%v): make generate", name, err)
		}
	}
}

// By reflection alone, and not by the command's own list.
func TestTheConfigReferenceNamesEveryKeyOfTheConfig(t *testing.T) {
	documented, seen := rows(t), 0
	var walk func(prefix string, in reflect.Type)
	walk = func(prefix string, in reflect.Type) {
		for i := range in.NumField() {
			field := in.Field(i)
			path := prefix + field.Tag.Get("config")
			if field.Type.Kind() == reflect.Struct {
				walk(path+".", field.Type)
				continue
			}
			seen++
			if row := documented[path]; row == nil || len(row[3]) < 20 {
				t.Errorf("%s has no row that says what it is: %q", path, row)
			}
		}
	}
	walk("", reflect.TypeFor[stacks.Config]())
	if seen < 70 {
		t.Errorf("only %d keys were looked for", seen)
	}
}

func TestEveryKeyOfTheConfigReferenceIsOneThatTheProgramKnows(t *testing.T) {
	for path := range rows(t) {
		if rule := ruleOf(path, with(path, `"x"`)); strings.Contains(rule, "no such key") {
			t.Errorf("%s: %s", path, rule)
		}
	}
	if ruleOf("capacity.nodes", with("capacity.nodes", "3")) == "" {
		t.Error("a key that does not exist was not refused")
	}
}

func TestADefaultOfTheConfigReferenceChangesNothingWhereItIsSet(t *testing.T) {
	plain, err := stacks.Parse("dev", smallest)
	if err != nil {
		t.Fatal(err)
	}
	values := 0
	for path, row := range rows(t) {
		value, is := strings.CutPrefix(row[2], "`")
		if !is {
			continue
		}
		values++
		value = strings.TrimSuffix(value, "`")
		if row[1] == "string" {
			value = strconv.Quote(value)
		}
		if set, err := stacks.Parse("dev", with(path, value)); err != nil || !reflect.DeepEqual(set, plain) {
			t.Errorf("%s = %s makes another config: %v", path, value, err)
		}
	}
	if values < 30 {
		t.Errorf("only %d keys have a value as default", values)
	}
}

// A default in words is for what follows from something else. What is always the same stands in the code alone.
func TestOnlyADefaultThatFollowsFromSomethingElseIsInWords(t *testing.T) {
	keys, err := reference.Keys(filepath.Join(root, "stacks"))
	if err != nil {
		t.Fatal(err)
	}
	base := leaves(t, "dev", smallest)
	differ := map[string]bool{}
	for _, other := range []map[string]string{
		leaves(t, "other", smallest),
		leaves(t, "dev", map[string]string{"amora-sync:location": "westeurope", "amora-sync:domain": "mqtt.example.org"}),
		leaves(t, "dev", with("broker", stacks.HiveMQAKS)),
		leaves(t, "dev", with("capacity", `{"connections":15000}`)),
		leaves(t, "dev", with("redis.service", `"classic"`)),
		leaves(t, "dev", with("security.deployFrom", `["203.0.113.7"]`)),
	} {
		for path, value := range other {
			differ[path] = differ[path] || value != base[path]
		}
	}
	for _, set := range []string{"domain", "broker", "capacity.connections", "redis.service", "security.deployFrom"} {
		delete(differ, set)
	}
	for _, k := range keys {
		switch {
		case k.Object:
		case k.Computed && !differ[k.Path] && base[k.Path] != `""`:
			t.Errorf("the comment of %s has a default, which is always %s", k.Path, base[k.Path])
		case !k.Computed && differ[k.Path]:
			t.Errorf("the default of %s is not always %s, and its comment says nothing of it", k.Path, base[k.Path])
		}
	}
}

// leaves are the values of a parsed config as JSON, by key.
func leaves(t *testing.T, stack string, raw map[string]string) map[string]string {
	t.Helper()
	config, err := stacks.Parse(stack, raw)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(prefix string, value reflect.Value)
	walk = func(prefix string, value reflect.Value) {
		for i := range value.NumField() {
			path := prefix + value.Type().Field(i).Tag.Get("config")
			if value.Field(i).Kind() == reflect.Struct {
				walk(path+".", value.Field(i))
				continue
			}
			text, err := json.Marshal(value.Field(i).Interface())
			if err != nil {
				t.Fatal(err)
			}
			found[path] = string(text)
		}
	}
	walk("", reflect.ValueOf(config))
	return found
}

func TestOnlyLicencesAreMarkedAsSecretAndEachOfThemIs(t *testing.T) {
	for path, row := range rows(t) {
		licence := strings.HasSuffix(strings.ToLower(path), "licence")
		if marked := strings.HasPrefix(row[3], "**Secret.**"); marked != licence {
			t.Errorf("%s is marked as secret: %v", path, marked)
		}
		if licence {
			_, err := stacks.Parse("dev", with(path, `{"hush":1}`))
			if err == nil || strings.Contains(err.Error(), "hush") {
				t.Errorf("%s is shown in a fault: %v", path, err)
			}
		}
	}
}

var (
	rangeRule  = regexp.MustCompile(`\b(\d+) to (\d+)\b`)
	choiceRule = regexp.MustCompile(`^must be (?:one of )?([\w-]+(?:, [\w-]+)*(?: or [\w-]+)?)(?:[;:]|$)`)
)

func TestEachRangeInTheConfigReferenceIsTheOneThatTheProgramTakes(t *testing.T) {
	ranges := 0
	for path, row := range rows(t) {
		bounds := rangeRule.FindStringSubmatch(row[3])
		if row[1] != "whole number" || bounds == nil {
			continue
		}
		ranges++
		low, high := number(t, bounds[1]), number(t, bounds[2])
		for value, refused := range map[int]bool{low - 1: true, low: false, high: false, high + 1: true} {
			raw := with(path, strconv.Itoa(value))
			if rule := ruleOf(path, raw); (rule != "") != refused {
				t.Errorf("%s says %s, and of %d the program says %q", path, bounds[0], value, rule)
			}
		}
	}
	if ranges < 4 {
		t.Errorf("only %d ranges were found", ranges)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	value, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestEachChoiceThatTheProgramTakesIsInTheConfigReference(t *testing.T) {
	choices := 0
	for path, row := range rows(t) {
		value := map[string]string{"string": `"zzz"`, "list of strings": `["zzz"]`}[row[1]]
		if value == "" {
			continue
		}
		match := choiceRule.FindStringSubmatch(ruleOf(path, with(path, value)))
		if match == nil {
			continue
		}
		choices++
		for _, choice := range regexp.MustCompile(`, | or `).Split(match[1], -1) {
			if !regexp.MustCompile(`\b` + choice + `\b`).MatchString(row[3]) {
				t.Errorf("%s takes %s, which its description does not name: %s", path, choice, row[3])
			}
		}
	}
	if choices < 8 {
		t.Errorf("only %d keys with a choice were found", choices)
	}
}

func TestTheExampleInTheConfigReferenceHasNoFault(t *testing.T) {
	_, rest, _ := strings.Cut(pages(t)["docs/config.md"], "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("no example")
	}
	file := filepath.Join(t.TempDir(), "Pulumi.example.yaml")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	raw, err := rehearsal.ReadConfig(root, file, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := stacks.Parse("example", raw)
	if err != nil || config.Capacity.Connections == 0 || !config.Availability.DatabaseHA {
		t.Errorf("%+v, %v", config.Capacity, err)
	}
}
