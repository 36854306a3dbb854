package rehearsal

import (
	"context"
	"fmt"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// Preview shows what Up would change.
func Preview(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "preview", func(s *session) (Result, error) {
		var steps []Change
		outcome, err := s.engine(engine.Preview, engine.Options{Listen: collect(&steps)})
		return Result{Changes: outcome.Changes, Steps: steps}, failed("preview", err)
	})
}

// Up deploys. After a failure, another Up goes on where this one stopped.
func Up(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "up", func(s *session) (Result, error) {
		outcome, err := s.engine(engine.Up, engine.Options{})
		if err != nil {
			return Result{}, failed("up", err)
		}
		outputs, err := engine.Outputs(outcome.State)
		path := criticalPath(outcome.State, standin.Latency)
		return Result{Changes: outcome.Changes, Outputs: outputs, Critical: &path}, err
	})
}

// Refresh takes what Azure holds into the state.
func Refresh(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "refresh", func(s *session) (Result, error) {
		outcome, err := s.engine(engine.Refresh, engine.Options{})
		return Result{Changes: outcome.Changes}, failed("refresh", err)
	})
}

// Drift shows how Azure differs from the state, and changes neither. It returns ErrDrift when it does.
func Drift(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "drift", func(s *session) (Result, error) {
		outcome, err := s.engine(engine.PreviewRefresh, engine.Options{})
		if err != nil {
			return Result{}, failed("drift", err)
		}
		for kind, count := range outcome.Changes {
			if kind != "same" && count > 0 {
				err = ErrDrift
			}
		}
		return Result{Changes: outcome.Changes}, err
	})
}

// Destroy deletes everything but what is protected, or, with Force, everything.
func Destroy(ctx context.Context, o Options) (Result, error) {
	return run(ctx, o, "destroy", func(s *session) (Result, error) {
		before := s.state.State()
		if o.Force {
			if err := s.state.Save(engine.Unprotected(before)); err != nil {
				return Result{}, err
			}
		}
		outcome, err := s.engine(engine.Destroy, engine.Options{})
		if err != nil {
			return Result{}, failed("destroy", err)
		}
		gone := len(before.Resources) - len(outcome.State.Resources)
		return Result{Changes: map[string]int{"delete": gone}, Left: left(outcome.State)}, nil
	})
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
	return fmt.Sprintf("rehearsal: %s failed (see above); what was done is kept, and the next run goes on from there",
		f.Verb)
}

// Unwrap gives the engine's error, with everything that it printed.
func (f *Failure) Unwrap() error { return f.cause }
