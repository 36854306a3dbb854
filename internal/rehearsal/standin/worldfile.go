package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A World's file is one worldState in JSON, and after it, on a line of its own, one for each change: with what is new,
// with null for a resource that went, and with "" for a name that is free again. To write all of it at each change
// would take a rehearsal longer than anything else.

// Open reads a World from its file; a file that is not there is an empty World. Every change is saved before it is
// answered: what is cut off at the file's end was not.
func Open(path string) (*World, error) {
	w := newWorld(path)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the rehearsal's world: %w", err)
	}
	defer file.Close()
	in := json.NewDecoder(file)
	if err := in.Decode(&w.state); err != nil {
		return nil, fmt.Errorf("read the rehearsal's world %s: %w", path, err)
	}
	for {
		var change worldState
		switch err := in.Decode(&change); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return w, nil
		case err != nil:
			return nil, fmt.Errorf("read the rehearsal's world %s: %w", path, err)
		}
		w.state.apply(change)
	}
}

func (s worldState) apply(change worldState) {
	for id, r := range change.Resources {
		if s.Resources[id] = r; r == nil {
			delete(s.Resources, id)
		}
	}
	for id, name := range change.SoftDeleted {
		if s.SoftDeleted[id] = name; name == "" {
			delete(s.SoftDeleted, id)
		}
	}
}

// since is what has to be applied to another state to make this one of it.
func (s worldState) since(before worldState) worldState {
	return worldState{changed(before.Resources, s.Resources), changed(before.SoftDeleted, s.SoftDeleted)}
}

func changed[V comparable](before, now map[string]V) map[string]V {
	var none V
	all := map[string]V{}
	for id := range before {
		if _, is := now[id]; !is {
			all[id] = none
		}
	}
	for id, value := range now {
		if was, is := before[id]; !is || was != value {
			all[id] = value
		}
	}
	return all
}

// commit makes a change and saves it, or undoes it when it can't be saved. The caller holds the lock.
func (w *World) commit(change func()) error {
	before := w.state.copy()
	change()
	if err := w.save(before); err != nil {
		w.state, w.whole = before, false
		return fmt.Errorf("save the rehearsal's world: %w", err)
	}
	return nil
}

// save writes what changed, or else, once after each Open and after a write that failed, all there is.
func (w *World) save(before worldState) error {
	if w.path == "" {
		return nil
	}
	if w.whole {
		line, err := json.Marshal(w.state.since(before))
		if err != nil {
			return err
		}
		file, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = file.Write(append(line, '\n'))
		return errors.Join(err, file.Close())
	}
	all, err := json.Marshal(w.state)
	if err != nil {
		return err
	}
	next := w.path + ".next"
	err = os.MkdirAll(filepath.Dir(w.path), 0o700)
	if err == nil {
		err = errors.Join(os.WriteFile(next, append(all, '\n'), 0o600), os.Rename(next, w.path))
	}
	w.whole = err == nil
	return err
}
