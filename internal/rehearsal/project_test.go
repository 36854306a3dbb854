package rehearsal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/hidden"
)

// project writes a small project and reads its config with edits.
func project(t *testing.T, stack string, edits ...string) (map[string]string, error) {
	t.Helper()
	return projectOf(t, "", stack, edits...)
}

// projectOf has a schema and defaults of the config, too.
func projectOf(t *testing.T, schema, stack string, edits ...string) (map[string]string, error) {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{"Pulumi.yaml": "name: amora-sync\nruntime: go\n" + schema,
		"Pulumi.dev.yaml": stack} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config, err := ReadConfig(root, filepath.Join(root, "Pulumi.dev.yaml"), edits)
	if data, readErr := os.ReadFile(filepath.Join(root, "Pulumi.dev.yaml")); readErr != nil || string(data) != stack {
		t.Errorf("the user's file is %q: %v", data, readErr)
	}
	return config, err
}

func TestAnEditReachesTheConfigAndNotTheFile(t *testing.T) {
	for _, c := range []struct{ edit, key, want string }{
		{"capacity.minNodes=5", "amora-sync:capacity", `"minNodes":5`},
		{"protect=true", "amora-sync:protect", "true"},
		{"availability.zones=[1,2,3]", "amora-sync:availability", `[1,2,3]`},
		{`redis={"service":"classic"}`, "amora-sync:redis", `{"service":"classic"}`},
		{"azure-native:location=eastus", "azure-native:location", "eastus"},
	} {
		config, err := project(t, "config:\n  amora-sync:capacity:\n    minNodes: 2\n", c.edit)
		if err != nil || !strings.Contains(config[c.key], c.want) {
			t.Errorf("%s: %s is %q, %v", c.edit, c.key, config[c.key], err)
		}
	}
}

func TestAnEditWithoutAValueIsRefused(t *testing.T) {
	for _, edit := range []string{"capacity.minNodes", "=5"} {
		if _, err := project(t, "config: {}\n", edit); err == nil || !strings.Contains(err.Error(), "want key=value") {
			t.Errorf("%s: %v", edit, err)
		}
	}
}

func TestSecretsAreMarkedWhereverTheyAre(t *testing.T) {
	config, err := project(t, "encryptionsalt: v1:x\nconfig:\n  amora-sync:emqx:\n    image: i\n    licence:\n"+
		"      secure: v1:abc:def\n  amora-sync:hivemq:\n    secure: v1:abc:def\n"+
		"  amora-sync:monitoring:\n    alertEmails:\n      - secure: v1:abc:def\n")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"amora-sync:emqx": `{"image":"i","licence":"` + hidden.Value + `"}`, "amora-sync:hivemq": hidden.Value,
		"amora-sync:monitoring": `{"alertEmails":["` + hidden.Value + `"]}`,
	} {
		if config[key] != want {
			t.Errorf("%s is %s; want %s", key, config[key], want)
		}
	}
}

func TestDefaultsOfTheProjectAreReadAsPulumiReadsThem(t *testing.T) {
	const schema = "config:\n  amora-sync:location:\n    type: string\n    default: westeurope\n" +
		"  database:\n    type: object\n    default: {sku: Standard_D8ds_v5, storageGb: 256}\n" +
		"  azure-native:location:\n    value: northeurope\n  protect: true\n"
	for _, c := range []struct {
		stack string
		edits []string
		want  map[string]string
	}{
		{"config: {}\n", nil, map[string]string{"amora-sync:location": "westeurope", "azure-native:location": "northeurope",
			"amora-sync:database": `{"sku":"Standard_D8ds_v5","storageGb":256}`, "amora-sync:protect": "true"}},
		{"{}\n", nil, map[string]string{"amora-sync:location": "westeurope"}},
		{"config:\n  amora-sync:location: eastus\n  amora-sync:database:\n    sku: Standard_D2ds_v5\n", nil,
			map[string]string{"amora-sync:location": "eastus", "amora-sync:database": `{"sku":"Standard_D2ds_v5"}`}},
		{"config: {}\n", []string{"database.sku=Standard_D2ds_v5"},
			map[string]string{"amora-sync:database": `{"sku":"Standard_D2ds_v5"}`}},
	} {
		config, err := projectOf(t, schema, c.stack, c.edits...)
		for key, want := range c.want {
			if err != nil || config[key] != want {
				t.Errorf("%q with %v: %s is %s, not %s; %v", c.stack, c.edits, key, config[key], want, err)
			}
		}
	}
}

func TestATypeThatTheProjectGivesIsAskedFor(t *testing.T) {
	const schema = "config:\n  amora-sync:protect:\n    type: boolean\n    default: false\n" +
		"  amora-sync:tags:\n    type: object\n    default: {}\n"
	for _, stack := range []string{"  amora-sync:tags: a\n", "  amora-sync:protect: perhaps\n"} {
		_, err := projectOf(t, schema, "config:\n"+stack)
		if err == nil || !strings.Contains(err.Error(), "must be of the type") {
			t.Errorf("%s: %v", stack, err)
		}
	}
	const sealed = "encryptionsalt: v1:x\nconfig:\n  amora-sync:protect:\n    secure: v1:abc:def\n  amora-sync:tags:\n" +
		"    secure: v1:abc:def\n"
	if _, err := projectOf(t, schema, sealed); err != nil {
		t.Errorf("of secrets: %v", err)
	}
}

func TestWhatIsNotKnownHereIsSaid(t *testing.T) {
	for stack, want := range map[string]string{
		"environment:\n  - azure-dev\nconfig: {}\n":                              "takes config from Pulumi ESC (azure-dev)",
		"environment:\n  values:\n    pulumiConfig:\n      a:b: c\nconfig: {}\n": "(an environment written in it)",
		"config:\n  amora-sync:emqx:\n    licence:\n      secure: v1:a:b\n":      "nobody has the key here",
		"config:\n  amora-sync:location: eastus\n":                               "",
	} {
		root := t.TempDir()
		file := filepath.Join(root, "Pulumi.dev.yaml")
		for name, content := range map[string]string{"Pulumi.yaml": "name: amora-sync\nruntime: go\n",
			"Pulumi.dev.yaml": stack} {
			if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		said, err := Unread(root, file, nil)
		if text := strings.Join(said, "\n"); err != nil || !strings.Contains(text, want) || want == "" && text != "" {
			t.Errorf("%q: %s, %v", stack, text, err)
		}
	}
}

func TestAStackWithoutAFileIsNamed(t *testing.T) {
	s := newStage(t, "dev")
	s.Stack = "nowhere"
	if said := s.mustNot(Preview); !strings.Contains(said, `stack "nowhere"`) {
		t.Error(said)
	}
}

func TestAConfigOfHundredsOfThousandsOfTagsIsRefusedAtOnce(t *testing.T) {
	var config strings.Builder
	config.WriteString("config:\n  amora-sync:tags:\n")
	for i := range 200_000 {
		fmt.Fprintf(&config, "    tag%d: x\n", i)
	}
	begun := time.Now()
	_, err := project(t, config.String())
	const refusal = "Pulumi.dev.yaml has 3288917 bytes: a stack's config has at most 262144"
	if err == nil || !strings.Contains(err.Error(), refusal) {
		t.Errorf("it says %.200v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}
