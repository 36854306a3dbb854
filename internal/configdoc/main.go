// Command configdoc writes docs/config.md, docs/live-probes.md and the schema in Pulumi.yaml. It is run from the
// repository's root.
package main

import (
	"fmt"
	"os"

	"github.com/amora-sync/mqtt-on-azure/internal/configdoc/reference"
)

func main() {
	files, err := reference.Files(".")
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(name, []byte(text), 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
