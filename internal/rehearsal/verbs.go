package rehearsal

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// Preview shows what Up would change.
func Preview(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "preview", func(s *session) (Result, error) {
		told := make(chan events.EngineEvent)
		taken := follow(told)
		preview, err := s.stack.Preview(ctx, optpreview.ProgressStreams(s.progress), optpreview.ErrorProgressStreams(s.Err),
			optpreview.Color(s.color()), optpreview.EventStreams(told))
		if err != nil {
			return Result{}, failed("preview", err)
		}
		changes := map[string]int{}
		for kind, count := range preview.ChangeSummary {
			changes[string(kind)] = count
		}
		return Result{Changes: changes, Steps: <-taken}, nil
	})
}

// Up deploys. After a failure, another Up goes on where this one stopped.
func Up(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "up", func(s *session) (Result, error) {
		up, err := s.up()
		if err != nil {
			return Result{}, err
		}
		deployment, err := s.deployment()
		if err != nil {
			return Result{}, err
		}
		path := criticalPath(deployment, standin.Latency)
		return Result{Changes: changes(up.Summary), Outputs: shownOutputs(up.Outputs), Critical: &path}, nil
	})
}

func (s *session) up() (auto.UpResult, error) {
	// The outputs are printed with the report.
	up, err := s.stack.Up(s.ctx, optup.ProgressStreams(s.progress), optup.ErrorProgressStreams(s.Err), optup.Color(s.color()), optup.SuppressOutputs())
	return up, failed("up", err)
}

// Refresh takes what Azure holds into the state.
func Refresh(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "refresh", func(s *session) (Result, error) {
		refresh, err := s.stack.Refresh(ctx, optrefresh.ProgressStreams(s.progress), optrefresh.ErrorProgressStreams(s.Err), optrefresh.Color(s.color()))
		return Result{Changes: changes(refresh.Summary)}, failed("refresh", err)
	})
}

// Drift shows how Azure differs from the state, and changes neither. It returns ErrDrift when it does.
func Drift(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "drift", func(s *session) (Result, error) {
		preview, err := s.stack.PreviewRefresh(ctx, optrefresh.ProgressStreams(s.progress), optrefresh.ErrorProgressStreams(s.Err),
			optrefresh.Color(s.color()), optrefresh.Diff())
		if err != nil {
			return Result{}, failed("drift", err)
		}
		result := Result{Changes: map[string]int{}}
		for kind, count := range preview.ChangeSummary {
			result.Changes[string(kind)] = count
			if kind != "same" && count > 0 {
				err = ErrDrift
			}
		}
		return result, err
	})
}

// Destroy deletes everything but what is protected, or, with Force, everything.
func Destroy(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "destroy", func(s *session) (Result, error) {
		before, err := s.deployment()
		if err != nil {
			return Result{}, err
		}
		if o.Force && len(before.Resources) > 0 {
			if err := s.pulumi("state", "unprotect", "--all", "--yes"); err != nil {
				return Result{}, err
			}
		}
		if err := s.pulumi("destroy", "--yes", "--skip-preview", "--exclude-protected"); err != nil {
			return Result{}, err
		}
		after, err := s.deployment()
		if err != nil {
			return Result{}, err
		}
		return Result{Changes: map[string]int{"delete": len(before.Resources) - len(after.Resources)}, Left: left(after)}, nil
	})
}

func changes(summary auto.UpdateSummary) map[string]int {
	if summary.ResourceChanges == nil {
		return map[string]int{}
	}
	return *summary.ResourceChanges
}

func shownOutputs(outputs auto.OutputMap) map[string]any {
	shown := map[string]any{}
	for name, output := range outputs {
		shown[name] = output.Value
		if output.Secret {
			shown[name] = secretShown
		}
	}
	return shown
}

// failed keeps of an engine's error what the reader has not seen yet: the progress was printed as it went.
func failed(verb string, err error) error {
	if err == nil {
		return nil
	}
	return &Failure{Verb: verb, cause: err}
}

// Failure is a run that the engine ended with an error.
type Failure struct {
	Verb  string
	cause error
}

// Error says what to do; the engine's own words were printed as they came.
func (f *Failure) Error() string {
	if f.Verb == "preview" || f.Verb == "drift" {
		return fmt.Sprintf("rehearsal: %s failed (see above)", f.Verb)
	}
	return fmt.Sprintf("rehearsal: %s failed (see above); what was done is kept, and the next run goes on from there", f.Verb)
}

// Unwrap gives the engine's error, with everything that it printed.
func (f *Failure) Unwrap() error { return f.cause }
