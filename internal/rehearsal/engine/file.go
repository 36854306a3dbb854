package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// File keeps the state of a stack, such that it can be read after a kill at any moment: its first line is the state
// before a run, and each further one an entry of that run's journal. After the run it is written anew, under another
// name, and takes the old one's place.
type File struct {
	path  string
	lock  *flock.Flock
	lines *os.File // where a run is under way
	state State
	cut   bool
}

// ErrBusy is what Open returns while another process has the file.
var ErrBusy = errors.New("another run is under way on this stack")

// Lock is the suffix of the lock file beside a state file.
const Lock = ".lock"

// Open takes a state file for this process alone, until Close. A file that is not there is that of a stack that was
// never deployed.
func Open(path string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f := &File{path: path, lock: flock.New(path + Lock)}
	taken, err := f.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	if !taken {
		return nil, ErrBusy
	}
	if f.state, f.cut, err = read(path); err != nil {
		return nil, errors.Join(err, f.lock.Unlock())
	}
	return f, nil
}

// Read gives the state in a file, and leaves the file to whoever has it.
func Read(path string) (State, error) {
	state, _, err := read(path)
	return state, err
}

// read says whether the run that wrote the file last was cut off, too. Only its last line may have been cut off itself,
// and is left out then: the run was still writing it.
func read(path string) (state State, cut bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, err
	}
	lines := bytes.Split(data, []byte("\n")) // of which the last one is empty, or has no end
	if err := json.Unmarshal(lines[0], &state); err != nil {
		return State{}, false, fmt.Errorf("read the state %s, line 1: %w", path, err)
	}
	journal := make([]Entry, max(0, len(lines)-2))
	for i := range journal {
		if err := json.Unmarshal(lines[i+1], &journal[i]); err != nil {
			return State{}, false, fmt.Errorf("read the state %s, line %d: %w", path, i+2, err)
		}
	}
	if len(journal) == 0 {
		return state, false, nil
	}
	if state, err = Replay(state, journal); err != nil {
		err = fmt.Errorf("replay the state %s: %w", path, err)
	}
	return state, true, err
}

// State is what the file holds.
func (f *File) State() State { return f.state }

// Cut says whether the last run was killed. What it was in the middle of is among the state's pending operations.
func (f *File) Cut() bool { return f.cut }

// Begin makes the file ready for the journal of a run.
func (f *File) Begin() error {
	err := f.Save(f.state)
	if err == nil {
		f.lines, err = os.OpenFile(f.path, os.O_APPEND|os.O_WRONLY, 0)
	}
	return err
}

// Add writes an entry of the journal. When it returns, the entry outlives this process.
func (f *File) Add(e Entry) error {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = f.lines.Write(append(line, '\n'))
	}
	return err
}

// Save ends a run with the state that it came to.
func (f *File) Save(s State) error {
	if f.lines != nil {
		if err := f.lines.Close(); err != nil {
			return err
		}
		f.lines = nil
	}
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	next := f.path + ".next"
	if err := errors.Join(os.WriteFile(next, append(line, '\n'), 0o600), os.Rename(next, f.path)); err != nil {
		return err
	}
	f.state, f.cut = s, false
	return nil
}

// Export writes the state in the form that `pulumi stack export` has.
func (f *File) Export(path string) error {
	deployment, err := json.Marshal(f.state)
	if err != nil {
		return err
	}
	file := apitype.UntypedDeployment{Version: apitype.DeploymentSchemaVersionCurrent, Deployment: deployment}
	data, err := json.MarshalIndent(file, "", "    ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}

// Close gives the file to others.
func (f *File) Close() error {
	var err error
	if f.lines != nil {
		err = f.lines.Close()
	}
	return errors.Join(err, f.lock.Unlock())
}
