package kql

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

type tokenKind int

const (
	endToken tokenKind = iota
	nameToken
	literalToken
	punctuationToken
)

type token struct {
	kind     tokenKind
	text     string // as written, of what is no literal
	typ      Type   // of a literal
	value    any
	position int
	end      int
}

var (
	spaces      = regexp.MustCompile(`^(\s|//[^\n]*)+`)
	numbers     = regexp.MustCompile(`^(\d+(?:\.\d+)?)(\w*)`)
	quotes      = regexp.MustCompile(`^(?:"([^"\n]*)"|'([^'\n]*)')`)
	words       = regexp.MustCompile(`^\w+`)
	typed       = regexp.MustCompile(`^(bool|int|long|real|datetime|timespan)\(([^)]*)\)`)
	punctuation = regexp.MustCompile(`^(!\w+|[=!]=|[=!]~|[<>]=|[|()\[\],;=<>+\-*/.:])`)
)

type lexer struct {
	text string
	at   int
}

func lex(text string) []token {
	l := &lexer{text: text}
	var all []token
	for {
		l.take(spaces)
		start := l.at
		t := l.next()
		t.position, t.end = start, l.at
		all = append(all, t)
		if t.kind == endToken {
			return all
		}
	}
}

// take reads what an expression matches here, and gives its groups, or nil.
func (l *lexer) take(expression *regexp.Regexp) []string {
	groups := expression.FindStringSubmatch(l.text[l.at:])
	if groups != nil {
		l.at += len(groups[0])
	}
	return groups
}

func (l *lexer) next() token {
	start := l.at
	if start == len(l.text) {
		return token{kind: endToken, text: "the end of the query"}
	}
	if groups := l.take(numbers); groups != nil {
		return number(start, groups[1], groups[2])
	}
	if groups := l.take(quotes); groups != nil {
		text := groups[1] + groups[2]
		if strings.Contains(text, `\`) {
			fail(start, `\ in a string is not supported`)
		}
		return token{kind: literalToken, typ: String, value: text}
	}
	if groups := l.take(typed); groups != nil {
		return literal(start, groups[1], strings.TrimSpace(groups[2]))
	}
	if groups := l.take(words); groups != nil {
		if word := groups[0]; word != "true" && word != "false" {
			return token{kind: nameToken, text: word}
		}
		return token{kind: literalToken, typ: Bool, value: groups[0] == "true"}
	}
	if groups := l.take(punctuation); groups != nil {
		return token{kind: punctuationToken, text: groups[0]}
	}
	r, _ := utf8.DecodeRuneInString(l.text[start:])
	if r == '"' || r == '\'' {
		fail(start, "a string is not closed")
	}
	fail(start, "%q is not understood", r)
	return token{}
}

const day = 24 * time.Hour

var units = map[string]time.Duration{"d": day, "h": time.Hour, "m": time.Minute, "s": time.Second,
	"ms": time.Millisecond}

// number reads a whole number, a real one, or, where it has a unit, a timespan.
func number(position int, digits, unit string) token {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil && unit == "" {
		return token{kind: literalToken, typ: Long, value: n}
	}
	f, _ := strconv.ParseFloat(digits, 64)
	if unit == "" {
		if !strings.Contains(digits, ".") {
			fail(position, "%s is beyond what a long holds", digits)
		}
		return token{kind: literalToken, typ: Real, value: f}
	}
	length, known := units[unit]
	if f *= float64(length); !known || f > math.MaxInt64 {
		fail(position, "%q is neither a number nor a timespan", digits+unit)
	}
	return token{kind: literalToken, typ: TimeSpan, value: time.Duration(math.Round(f)).Truncate(tick)}
}

var layouts = []string{"2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02"}

// literal reads what is written type(text): null, or a datetime.
func literal(position int, typeName, text string) token {
	typ, _ := typeByName(typeName)
	if text == "null" {
		return token{kind: literalToken, typ: typ}
	}
	if typ != DateTime {
		fail(position, "%s(%s) is not supported", typeName, text)
	}
	for _, layout := range layouts {
		if d, err := time.Parse(layout, text); err == nil {
			return token{kind: literalToken, typ: typ, value: d.Truncate(tick)}
		}
	}
	fail(position, "%q is no datetime", text)
	return token{}
}
