// Package drawing draws the components of a stack, from what the program registers for it.
package drawing

import (
	"fmt"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Picture is a stack that is drawn: one of the repository's, with edits of its config.
type Picture struct {
	Name, Title, Stack string
	Edits              []string
}

// Pictures are those of docs/architecture.md.
var Pictures = []Picture{
	{"emqx", "EMQX on Container Apps", "dev", nil},
	{"hivemq", "HiveMQ on AKS, with backups of its disks", "dev",
		[]string{"broker=hivemq-aks", "availability.diskBackup=true"}},
	{"vernemq", "VerneMQ on VMs, with Bastion and backups of its disks", "dev",
		[]string{"broker=vernemq-vms", "vernemq.bastion=true", "availability.diskBackup=true"}},
	{"two-regions", "EMQX on Container Apps in two regions", "prod",
		[]string{"availability.secondaryLocation=northeurope"}},
}

// File is where the picture is kept, in the repository in a folder.
func (p Picture) File(root string) string {
	return filepath.Join(root, "docs", "architecture-"+p.Name+".svg")
}

// SVG draws the picture of a program that has the stack's config.
func (p Picture) SVG(program pulumi.RunFunc) (string, error) {
	parts, err := partsOf(p.Stack, program)
	if err != nil {
		return "", err
	}
	return place(parts).svg(fmt.Sprintf("%s (stack %s)", p.Title, p.Stack)), nil
}
