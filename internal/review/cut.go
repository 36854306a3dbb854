package review

import (
	"fmt"
	"strings"
)

// ending is what stands in the place of the lines that are left out.
const ending = "**Cut here:** %d more lines would not fit into a comment, the sections of %s among them. `make " +
	"review` prints all of it.\n"

// cut joins lines as long as they fit, and says what it left out.
func cut(lines []string, limit int) string {
	whole := strings.Join(lines, "\n") + "\n"
	if limit == 0 || len(whole) <= limit {
		return whole
	}
	var text strings.Builder
	folded, fenced, section := false, false, ""
	for i, line := range lines {
		rest := fmt.Sprintf(ending, len(lines)-i, headings(section, lines[i:]))
		if text.Len()+len(line)+len("\n```\n"+closing+"\n\n")+len(rest) > limit {
			if fenced {
				text.WriteString("```\n")
			}
			if folded {
				text.WriteString(closing + "\n")
			}
			text.WriteString("\n" + rest)
			break
		}
		text.WriteString(line + "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case strings.HasPrefix(line, "### "):
			section = line[len("### "):]
		case strings.HasPrefix(line, opening):
			folded = true
		case line == closing:
			folded = false
		}
	}
	return text.String()
}

// headings names the section that is cut and those that are left out.
func headings(current string, lines []string) string {
	var names []string
	if current != "" {
		names = append(names, current)
	}
	for _, line := range lines {
		if name, is := strings.CutPrefix(line, "### "); is {
			names = append(names, name)
		}
	}
	return strings.Join(names, "; ")
}
