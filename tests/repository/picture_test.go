package repository

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/picture/drawing"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

func TestThePicturesOfTheArchitectureAreWhatTheCommandDraws(t *testing.T) {
	for _, p := range drawing.Pictures {
		config, err := rehearsal.ReadConfig(root, filepath.Join(root, "Pulumi."+p.Stack+".yaml"), p.Edits)
		if err != nil {
			t.Fatal(err)
		}
		svg, err := p.SVG(stacks.Program(config))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(p.File(root))
		if err != nil || string(kept) != svg {
			t.Errorf("%s is out of date (%v): make generate", p.File(""), err)
		}
	}
}
