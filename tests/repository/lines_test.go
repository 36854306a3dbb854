package repository

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const lastColumn = 120

// quoted are the lines of a Go file that strings of several lines are on: their form is another's.
func quoted(source []byte) map[int]bool {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(source))
	s.Init(file, source, nil, 0)
	lines := map[int]bool{}
	for {
		at, kind, text := s.Scan()
		switch {
		case kind == token.EOF:
			return lines
		case kind == token.STRING && strings.Contains(text, "\n"):
			for n := range strings.Count(text, "\n") + 1 {
				lines[file.Line(at)+n] = true
			}
		}
	}
}

func TestLinesOfGoAndErlangAndOfScriptsThatBrokersRunEndByColumn120(t *testing.T) {
	looked := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		extension := filepath.Ext(path)
		run := strings.HasPrefix(path, "components/") && slices.Contains([]string{".sh", ".sql", ".lua"}, extension)
		if extension != ".go" && extension != ".escript" && !run {
			return nil
		}
		looked++
		source, err := os.ReadFile(filepath.Join(root, path))
		exempt := map[int]bool{}
		if extension == ".go" {
			exempt = quoted(source)
		}
		for i, line := range strings.Split(string(source), "\n") {
			if n := utf8.RuneCountInString(line); n > lastColumn && !exempt[i+1] {
				t.Errorf("%s:%d ends in column %d", path, i+1, n)
			}
		}
		return err
	})
	if err != nil || looked < 300 {
		t.Errorf("%d files were looked at: %v", looked, err)
	}
}
