package standin

import "fmt"

// armError is an error in the form in which the azure-native provider prints Azure's.
type armError struct{ code, message string }

func (e *armError) Error() string { return fmt.Sprintf("Code=%q Message=%q", e.code, e.message) }

func refusal(code, format string, args ...any) error {
	return &armError{code, fmt.Sprintf(format, args...)}
}
