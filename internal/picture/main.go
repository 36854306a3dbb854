// Command picture draws the components of a stack as docs/architecture-*.svg, one picture for each broker and one for
// two regions, from what the program itself registers. It is run from the repository's root.
package main

import (
	"fmt"
	"os"

	"github.com/amora-sync/mqtt-on-azure/internal/picture/drawing"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

func main() {
	for _, p := range drawing.Pictures {
		if err := write(p); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
			os.Exit(1)
		}
	}
}

func write(p drawing.Picture) error {
	config, err := rehearsal.ReadConfig(".", "Pulumi."+p.Stack+".yaml", p.Edits)
	if err != nil {
		return err
	}
	svg, err := p.SVG(stacks.Program(config))
	if err != nil {
		return err
	}
	return os.WriteFile(p.File("."), []byte(svg), 0o644)
}
