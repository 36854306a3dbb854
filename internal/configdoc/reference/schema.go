package reference

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// projectWith is Pulumi.yaml with the schema of the config's top-level keys, which Pulumi checks and shows before the
// program runs. The schema is the last thing in the file.
func projectWith(project string, keys []Key) (string, error) {
	const start = "\nconfig:\n"
	above, _, found := strings.Cut(project, start)
	if !found {
		return "", errors.New("no line config: in Pulumi.yaml, to write the schema below")
	}
	var out strings.Builder
	out.WriteString(above + start)
	for _, k := range keys {
		if !strings.Contains(k.Path, ".") {
			out.WriteString(entry(k))
		}
	}
	return out.String(), nil
}

// entry is one key of the schema. Pulumi wants a default for each key that need not be set, and sets that; the program
// fills what is empty.
func entry(k Key) string {
	words, kind, empty := k.words, k.kind, `""`
	switch {
	case k.Object:
		words, empty = words+" Its keys: docs/config.md.", "{}"
	case strings.HasPrefix(kind, "object"):
		kind, empty = "object", "{}"
	case strings.HasPrefix(kind, "list"):
		kind, empty = "array\n    items:\n      type: string", "[]"
	}
	text := fmt.Sprintf("  amora-sync:%s:\n    type: %s\n", k.Path, kind)
	switch {
	case strings.HasPrefix(k.def, "must be set"):
	case strings.HasPrefix(k.def, "`"):
		text += "    default: " + strings.Trim(k.def, "`") + "\n"
	default:
		text += "    default: " + empty + "\n"
		if k.Computed {
			words += " Default: " + k.def + "."
		}
	}
	return text + "    description: " + strconv.Quote(words) + "\n"
}
