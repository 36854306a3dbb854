// Command picture draws the components of a stack as docs/architecture-*.svg, one picture for each broker and one for two regions, from what the
// program itself registers. It is run from the repository's root.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// picture is a stack that is drawn: one of the repository's, with edits.
type picture struct {
	name, title, stack string
	edits              []string
}

var pictures = []picture{
	{"emqx", "EMQX on Container Apps", "dev", nil},
	{"hivemq", "HiveMQ on AKS, with backups of its disks", "dev", []string{"broker=hivemq-aks", "availability.diskBackup=true"}},
	{"vernemq", "VerneMQ on VMs, with Bastion and backups of its disks", "dev",
		[]string{"broker=vernemq-vms", "vernemq.bastion=true", "availability.diskBackup=true"}},
	{"two-regions", "EMQX on Container Apps in two regions", "prod", []string{"availability.secondaryLocation=northeurope"}},
}

func main() {
	for _, p := range pictures {
		svg, err := p.svg(".")
		if err == nil {
			err = os.WriteFile(p.file("."), []byte(svg), 0o644)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.name, err)
			os.Exit(1)
		}
	}
}

func (p picture) file(root string) string {
	return filepath.Join(root, "docs", "architecture-"+p.name+".svg")
}

func (p picture) svg(root string) (string, error) {
	parts, err := partsOf(root, p.stack, p.edits...)
	if err != nil {
		return "", err
	}
	return place(parts).svg(fmt.Sprintf("%s (stack %s)", p.title, p.stack)), nil
}
