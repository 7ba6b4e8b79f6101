package durabletest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// maxScenesPlayed bounds the work of exploring single faults, and that of sets of them, by what happens in all their
// runs. It is some seconds. Small workflows are far from it.
var maxScenesPlayed = 500_000

// minRuns is how many runs there are even so.
const minRuns = 200

// affordable is how many runs are not too many.
func (e *exploration) affordable() int {
	return max(minRuns, maxScenesPlayed/len(e.undisturbed.script))
}

// start is a schedule, and faults that may come after it.
type start struct {
	schedule schedule
	seconds  []fault
}

// singles makes the runs with one fault, and returns those that others may begin with.
func (e *exploration) singles() (starts []start) {
	faults := e.undisturbed.faults(e.deploys())
	if most := e.affordable(); !e.cfg.all && len(faults) > most {
		e.left = len(faults) - most
		faults = spread(faults, most)
	}
	random := e.random()
	few := 8 + max(e.cfg.runs, 0)/(len(faults)+1)
	for _, f := range faults {
		p := e.try(schedule{f})
		if e.failure != nil {
			return nil
		}
		if !p.merged {
			starts = append(starts, start{p.schedule, p.draw(random, few, 1, e.deploys())})
		}
	}
	return starts
}

func (e *exploration) deploys() bool { return e.cfg.upgrade != nil }

func (e *exploration) random() *rand.Rand { return rand.New(rand.NewPCG(e.cfg.seed, 0)) }

// more makes runs with several faults: half of them pairs, of which the second is one after the first, and the others
// with up to five, wherever the runs before came by.
func (e *exploration) more(starts []start) {
	all := e.undisturbed.faults(e.deploys())
	for _, s := range starts {
		all = append(all, s.seconds...)
	}
	if len(starts) == 0 {
		return
	}
	runs := e.cfg.runs
	if runs < 0 {
		runs = min(defaultRuns, e.affordable())
	}
	random, done := e.random(), map[string]bool{}
	for tries := 0; len(done) < runs && tries < 10*runs && e.failure == nil; tries++ {
		first := starts[random.IntN(len(starts))]
		s := slices.Clone(first.schedule)
		switch {
		case len(done) < runs/2 && len(first.seconds) > 0:
			s = append(s, first.seconds[random.IntN(len(first.seconds))])
		default:
			for range 1 + random.IntN(4) {
				s = append(s, all[random.IntN(len(all))])
			}
		}
		if key := s.String(); !done[key] {
			done[key] = true
			e.try(s)
		}
	}
}

// faults are those that can strike where the run came by.
func (p *played) faults(deploys bool) (list []fault) {
	seen := map[fault]bool{}
	for _, s := range p.script {
		if s.place == "" {
			continue
		}
		for _, w := range s.sort.whats(s.size, deploys) {
			if f := (fault{w, s.place}); !seen[f] {
				seen[f] = true
				list = append(list, f)
			}
		}
	}
	return list
}

// draw chooses n faults, or fewer, that can strike where the run came by after so many had struck.
func (p *played) draw(random *rand.Rand, n, struck int, deploys bool) (list []fault) {
	from := 0
	for ; from < len(p.script) && struck > 0; from++ {
		if p.script[from].struck != "" {
			struck--
		}
	}
	var places []*scene
	for i := range p.script[from:] {
		if s := &p.script[from+i]; s.place != "" && s.struck == "" {
			places = append(places, s)
		}
	}
	for tries := 0; tries < 2*n && len(list) < n && len(places) > 0; tries++ {
		s := places[random.IntN(len(places))]
		whats := s.sort.whats(s.size, deploys)
		if len(whats) == 0 {
			continue
		}
		if f := (fault{whats[random.IntN(len(whats))], s.place}); !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}

// spread chooses n of the faults: as many of each sort, if it has as many, and of a sort some from begin to end.
func spread(all []fault, n int) (chosen []fault) {
	sorts := map[string][]int{} // indexes
	for i, f := range all {
		kind, _ := f.what.split()
		words := strings.SplitN(string(f.place), " ", 3)
		sort := string(kind) + " " + strings.Join(words[:min(2, len(words))], " ")
		sorts[sort] = append(sorts[sort], i)
	}
	var lists [][]int
	for _, list := range sorts {
		lists = append(lists, list)
	}
	slices.SortFunc(lists, func(a, b []int) int { return cmp.Or(len(a)-len(b), a[0]-b[0]) })
	var indexes []int
	for i, list := range lists {
		share := min(len(list), max(0, n-len(indexes))/(len(lists)-i))
		for k := range share {
			indexes = append(indexes, list[k*len(list)/share])
		}
	}
	slices.Sort(indexes)
	for _, i := range indexes {
		chosen = append(chosen, all[i])
	}
	return chosen
}

// Answers of which the orders are tried: so many, not further apart than this, and not more runs.
const (
	answersAtOnce = 3
	maxApart      = time.Hour
	maxOrders     = 60
)

// orders are schedules in which answers that followed each other come in another order, or at once. None comes before
// its time; each comes after the last.
func (p *played) orders() (list []schedule) {
	var answers []scene
	for _, s := range p.script {
		if s.sort == answerComes && s.place != "" {
			answers = append(answers, s)
		}
	}
	for i := 0; i+1 < len(answers) && len(list) < maxOrders; i++ {
		window := answers[i:min(i+answersAtOnce, len(answers))]
		last := window[len(window)-1].at
		if last-window[0].at > maxApart {
			continue
		}
		for _, ranks := range orderings(len(window)) {
			var s schedule
			for k, rank := range ranks {
				d := last - window[k].at + time.Duration(rank)*time.Millisecond
				s = append(s, fault{late.with(d), window[k].place})
			}
			list = append(list, s)
		}
	}
	return list
}

// orderings are the ranks of n things, from 1, in every order but the one that they have; and one in which all are the
// same.
func orderings(n int) (all [][]int) {
	ranks := slices.Repeat([]int{1}, n)
	all = append(all, slices.Clone(ranks))
	var place func(k int)
	place = func(k int) {
		if k == n {
			if !slices.IsSorted(ranks) {
				all = append(all, slices.Clone(ranks))
			}
			return
		}
		for rank := 1; rank <= n; rank++ {
			if !slices.Contains(ranks[:k], rank) {
				ranks[k] = rank
				place(k + 1)
			}
		}
	}
	place(0)
	return all
}
