package rehearsal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// placeholder stands for every secret of the config: the rehearsal has no key to them. It is in base64, as some of them
// must be.
const placeholder = "cmVoZWFyc2FsIHNlY3JldA=="

type blind struct{}

func (blind) DecryptValue(context.Context, string) (string, error) { return placeholder, nil }

func (blind) BatchDecrypt(_ context.Context, ciphertexts []string) ([]string, error) {
	plain := make([]string, len(ciphertexts))
	for i := range plain {
		plain[i] = placeholder
	}
	return plain, nil
}

// ReadConfig reads a stack's config from its file, with edits in the form KEY=VALUE. In the place of each secret is a
// placeholder.
func ReadConfig(root, file string, edits []string) (map[string]string, error) {
	_, raw, err := load(root, file, edits)
	return raw, err
}

// maxConfig is some hundred times what a config needs, with certificates and licences. Of YAML that is much longer the
// reader compares each key with each other one, for minutes.
const maxConfig = 256 << 10

// load reads the project's name, and a stack's config as the program gets it. The user's files are only read.
func load(root, file string, edits []string) (string, map[string]string, error) {
	project, err := workspace.LoadProject(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		return "", nil, err
	}
	if found, err := os.Stat(file); err != nil {
		return "", nil, err
	} else if found.Size() > maxConfig {
		return "", nil, fmt.Errorf("%s has %d bytes: a stack's config has at most %d", file, found.Size(), maxConfig)
	}
	settings, err := workspace.LoadProjectStack(nil, project, file)
	if err != nil {
		return "", nil, err
	}
	for _, edit := range edits {
		if err := set(settings.Config, string(project.Name), edit); err != nil {
			return "", nil, err
		}
	}
	values, err := settings.Config.Decrypt(blind{})
	if err != nil {
		return "", nil, err
	}
	raw := map[string]string{}
	for key, value := range values {
		raw[key.String()] = value
	}
	return string(project.Name), raw, nil
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
