package main

import (
	"fmt"

	"github.com/perdure/perdure/bench/peers/workload"
)

// goal is what a figure of Perdure is to reach.
type goal struct {
	form   form
	value  float64 // at most, if the unit is a time, else at least
	ofPeer float64 // in place of value: at least so many times what the best peer has
}

// form is which forms of Perdure a goal is for. The best of them counts.
type form int

const (
	served   form = iota // functions in processes of their own, behind perdure serve
	embedded             // no HTTP
)

// Goals beside those of workloads.
const (
	maxEngineMemory  = 200.0 // MB, of perdure serve under each workload
	maxRestart       = 35.0  // ms, with all asleep: 28, and a quarter for the machine
	maxRestartMemory = 28.0  // MB a second later: 22, and a quarter
	maxLateness      = 100.0 // ms, the 99th percentile
)

func (g goal) String(unit workload.Unit) string {
	text := map[form]string{served: "", embedded: "embedded "}[g.form]
	switch {
	case g.ofPeer > 0:
		return text + fmt.Sprintf("≥ %g × the best peer", g.ofPeer)
	case unit.IsTime():
		return text + "≤ " + number(g.value)
	}
	return text + "≥ " + number(g.value)
}

// judge says whether values reach a goal: a word, and the figure that decided.
func (g goal) judge(unit workload.Unit, ours, peer float64) string {
	switch {
	case ours == 0 || g.ofPeer > 0 && peer == 0:
		return notMeasured
	case g.ofPeer > 0:
		return verdict(ours >= g.ofPeer*peer) + fmt.Sprintf(": %.1f ×", ours/peer)
	case unit.IsTime():
		return verdict(ours <= g.value) + ": " + number(ours)
	}
	return verdict(ours >= g.value) + ": " + number(ours)
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**not met**"
}

// better returns the better of two figures; 0 is none.
func better(unit workload.Unit, a, b float64) float64 {
	switch {
	case a == 0:
		return b
	case b == 0:
		return a
	case unit.IsTime():
		return min(a, b)
	}
	return max(a, b)
}

// times is how many times better ours is than that of a peer.
func times(unit workload.Unit, ours, peer float64) float64 {
	if unit.IsTime() {
		return peer / ours
	}
	return ours / peer
}
