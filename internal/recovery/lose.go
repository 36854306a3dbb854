package recovery

import (
	"fmt"
	"slices"
	"strconv"
)

// Lose tells what a loss does.
func (s Stack) Lose(l Loss) Outcome {
	o := Outcome{Loss: l}
	if l.Kind == Deleted || l.Kind == BadData {
		o.Chains, o.Data = s.mistaken(l), s.restorable(l)
	} else {
		o.Chains, o.Data = s.chains(l), s.age(l)
	}
	o.Sessions, o.Notes = s.sessions(l), s.notes(l, o)
	return o
}

// fate is what becomes of a part.
type fate int

const (
	whole fate = iota
	less       // some copies are left
	moved      // none is, and Azure starts others
	gone
)

// hit tells what a loss does to a part of a region, and the steps until it serves again.
func (s Stack) hit(r *Region, p Part, l Loss) (fate, []Step) {
	if l.Kind == Place && l.Which == r.Location {
		return gone, nil
	}
	left := s.left(r, p, l)
	again := p.Restart
	if l.Kind == Zone {
		again = p.Move
	}
	switch {
	case left == len(p.Copies):
		return whole, nil
	case left > 0 && s.reroutes(p, l):
		return less, p.Reroute
	case left > 0:
		return less, nil
	case again != nil:
		return moved, again
	default:
		return gone, nil
	}
}

// left is how many copies of a part are left after a loss that is not its region's.
func (s Stack) left(r *Region, p Part, l Loss) int {
	serving := s.Serving() != nil && s.Serving().Location == r.Location
	switch {
	case l.Kind == Zone && serving:
		here := func(zone string) bool { return zone == l.Which || zone == Unknown }
		return len(slices.DeleteFunc(slices.Clone(p.Copies), here))
	case l.Kind == Node && serving && p.Broker:
		if i, err := strconv.Atoi(l.Which); err == nil && i >= 0 && i < len(p.Copies) {
			return len(p.Copies) - 1
		}
	case l.Kind == Server && serving && p.Name == logins:
		return len(p.Copies) - 1
	}
	return len(p.Copies)
}

// reroutes says whether the copies that are left have to be found first: a standby that is lost was not in use.
func (s Stack) reroutes(p Part, l Loss) bool {
	return p.Name != logins || l.Kind != Zone || p.Copies[0] == l.Which
}

// chains tells for each endpoint, and for what else clients need where they end up, how it comes back.
func (s Stack) chains(l Loss) []Chain {
	var all []Chain
	region := ""
	for i, e := range s.Endpoints {
		chain := s.endpoint(e, l)
		if all = append(all, chain); i == 0 {
			region = chain.Region
		}
	}
	for i := range s.Regions {
		// Where nothing answers any more, what it was is what has to come back.
		if r := &s.Regions[i]; r.Location == region || region == "" && r == s.Serving() {
			all = append(all, s.needs(r, l)...)
		}
	}
	return all
}

// endpoint leads clients along the first way on which something answers.
func (s Stack) endpoint(e Endpoint, l Loss) Chain {
	var switched []Step
	for _, way := range e.Ways {
		r := s.region(way.Location)
		if r == nil {
			continue
		}
		answers, longest, left := true, []Step(nil), []string(nil)
		for _, part := range r.Parts {
			state, steps := s.hit(r, part, l)
			if state == less && !part.Hidden {
				left = append(left, fmt.Sprintf("%s: %d of %d", part.Name, s.left(r, part, l), len(part.Copies)))
			}
			answers = answers && (state != gone || part.Hidden)
			if !part.Hidden && Sum(steps) > Sum(longest) {
				longest = steps
			}
		}
		if answers && (l.Kind != Place || l.Which != r.Location) {
			return Chain{Of: e.Name, Region: way.Location, Through: way.Through, Left: left,
				Steps: slices.Concat(switched, longest)}
		}
		switched = append(switched, e.Switch...)
	}
	if reason := s.hopeless(l); reason != "" {
		return Chain{Of: e.Name, Never: reason}
	}
	return Chain{Of: e.Name, Steps: []Step{noticed(), redeployed(), e.Forget}}
}

