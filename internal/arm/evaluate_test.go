package arm

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
)

// deployment is a template's deployment as its expressions see it.
type deployment struct {
	subscription, tenant, group string
	parameters                  map[string]any
	variables                   map[string]any
	outputs                     map[string]map[string]any // of the resources that are there, by id in lower case
	named                       map[string]bool           // ids that expressions named, in lower case
}

// value evaluates every expression in a value.
func (d *deployment) value(v any) (any, error) {
	switch v := v.(type) {
	case string:
		switch {
		case strings.HasPrefix(v, "[["):
			return v[1:], nil
		case strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]"):
			return d.expression(v[1 : len(v)-1])
		}
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			name, err := d.value(key)
			if err != nil {
				return nil, err
			}
			if out[fmt.Sprint(name)], err = d.value(inner); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = d.value(v[i]); err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return out, nil
	}
	return v, nil
}

func (d *deployment) expression(text string) (any, error) {
	p := &parser{d: d, rest: text}
	v, err := p.parse()
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("%.80s: %w", text, err)
	}
	return v, nil
}

// parser reads an expression of ARM's language and gives its value: a text, a number, or a function with its arguments
// and properties.
type parser struct {
	d    *deployment
	rest string
}

func (p *parser) takes(prefix string) bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	rest, ok := strings.CutPrefix(p.rest, prefix)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *parser) parse() (any, error) {
	if p.takes("'") {
		var text strings.Builder
		for {
			before, after, ended := strings.Cut(p.rest, "'")
			if !ended {
				return nil, fmt.Errorf("a text does not end")
			}
			text.WriteString(before)
			if p.rest = after; !strings.HasPrefix(after, "'") {
				return text.String(), nil
			}
			text.WriteString("'")
			p.rest = after[1:]
		}
	}
	p.takes("")
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", r)
	})
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	if n, err := strconv.Atoi(word); err == nil {
		return n, nil
	}
	if !p.takes("(") {
		return nil, fmt.Errorf("%q is no function", word)
	}
	var arguments []any
	for !p.takes(")") {
		if len(arguments) > 0 && !p.takes(",") {
			return nil, fmt.Errorf("no comma at %.20q", p.rest)
		}
		argument, err := p.parse()
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, argument)
	}
	v, err := p.d.call(word, arguments)
	for err == nil && p.takes(".") {
		end := strings.IndexAny(p.rest+" ", ".,) ")
		object, ok := v.(map[string]any)
		name := p.rest[:end]
		if v, p.rest = object[name], p.rest[end:]; !ok || v == nil {
			err = fmt.Errorf("%s has no %s", word, name)
		}
	}
	return v, err
}

// call gives what a function gives.
func (d *deployment) call(name string, args []any) (any, error) {
	text := func(i int) string { return fmt.Sprint(args[i]) }
	switch name {
	case "parameters", "variables":
		v, ok := map[string]map[string]any{"parameters": d.parameters, "variables": d.variables}[name][text(0)]
		if !ok {
			return nil, fmt.Errorf("%s('%s') is not there", name, text(0))
		}
		return d.value(v)
	case "subscription":
		return map[string]any{"subscriptionId": d.subscription, "tenantId": d.tenant}, nil
	case "resourceGroup":
		return map[string]any{"id": "/subscriptions/" + d.subscription + "/resourceGroups/" + d.group, "name": d.group}, nil
	case "resourceId", "extensionResourceId":
		return d.id(name, args)
	case "reference", "listKeys":
		out := d.outputs[strings.ToLower(text(0))]
		if out == nil {
			return nil, fmt.Errorf("%s: %s is not there", name, text(0))
		}
		if name == "listKeys" {
			return map[string]any{"primaryKey": unknown}, nil
		}
		return out, nil
	case "format":
		return formatted(text(0), args[1:]), nil
	case "replace":
		return strings.ReplaceAll(text(0), text(1), text(2)), nil
	case "startsWith":
		return strings.HasPrefix(text(0), text(1)), nil
	case "if":
		return map[bool]any{true: args[1], false: args[2]}[args[0] == true], nil
	case "guid":
		return text(len(args) - 1), nil // the program's own name of what gets it, instead
	case "uniqueString": // another one for another text, of 13 letters and digits
		return fmt.Sprintf("%x", sha256.Sum256([]byte(text(0))))[:13], nil
	case "take":
		return text(0)[:args[1].(int)], nil
	}
	return nil, fmt.Errorf("no function %s", name)
}

// id puts an id together, and holds that something of the deployment has it.
func (d *deployment) id(function string, args []any) (any, error) {
	id, rest := "/subscriptions/"+d.subscription+"/resourceGroups/"+d.group, args
	if function == "extensionResourceId" {
		id, rest = fmt.Sprint(args[0]), args[1:]
	}
	types := strings.Split(fmt.Sprint(rest[0]), "/")
	if len(types) != len(rest) {
		return nil, fmt.Errorf("%s of %v names %d, not %d", function, rest[0], len(rest)-1, len(types)-1)
	}
	id += "/providers/" + types[0]
	for i, name := range rest[1:] {
		id += "/" + types[i+1] + "/" + fmt.Sprint(name)
	}
	if d.outputs[strings.ToLower(id)] == nil {
		return nil, fmt.Errorf("%s is not there", id)
	}
	d.named[strings.ToLower(id)] = true
	return id, nil
}

// formatted puts arguments in the places that a form names.
func formatted(form string, args []any) string {
	var out strings.Builder
	for len(form) > 0 {
		if strings.HasPrefix(form, "{{") || strings.HasPrefix(form, "}}") {
			out.WriteByte(form[0])
			form = form[2:]
			continue
		}
		if inner, rest, closed := strings.Cut(form[1:], "}"); form[0] == '{' && closed {
			if n, err := strconv.Atoi(inner); err == nil && n < len(args) {
				fmt.Fprint(&out, args[n])
				form = rest
				continue
			}
		}
		out.WriteByte(form[0])
		form = form[1:]
	}
	return out.String()
}
