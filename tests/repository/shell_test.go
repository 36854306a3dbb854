package repository

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// splitter takes a shell script apart into simple commands, those in $(…) too. It knows what the pages use of the
// shell: quotes, pipes, lists, comments, here-documents, and lines that go on. Three spaces end a command as a comment
// does: what follows says what the command is for.
type splitter struct {
	script string
	at     int
	line   int
	found  []command
}

func split(script string, first int) []command {
	s := &splitter{script: script, line: first}
	s.list(0)
	return s.found
}

var (
	assignRule   = regexp.MustCompile(`^\w+=("[^"]*"|'[^']*'|[^\s"'])*(\s+|$)`)
	hereRule     = regexp.MustCompile(`<<(\w+)`)
	synopsisRule = regexp.MustCompile(`^\{\w+(\|\w+)+\}`)
	optionRule   = regexp.MustCompile(`^\s*\[?--[a-z]`) // a line of a synopsis, which belongs to the command above it
	wordRule     = regexp.MustCompile(`^(?:do|then|else|if|while|!)\s+`)
	quoteRule    = regexp.MustCompile(`^(?:'[^']*'|\\.)`)
)

// list reads commands up to a closing bracket, or to the end where there is none.
func (s *splitter) list(closing byte) {
	var text strings.Builder
	begun := s.line
	end := func() {
		s.add(text.String(), begun)
		text.Reset()
	}
	for s.at < len(s.script) {
		rest := s.script[s.at:]
		blank := strings.TrimSpace(text.String()) == ""
		if blank {
			begun = s.line
		}
		switch {
		case rest[0] == closing:
			end()
			s.skip(1)
			return
		case strings.HasPrefix(rest, "\\\n"):
			s.skip(2 + len(rest[2:]) - len(strings.TrimLeft(rest[2:], " ")))
		case rest[0] == '\n':
			s.skip(1)
			s.skipHereDocument()
			next := s.script[s.at:]
			if !blank && optionRule.MatchString(next) {
				s.skip(len(next) - len(strings.TrimLeft(next, " ")))
				text.WriteByte(' ')
			} else {
				end()
			}
		case !blank && strings.HasPrefix(rest, "   "), rest[0] == '#' && (blank || s.script[s.at-1] == ' '):
			line, _, _ := strings.Cut(rest, "\n")
			s.skip(len(line))
		case strings.IndexByte("|;&", rest[0]) >= 0 && !strings.HasSuffix(text.String(), ">"):
			end()
			s.skip(1)
		default:
			s.piece(&text)
		}
	}
	end()
}

// piece copies a quoted text, a substitution, a choice of a synopsis or one byte. A substitution becomes one word, and
// its commands are found.
func (s *splitter) piece(text *strings.Builder) {
	rest := s.script[s.at:]
	switch whole := quoteRule.FindString(rest) + synopsisRule.FindString(rest); {
	case whole != "":
		text.WriteString(whole)
		s.skip(len(whole))
	case strings.HasPrefix(rest, "$("):
		s.skip(2)
		s.list(')')
		text.WriteString("$(…)")
	case rest[0] == '"':
		text.WriteByte('"')
		for s.skip(1); s.at < len(s.script) && s.script[s.at] != '"'; {
			if next := s.script[s.at]; next == '$' || next == '\\' {
				s.piece(text)
			} else {
				text.WriteByte(next)
				s.skip(1)
			}
		}
		text.WriteByte('"')
		s.skip(1)
	default:
		text.WriteByte(rest[0])
		s.skip(1)
	}
}

func (s *splitter) skip(n int) {
	n = min(n, len(s.script)-s.at)
	s.line += strings.Count(s.script[s.at:s.at+n], "\n")
	s.at += n
}

// skipHereDocument leaves out what the line that just ended reads from those below it.
func (s *splitter) skipHereDocument() {
	ended := s.script[:s.at-1]
	match := hereRule.FindStringSubmatch(ended[strings.LastIndex(ended, "\n")+1:])
	if match == nil {
		return
	}
	last := regexp.MustCompile(`(?m)^\s*` + match[1] + `$`).FindStringIndex(s.script[s.at:])
	if last != nil {
		s.skip(last[1])
	}
}

// add keeps a command, unless it only assigns.
func (s *splitter) add(text string, line int) {
	text = strings.TrimSpace(text)
	for _, rule := range []*regexp.Regexp{wordRule, assignRule} {
		for rule.MatchString(text) {
			text = text[len(rule.FindString(text)):]
		}
	}
	if text != "" {
		s.found = append(s.found, command{text: text, line: line})
	}
}

// words takes a command apart as a shell would, but for variables.
func words(text string) []string {
	var all []string
	var word strings.Builder
	quote, inWord := rune(0), false
	for _, char := range text {
		switch {
		case quote != 0 && char == quote:
			quote = 0
		case quote == 0 && (char == '"' || char == '\''):
			quote, inWord = char, true
		case quote == 0 && (char == ' ' || char == '\n'):
			if inWord {
				all = append(all, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(char)
			inWord = true
		}
	}
	if inWord {
		all = append(all, word.String())
	}
	return all
}

func TestAScriptIsTakenApartIntoItsCommands(t *testing.T) {
	script := strings.Join([]string{
		`A=1; B=$(one "$(two x)" | three)   # a comment`,
		`C="a b" four --path 'x; y' \`,
		`    "five | six"      what this is for; not a command`,
		`seven <<EOF && eight 2>&1 &`,
		`nine`,
		`EOF`,
		`ten {up|down} --stack NAME`,
		`    [--set K=V]…   an option | and what it is`,
		`for x in y; do`,
		`  eleven "a`,
		`  b"`,
		`done`,
	}, "\n")
	var got []string
	for _, c := range split(script, 1) {
		got = append(got, c.text)
	}
	want := []string{
		"two x", `one "$(…)"`, "three", `four --path 'x; y' "five | six"`, "seven <<EOF", "eight 2>&1",
		"ten {up|down} --stack NAME [--set K=V]…",
		"for x in y", "do", "eleven \"a\n  b\"", "done",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if last := split(script, 1)[len(want)-1]; last.line != 12 {
		t.Errorf("the last command is on line %d", last.line)
	}
	want = []string{"pulumi", "--path", "allowReplace[0]", "two words", ""}
	if got := words(`pulumi --path 'allowReplace[0]' "two words" ''`); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
