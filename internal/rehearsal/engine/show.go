package engine

import (
	"fmt"
	"io"

	"github.com/pulumi/pulumi/pkg/v3/backend/display"
	"github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	_ "github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine/background" // before the display
)

// Show says where and how a run is shown, in the CLI's own words.
type Show struct {
	Out, Err io.Writer
	Color    bool
}

// how is what the CLI's display is told of a verb.
var how = map[Verb]struct {
	headline, op string
	kind         apitype.UpdateKind
	style        display.Type
}{
	Preview:        {"Previewing update", "preview", apitype.PreviewUpdate, display.DisplayProgress},
	Up:             {"Updating", "update", apitype.UpdateUpdate, display.DisplayProgress},
	Refresh:        {"Refreshing", "refresh", apitype.RefreshUpdate, display.DisplayProgress},
	PreviewRefresh: {"Previewing refresh", "refresh", apitype.RefreshUpdate, display.DisplayDiff},
	Destroy:        {"Destroying", "destroy", apitype.DestroyUpdate, display.DisplayProgress},
}

// follow takes the engine's events to who listens and to the display. Told is closed when all of them have arrived.
func (o Options) follow(verb Verb, stack Stack) (chan<- engine.Event, <-chan struct{}) {
	events, told := make(chan engine.Event), make(chan struct{})
	shown, drawn := o.Show.open(verb, stack)
	go func() {
		defer close(told)
		for event := range events {
			if o.Listen != nil {
				o.Listen(event)
			}
			if shown != nil {
				shown <- event
			}
		}
		if shown != nil {
			close(shown)
			<-drawn
		}
	}()
	return events, told
}

// open starts the display; what it gets is nil where nothing is shown.
func (s *Show) open(verb Verb, stack Stack) (chan<- engine.Event, <-chan bool) {
	if s == nil {
		return nil, nil
	}
	color := colors.Never
	if s.Color {
		color = colors.Always
	}
	h := how[verb]
	headline := fmt.Sprintf("%s%s (%s):%s\n", colors.SpecHeadline, h.headline, stack.Name, colors.Reset)
	fmt.Fprint(s.Out, color.Colorize(headline))
	events, done := make(chan engine.Event), make(chan bool)
	name, project := tokens.MustParseStackName(stack.Name), tokens.PackageName(stack.Project)
	go display.ShowEvents(h.op, h.kind, name, project, "", events, done, display.Options{
		Color: color, Type: h.style, Stdout: s.Out, Stderr: s.Err,
		SuppressOutputs: verb == Up, SuppressPermalink: true, SuppressProgress: true,
	}, verb.previews())
	return events, done
}
