package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/esc"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/amora-sync/mqtt-on-azure/internal/hidden"
)

// blind is in the place of the stack's key, which the rehearsal has not.
type blind struct{}

func (blind) DecryptValue(context.Context, string) (string, error) { return hidden.Value, nil }

func (blind) BatchDecrypt(_ context.Context, ciphertexts []string) ([]string, error) {
	plain := make([]string, len(ciphertexts))
	for i := range plain {
		plain[i] = hidden.Value
	}
	return plain, nil
}

// ReadConfig reads a stack's config as `pulumi up` does, with the project's defaults, and with edits in the form
// KEY=VALUE. In the place of each secret is [hidden.Value].
func ReadConfig(root, file string, edits []string) (map[string]string, error) {
	read, err := load(root, file, edits)
	return read.values, err
}

// Unread says in sentences what of a stack's config is not known here, and what to do.
func Unread(root, file string, edits []string) ([]string, error) {
	read, err := load(root, file, edits)
	return read.unread, err
}

// maxConfig is some hundred times what a config needs, with certificates and licences. Of YAML that is much longer the
// reader compares each key with each other one, for minutes.
const maxConfig = 256 << 10

// settings are a project's name, and a stack's config as the program gets it.
type settings struct {
	project string
	values  map[string]string
	unread  []string // what is not known here
}

// load reads the config of a stack. The user's files are only read.
func load(root, file string, edits []string) (settings, error) {
	project, err := workspace.LoadProject(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		return settings{}, err
	}
	if found, err := os.Stat(file); err != nil {
		return settings{}, err
	} else if found.Size() > maxConfig {
		return settings{}, fmt.Errorf("%s has %d bytes: a stack's config has at most %d", file, found.Size(), maxConfig)
	}
	stack, err := workspace.LoadProjectStack(nil, project, file)
	if err != nil {
		return settings{}, err
	}
	if stack.Config == nil {
		stack.Config = config.Map{}
	}
	for _, edit := range edits {
		if err := set(stack.Config, string(project.Name), edit); err != nil {
			return settings{}, err
		}
	}
	if err := checkTypes(project, stack.Config); err != nil {
		return settings{}, err
	}
	read := settings{project: string(project.Name), values: map[string]string{}, unread: unread(file, stack)}
	// The program asks for what must be set, together with all else that is wrong, so that the engine's own check of
	// that is left out here.
	if err := workspace.ApplyProjectConfig(context.Background(), "", project, esc.Value{}, stack.Config,
		config.NopEncrypter, blind{}); err != nil {
		return settings{}, err
	}
	values, err := stack.Config.Decrypt(blind{})
	if err != nil {
		return settings{}, err
	}
	for key, value := range values {
		read.values[key.String()] = value
	}
	return read, nil
}

// checkTypes holds the config to the types that Pulumi.yaml gives, as the engine does before the program runs. Of a
// secret the engine sees the value, which is not known here.
func checkTypes(project *workspace.Project, values config.Map) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(project.Config)) {
		declared := project.Config[name]
		key := config.MustMakeKey(string(project.Name), name)
		if strings.Contains(name, ":") {
			var err error
			if key, err = config.ParseKey(name); err != nil {
				return err
			}
		}
		value, given := values[key]
		if !given || declared.Type == nil || value.Secure() && !value.Object() {
			continue
		}
		text, err := value.Value(blind{})
		if err != nil {
			return err
		}
		var content any = text
		if value.Object() {
			if err := json.Unmarshal([]byte(text), &content); err != nil {
				return err
			}
		}
		if !workspace.ValidateConfigValue(*declared.Type, declared.Items, content) {
			errs = append(errs, fmt.Errorf("%s must be of the type %s, which Pulumi.yaml gives it: `pulumi config set --path` "+
				"sets what is inside an object or a list", key, workspace.InferFullTypeName(*declared.Type, declared.Items)))
		}
	}
	return errors.Join(errs...)
}

// unread says which values come from elsewhere.
func unread(file string, stack *workspace.ProjectStack) []string {
	var said, secret []string
	for key, value := range stack.Config {
		if value.Secure() {
			secret = append(secret, key.String())
		}
	}
	if len(secret) > 0 {
		slices.Sort(secret)
		said = append(said, fmt.Sprintf("%s has secrets, in whose place are values that fit, since nobody has the key here; "+
			"--set KEY=VALUE gives others: %s", filepath.Base(file), strings.Join(secret, ", ")))
	}
	if from := stack.Environment; from != nil {
		name := strings.Join(from.Imports(), ", ")
		if name == "yaml" { // which is what Pulumi calls one that is no import
			name = "an environment written in it"
		}
		said = append(said, fmt.Sprintf("%s takes config from Pulumi ESC (%s), which only `pulumi` can read: what that sets "+
			"is missing here; `pulumi config --open` shows it, and --set KEY=VALUE gives it", filepath.Base(file), name))
	}
	return said
}

// set applies KEY=VALUE as `pulumi config set --path` does.
func set(values config.Map, namespace, edit string) error {
	name, value, found := strings.Cut(edit, "=")
	if !found || name == "" {
		return fmt.Errorf("--set %s: want key=value", edit)
	}
	if prefix, rest, other := strings.Cut(name, ":"); other {
		namespace, name = prefix, rest
	}
	key := config.MustMakeKey(namespace, name)
	if strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{") {
		if err := values.Set(key, config.NewObjectValue(value), false); err != nil || !strings.ContainsAny(name, ".[") {
			return err
		}
		delete(values, key) // a path: its value is kept as text, which the program reads as JSON
	}
	if err := values.Set(key, config.NewValue(value), true); err != nil {
		return fmt.Errorf("--set %s: %w", edit, err)
	}
	return nil
}
