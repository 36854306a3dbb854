package probes

import (
	"fmt"
	"strings"
)

const head = `<!-- make generate writes this page, from internal/probes. -->
# What only a live subscription can show

Nothing in this repository was run on Azure. The tests show that the program is consistent with what Azure publishes and
with how the real parts behave on one machine. What is left is here, in the order in which it would hurt. A deployed
stack answers most of it by itself:

    .rehearsal/bin/amora probe --stack prod --report probes.md

That only reads, as whoever is logged in to Pulumi and to Azure's CLI: it says of each probe whether it held, failed or
was not asked, with what it saw, and ends with 2 where one failed. Of some it sees a part only. Those that clients may
notice run with *--disruptive*, and those for a person are yours. On machines and in a cluster it needs a role that may
run commands there.
`

// Page is docs/live-probes.md.
func Page() string {
	var out strings.Builder
	out.WriteString(head)
	for _, part := range []Part{EMQX, HiveMQ, VerneMQ, Everywhere} {
		fmt.Fprintf(&out, "\n## %s\n\n| # | assumption | probe | by itself |\n|---|---|---|---|\n", capital(string(part)))
		for _, p := range All() {
			if p.Of != part {
				continue
			}
			how := "yes"
			switch {
			case p.ask == nil:
				how = "for a person"
			case p.Disruptive:
				how = "--disruptive"
			case p.Partly:
				how = "in part"
			}
			fmt.Fprintf(&out, "| %d | %s | %s | %s |\n", p.Number, cell(p.Assumption), cell(p.By), how)
		}
	}
	return out.String()
}

// cell is a text in a table of Markdown.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// Report is what a run found, as a page that a team can send.
func Report(stack string, results []Result) string {
	var out strings.Builder
	count := map[Verdict]int{}
	for _, r := range results {
		count[r.Verdict]++
	}
	fmt.Fprintf(&out, "# What Azure showed of stack %s\n\n%d held, %d failed, %d not asked.\n", stack, count[Held],
		count[Failed], count[NotAsked])
	for _, verdict := range []Verdict{Failed, Held, NotAsked} {
		if count[verdict] == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n## %s\n\n| # | assumption | saw |\n|---|---|---|\n", capital(string(verdict)))
		for _, r := range results {
			if r.Verdict == verdict {
				fmt.Fprintf(&out, "| %d | %s | %s |\n", r.Number, cell(assumption(r.Number)),
					cell(strings.Join(strings.Fields(r.Saw), " ")))
			}
		}
	}
	return out.String()
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func assumption(number int) string {
	for _, p := range All() {
		if p.Number == number {
			return p.Assumption
		}
	}
	return ""
}
