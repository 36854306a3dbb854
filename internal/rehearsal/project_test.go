package rehearsal

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// project writes a small project and reads its config with edits.
func project(t *testing.T, stack string, edits ...string) (map[string]string, error) {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{"Pulumi.yaml": "name: amora-sync\nruntime: go\n",
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

func TestASecretOfTheUserIsReplacedByAPlaceholder(t *testing.T) {
	config, err := project(t, "encryptionsalt: v1:x\nconfig:\n  amora-sync:emqx:\n    image: i\n    licence:\n"+
		"      secure: v1:abc:def\n")
	if err != nil || !strings.Contains(config["amora-sync:emqx"], placeholder) {
		t.Errorf("emqx is %q, %v", config["amora-sync:emqx"], err)
	}
	if _, err := base64.StdEncoding.DecodeString(placeholder); err != nil {
		t.Errorf("a licence of HiveMQ must be base64, and the placeholder is not: %v", err)
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
