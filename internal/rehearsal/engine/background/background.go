// Package background keeps the libraries of Pulumi's display from asking the terminal for the color of its background.
// One of them, bubbletea, does so when it is loaded, whatever the command, and waits for five seconds where the
// terminal does not answer. Packages are loaded in the order of their paths as far as their imports allow, so that this
// one comes before that one; it must not import more.
package background

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
