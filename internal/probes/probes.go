// Package probes asks a deployed stack what no test without a subscription can show. docs/live-probes.md is its list.
package probes

import (
	"context"
	"fmt"
	"slices"
)

// Verdict is what became of a probe.
type Verdict string

// Verdicts. A probe is not asked when it is for a person, when the stack does not have what it is about, or when its
// question could not be put.
const (
	Held     Verdict = "held"
	Failed   Verdict = "failed"
	NotAsked Verdict = "not asked"
)

// Part is what of a stack a probe is about.
type Part string

// Parts, in the order of the page.
const (
	EMQX       Part = "EMQX on Container Apps"
	HiveMQ     Part = "HiveMQ on AKS"
	VerneMQ    Part = "VerneMQ on VMs"
	Everywhere Part = "monitoring, security and pipelines"
)

// Probe is an assumption about Azure, and how it is tried.
type Probe struct {
	Number     int // stays the same for good: pages name it
	Of         Part
	Assumption string // Markdown
	By         string // how a person tries it, Markdown
	Needs      string // the type of a resource that a stack must have, such as Microsoft.App/containerApps; "" for any
	Disruptive bool   // clients or people notice it
	Partly     bool   // what is asked is not all of it
	ask        func(context.Context, *Stack) Answer
}

// Automatic says whether [Run] can try it.
func (p Probe) Automatic() bool { return p.ask != nil }

// Answer is what a probe found.
type Answer struct {
	Verdict Verdict `json:"verdict"`
	Saw     string  `json:"saw"` // what Azure or the broker said, or why nothing was asked
}

func held(format string, args ...any) Answer   { return Answer{Held, fmt.Sprintf(format, args...)} }
func failed(format string, args ...any) Answer { return Answer{Failed, fmt.Sprintf(format, args...)} }
func unasked(err error) Answer                 { return Answer{NotAsked, err.Error()} }

// when is held or failed, with the same words.
func when(holds bool, format string, args ...any) Answer {
	if holds {
		return held(format, args...)
	}
	return failed(format, args...)
}

// Result is a probe with its answer.
type Result struct {
	Number int  `json:"number"`
	Of     Part `json:"of"`
	Answer
}

// All are the probes, in the order of the page.
func All() []Probe { return slices.Concat(emqx, hivemq, vernemq, everywhere) }

// Run tries the probes that are chosen, none for all, and tells each result. It says whether all that were asked held.
func Run(ctx context.Context, s *Stack, chosen []int, disruptive bool, tell func(Result)) (bool, error) {
	for _, number := range chosen {
		if !slices.ContainsFunc(All(), func(p Probe) bool { return p.Number == number }) {
			return false, fmt.Errorf("there is no probe %d", number)
		}
	}
	all := true
	for _, p := range All() {
		if len(chosen) > 0 && !slices.Contains(chosen, p.Number) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		r := Result{p.Number, p.Of, Answer{}}
		switch {
		case p.Needs != "" && len(s.all(p.Needs)) == 0:
			r.Answer = Answer{NotAsked, "the stack has no " + p.Needs}
		case p.ask == nil:
			r.Answer = Answer{NotAsked, "for a person: docs/live-probes.md"}
		case p.Disruptive && !disruptive:
			r.Answer = Answer{NotAsked, "clients would notice: --disruptive"}
		default:
			r.Answer = p.ask(ctx, s)
		}
		all = all && r.Verdict != Failed
		tell(r)
	}
	return all, nil
}
