package repository

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// command is one command of a page, without what is around it: a pipe's other commands, a comment, the assignment of
// its output.
type command struct {
	text   string
	file   string // from the repository's root
	line   int
	inline bool // in a sentence, where it may be a part of a command
}

// documented lists every command of the pages.
func documented(t *testing.T) []command {
	t.Helper()
	var all []command
	texts := pages(t)
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		for _, c := range commandsIn(texts[file]) {
			c.file = file
			all = append(all, c)
		}
	}
	return all
}

var (
	fenceRule = regexp.MustCompile("^\\s*```\\s*(\\w*)")
	codeRule  = regexp.MustCompile("^(?:    |\t)")
	// a name alone: make
	inlineRule = regexp.MustCompile("`(?:(?:make|pulumi|az|amora|\\.rehearsal/bin/amora)\\s[^`]*|make)`")
	dataRule   = regexp.MustCompile(`^(?:[\w:.-]+:(?: |\n|$)|[{\[])`) // YAML and JSON
	shellNames = []string{"", "sh", "bash", "shell", "console"}
)

// commandsIn finds the commands in the indented and fenced blocks of a page, and in its sentences.
func commandsIn(page string) []command {
	var found []command
	lines := strings.Split(page, "\n")
	sentences := make([]string, len(lines)) // what is in no block
	for i := 0; i < len(lines); i++ {
		start := i
		fence := fenceRule.FindStringSubmatch(lines[i])
		switch {
		case fence != nil:
			for i++; i < len(lines) && !fenceRule.MatchString(lines[i]); {
				i++
			}
			if slices.Contains(shellNames, fence[1]) {
				found = append(found, inBlock(lines[start+1:min(i, len(lines))], start+2)...)
			}
		case codeRule.MatchString(lines[i]) && (i == 0 || strings.TrimSpace(lines[i-1]) == ""):
			for i+1 < len(lines) && (codeRule.MatchString(lines[i+1]) || strings.TrimSpace(lines[i+1]) == "") {
				i++
			}
			found = append(found, inBlock(lines[start:i+1], start+1)...)
		default:
			sentences[i] = lines[i]
		}
	}
	text := strings.Join(sentences, "\n")
	for _, at := range inlineRule.FindAllStringIndex(text, -1) {
		code := strings.Join(strings.Fields(strings.Trim(text[at[0]:at[1]], "`")), " ")
		for _, c := range split(code, 1+strings.Count(text[:at[0]], "\n")) {
			c.inline = true
			found = append(found, c)
		}
	}
	return found
}

// inBlock finds the commands of a block, none in a drawing or in data.
func inBlock(lines []string, first int) []command {
	block := strings.Join(lines, "\n")
	if strings.ContainsAny(block, "│►◄└┘─▲▼") || dataRule.MatchString(strings.TrimSpace(block)) {
		return nil
	}
	return split(block, first)
}
