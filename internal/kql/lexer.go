package kql

import (
	"strconv"
	"strings"
	"unicode"
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
	text     string // as written
	typ      Type   // of a literal
	value    any
	position int
	end      int
}

// punctuation, the longer before what it begins with.
var punctuation = []string{
	"!startswith_cs", "!endswith_cs", "!hasprefix_cs", "!hassuffix_cs", "!contains_cs", "!startswith", "!endswith", "!hasprefix", "!hassuffix",
	"!contains", "!between", "!has_cs", "!has", "!in~", "!in",
	"==", "!=", "=~", "!~", "~", "<=", ">=", "..", "|", "(", ")", "[", "]", "{", "}", ",", ";", "=", "<", ">", "+", "-", "*", "/", "%", ".", ":",
}

// rawLiterals are the types whose literals are written type(text).
var rawLiterals = map[string]Type{
	"bool": Bool, "int": Int, "long": Long, "real": Real, "double": Real, "datetime": DateTime, "timespan": TimeSpan, "time": TimeSpan,
}

type lexer struct {
	text   string
	at     int
	tokens []token
}

func lex(text string) []token {
	l := &lexer{text: text}
	for {
		l.skipSpace()
		start := l.at
		t := l.next()
		t.position, t.end = start, l.at
		l.tokens = append(l.tokens, t)
		if t.kind == endToken {
			return l.tokens
		}
	}
}

func (l *lexer) skipSpace() {
	for l.at < len(l.text) {
		if strings.HasPrefix(l.text[l.at:], "//") {
			if end := strings.IndexByte(l.text[l.at:], '\n'); end >= 0 {
				l.at += end
				continue
			}
			l.at = len(l.text)
			return
		}
		if !strings.ContainsRune(" \t\r\n", rune(l.text[l.at])) {
			return
		}
		l.at++
	}
}

func isNameByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (l *lexer) next() token {
	if l.at == len(l.text) {
		return token{kind: endToken, text: "the end of the query"}
	}
	rest := l.text[l.at:]
	c := rest[0]
	switch {
	case c >= '0' && c <= '9':
		return l.number()
	case c == '"' || c == '\'':
		return token{kind: literalToken, typ: String, value: l.quoted(false)}
	case c == '@' && len(rest) > 1 && (rest[1] == '"' || rest[1] == '\''):
		l.at++
		return token{kind: literalToken, typ: String, value: l.quoted(true)}
	case isNameByte(c):
		return l.name()
	}
	for _, p := range punctuation {
		if strings.HasPrefix(rest, p) {
			l.at += len(p)
			return token{kind: punctuationToken, text: p}
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	fail(l.at, "%q is not understood", r)
	return token{}
}

func (l *lexer) name() token {
	start := l.at
	for l.at < len(l.text) && isNameByte(l.text[l.at]) {
		l.at++
	}
	name := l.text[start:l.at]
	typ, raw := rawLiterals[name]
	if !raw || !strings.HasPrefix(l.text[l.at:], "(") {
		if name == "true" || name == "false" {
			return token{kind: literalToken, typ: Bool, value: name == "true", text: name}
		}
		return token{kind: nameToken, text: name}
	}
	end := strings.IndexByte(l.text[l.at:], ')')
	if end < 0 {
		fail(start, "%s( is not closed", name)
	}
	text := strings.TrimSpace(l.text[l.at+1 : l.at+end])
	l.at += end + 1
	if text == "null" {
		return token{kind: literalToken, typ: typ}
	}
	if n := len(text); n > 1 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		text = text[1 : n-1]
	}
	value := parseAs(typ, text)
	if value == nil {
		fail(start, "%q is no %s", text, typ)
	}
	return token{kind: literalToken, typ: typ, value: value}
}

func (l *lexer) number() token {
	start := l.at
	digits := func() {
		for l.at < len(l.text) && l.text[l.at] >= '0' && l.text[l.at] <= '9' {
			l.at++
		}
	}
	digits()
	isReal := false
	if rest := l.text[l.at:]; len(rest) > 1 && rest[0] == '.' && unicode.IsDigit(rune(rest[1])) {
		isReal = true
		l.at++
		digits()
	}
	text := l.text[start:l.at]
	unitStart := l.at
	for l.at < len(l.text) && isNameByte(l.text[l.at]) {
		l.at++
	}
	if unit := l.text[unitStart:l.at]; unit != "" {
		value := parseAs(TimeSpan, text+unit)
		if value == nil {
			fail(start, "%q is neither a number nor a timespan", text+unit)
		}
		return token{kind: literalToken, typ: TimeSpan, value: value}
	}
	if isReal {
		return token{kind: literalToken, typ: Real, value: parseAs(Real, text)}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		fail(start, "%s is beyond what a long holds", text)
	}
	return token{kind: literalToken, typ: Long, value: n}
}

var escapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '\\': "\\", '"': "\"", '\'': "'"}

// quoted reads a string. In a verbatim one a backslash is itself, and a doubled quote is one.
func (l *lexer) quoted(verbatim bool) string {
	start, quote := l.at, l.text[l.at]
	var b strings.Builder
	for l.at++; l.at < len(l.text); l.at++ {
		c := l.text[l.at]
		switch {
		case c == quote && verbatim && strings.HasPrefix(l.text[l.at+1:], string(quote)):
			l.at++
			b.WriteByte(quote)
		case c == quote:
			l.at++
			return b.String()
		case c == '\n':
			fail(start, "a string ends at the end of its line")
		case c == '\\' && !verbatim && l.at+1 < len(l.text):
			l.at++
			text, ok := escapes[l.text[l.at]]
			if !ok {
				fail(l.at-1, "\\%c is no escape", l.text[l.at])
			}
			b.WriteString(text)
		default:
			b.WriteByte(c)
		}
	}
	fail(start, "a string is not closed")
	return ""
}