// hopeless is why nobody can bring the stack back after a region is lost, "" for other losses and where somebody can.
func (s Stack) hopeless(l Loss) string {
	if l.Kind != Place || s.GeoBackup || s.replica() != nil {
		return ""
	}
	return "users and rules are in that region only; nothing until it is back"
}

func (s Stack) replica() *Region {
	for i := range s.Regions {
		if s.Regions[i].Database.Replica {
			return &s.Regions[i]
		}
	}
	return nil
}

// needs tells how what clients need besides a connection comes back in a region.
func (s Stack) needs(r *Region, l Loss) []Chain {
	var all []Chain
	for _, part := range append(slices.Clone(r.Parts), r.Database.part()) {
		if !part.Hidden {
			continue
		}
		state, steps := s.hit(r, part, l)
		chain := Chain{Of: part.Name, Region: r.Location, Steps: steps}
		if state == gone {
			chain = s.missing(r, part, l)
		}
		all = append(all, chain)
	}
	return all
}

// missing brings back by hand what no probe misses: by leading clients to another region, or by making it again.
func (s Stack) missing(r *Region, part Part, l Loss) Chain {
	if reason := s.hopeless(l); reason != "" {
		return Chain{Of: part.Name, Never: reason}
	}
	if l.Kind != Place {
		for _, way := range s.Endpoints[0].Ways {
			if way.Location != r.Location {
				return Chain{Of: part.Name, Region: way.Location, Steps: []Step{noticed(), ledAway(), s.Endpoints[0].Forget}}
			}
		}
	}
	steps := []Step{noticed()}
	if part.Name == logins {
		steps = append(steps, restored())
	}
	return Chain{Of: part.Name, Steps: append(steps, redeployed())}
}

// mistaken is how what people broke is mended, from backups.
func (s Stack) mistaken(l Loss) []Chain {
	steps := []Step{noticed(), restored(), redeployed()}
	all := []Chain{{Of: logins, Steps: steps}}
	if l.Kind == BadData {
		return all
	}
	for _, e := range s.Endpoints {
		all = append(all, Chain{Of: e.Name, Steps: append(slices.Clone(steps), e.Forget)})
	}
	return all
}

// age tells how old users and rules are after something failed.
func (s Stack) age(l Loss) Age {
	writer := s.Regions[0]
	state, _ := s.hit(&writer, writer.Database.part(), l)
	switch {
	case state == whole:
		return Age{Why: "the database is not touched"}
	case state == less && !s.reroutes(writer.Database.part(), l):
		return Age{Why: "the database is not touched: its standby is what is lost"}
	case state == less:
		return Age{Why: "the standby has every change that was confirmed: it is written to both at once"}
	case state == moved:
		return Age{Why: "the server's disk stays"}
	case s.replica() != nil:
		return Age{Old: replicaLag, Why: "the other region's replica is typically 30 seconds to 5 minutes behind (" +
			continuity + "), and more under many writes"}
	case l.Kind == Zone:
		return Age{Old: backupAge, Why: "backups are in several zones, and less than 5 minutes old (" + continuity + ")"}
	case s.GeoBackup:
		return Age{Old: geoAge, Why: "backups in the paired region are less than an hour old (" + continuity + ")"}
	default:
		return Age{Never: s.hopeless(l), Why: "there is neither a replica nor a backup in another region"}
	}
}

// restorable tells how old users and rules are after people broke something.
func (s Stack) restorable(l Loss) Age {
	if l.Kind == BadData {
		days := strconv.Itoa(s.BackupDays)
		return Age{Old: backupAge, Why: "any moment of the last " + days +
			" days can be restored, to within 5 minutes of the mistake (" + continuity + ")"}
	}
	return Age{Old: backupAge,
		Why: "Azure keeps the backups of a deleted server for 5 days, and says that to restore them often succeeds, " +
			"not always " +
			"(learn.microsoft.com/azure/postgresql/backup-restore/how-to-restore-deleted-server)"}
}
