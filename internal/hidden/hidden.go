// Package hidden names the text that stands in a config for a secret whose value is not known here: neither `amora` nor
// the check of a pull request has the stack's key.
package hidden

// Value is that text. A real value is never the same.
const Value = "[secret that is not known here]"
