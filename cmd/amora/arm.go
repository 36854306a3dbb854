package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/arm"
	"github.com/amora-sync/mqtt-on-azure/internal/hidden"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// The files of an export.
const (
	templateFile   = "azuredeploy.json"
	parametersFile = "azuredeploy.parameters.json"
)

// exportTemplate makes the command that exports a stack as an ARM template.
func exportTemplate() *cobra.Command {
	o := &chosen{}
	var out string
	var check bool
	command := &cobra.Command{
		Use: "arm", Short: "Export a stack of EMQX as a template for Azure Resource Manager", Args: cobra.NoArgs,
		Long: `Export a stack of EMQX in one region as a template for Azure Resource Manager, with a file of its parameters. The same program
is run as for a deployment. What a template can't say is refused; docs/arm.md says what it leaves out.`,
		RunE: func(c *cobra.Command, _ []string) error {
			files, err := o.template()
			if err != nil {
				return err
			}
			root, err := repository()
			if err != nil {
				return err
			}
			folder := filepath.Join(root, "infrastructure")
			if out != "" {
				folder = out
			}
			if check {
				return sameFiles(folder, files)
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				if err := os.WriteFile(filepath.Join(folder, name), files[name], 0o644); err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), filepath.Join(folder, name))
			}
			return nil
		},
	}
	o.flags(command)
	command.Flags().StringVar(&out, "out", "", "folder for the files (default: infrastructure, in the repository)")
	command.Flags().BoolVar(&check, "check", false, "write nothing, and fail where the files there are others")
	return command
}

// template exports the chosen stack, as files by name.
func (o *chosen) template() (map[string][]byte, error) {
	raw, err := o.config()
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if strings.Contains(raw[key], hidden.Value) {
			return nil, fmt.Errorf("%s = (secret): a secret of the config can't be exported", key)
		}
	}
	config, err := stacks.Parse(o.stack, raw)
	if err != nil {
		return nil, err
	}
	if err := exportable(config); err != nil {
		return nil, err
	}
	s := arm.Stack{Name: config.Name, Location: config.Location, Config: raw, Program: stacks.Program}
	if config.DNS.Zone == config.Domain {
		s.Domain = config.Domain
	}
	t, err := arm.Export(s, o.stack)
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", o.stack, err)
	}
	files := map[string][]byte{}
	for name, document := range map[string]any{templateFile: t, parametersFile: t.ParameterFile()} {
		var data bytes.Buffer
		encoder := json.NewEncoder(&data)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(document); err != nil {
			return nil, err
		}
		files[name] = data.Bytes()
	}
	return files, nil
}

// exportable says all that keeps a config from being exported.
func exportable(c stacks.Config) error {
	var errs []error
	refuse := func(key, value, rule string) {
		errs = append(errs, fmt.Errorf("amora-sync:%s = %s: %s", key, value, rule))
	}
	if c.Broker != stacks.EMQXContainerApps {
		refuse("broker", c.Broker, "only "+stacks.EMQXContainerApps+" is exported")
	}
	if c.Availability.SecondaryLocation != "" {
		refuse("availability.secondaryLocation", c.Availability.SecondaryLocation,
			"a template deploys into one resource group, and a second region has its own")
	}
	if c.DNS.ResourceGroup != "" {
		refuse("dns.resourceGroup", c.DNS.ResourceGroup,
			"a template deploys into one resource group, and this zone is in another")
	}
	if c.TLS.Mode != stacks.TLSSelfSigned {
		refuse("tls.mode", c.TLS.Mode,
			"a template deploys into one resource group, and the certificate's vault is in another")
	}
	if c.EMQX.Licence != "" {
		refuse("emqx.licence", "(secret)", "a secret of the config can't be exported")
	}
	return errors.Join(errs...)
}

// sameFiles fails where a folder's files are not those of an export.
func sameFiles(folder string, files map[string][]byte) error {
	var others []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		there, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if !bytes.Equal(there, files[name]) {
			others = append(others, filepath.Join(folder, name))
		}
	}
	if len(others) > 0 {
		return fmt.Errorf("%s: not what the program exports; run `amora arm` and look at the difference",
			strings.Join(others, ", "))
	}
	return nil
}
