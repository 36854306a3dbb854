package arm

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// longestExpression is Azure's limit, in characters.
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/best-practices#template-limits
const longestExpression = 24_576

// words are texts that stand for what is not known before a deployment, and the expressions that give it then. The
// program runs with the texts; where one of them turns up in what it asks for, the template gets the expression.
type words struct {
	mu          sync.Mutex
	expressions map[string]string // by text
}

// stand makes a text that stands for an expression, the same in each run. None is a part of what the program says by
// itself.
func (w *words) stand(expression string) string {
	text := fmt.Sprintf("zqx%xz", sha256.Sum256([]byte(expression)))[:16]
	w.put(text, expression)
	return text
}

// put has a text stand for an expression.
func (w *words) put(text, expression string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expressions[text] = expression
}

// piece is a part of a text: said by the program, or an expression.
type piece struct {
	text       string
	expression bool
}

// pieces takes a text apart. Where one word begins with another one, it is the longer.
func (w *words) pieces(text string) []piece {
	w.mu.Lock()
	expressions := maps.Clone(w.expressions)
	w.mu.Unlock()
	known := slices.SortedFunc(maps.Keys(expressions), func(a, b string) int { return len(b) - len(a) })
	var found []piece
	said := 0
	for at := 0; at < len(text); {
		word := slices.IndexFunc(known, func(word string) bool { return strings.HasPrefix(text[at:], word) })
		if word < 0 {
			at++
			continue
		}
		if said < at {
			found = append(found, piece{text: text[said:at]})
		}
		found = append(found, piece{expressions[known[word]], true})
		at += len(known[word])
		said = at
	}
	if said < len(text) || len(found) == 0 {
		found = append(found, piece{text: text[said:]})
	}
	return found
}

// expression gives a text as an argument of an expression.
func (w *words) expression(text string) string {
	pieces := w.pieces(text)
	if len(pieces) == 1 {
		if pieces[0].expression {
			return pieces[0].text
		}
		return quoted(text)
	}
	var form strings.Builder
	var arguments []string
	for _, p := range pieces {
		if !p.expression {
			form.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(p.text))
			continue
		}
		n := slices.Index(arguments, p.text)
		if n < 0 {
			n = len(arguments)
			arguments = append(arguments, p.text)
		}
		fmt.Fprintf(&form, "{%d}", n)
	}
	return "format(" + quoted(form.String()) + ", " + strings.Join(arguments, ", ") + ")"
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// value gives a text as a value of a template.
func (w *words) value(text string) (string, error) {
	pieces := w.pieces(text)
	if len(pieces) == 1 && !pieces[0].expression {
		if strings.HasPrefix(text, "[") {
			return "[" + text, nil // Azure takes what begins with one bracket for an expression
		}
		return text, nil
	}
	e := w.expression(text)
	if len(e) > longestExpression {
		return "", fmt.Errorf("an expression of %d characters, Azure takes %d: %.60s…", len(e), longestExpression, e)
	}
	return "[" + e + "]", nil
}
