package rehearsal

import "testing"

// BenchmarkRehearsal measures what docs/figures.md says of each stack.
func BenchmarkRehearsal(b *testing.B) {
	for name := range deployments {
		for what, run := range map[string]verb{"preview": Preview, "up": Up} {
			b.Run(name+", nothing there, "+what, func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					s := newStage(b, name)
					b.StartTimer()
					s.must(run)
				}
			})
			b.Run(name+", all there, "+what, func(b *testing.B) {
				s := deployedStage(b, name)
				for b.Loop() {
					s.must(run)
				}
			})
		}
	}
}
