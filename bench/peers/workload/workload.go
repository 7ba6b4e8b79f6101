// Package workload says what every system runs: the same executions, each written with the system's own SDK.
package workload

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"
)

// Function is the name of the function, service or workflow in every system.
const Function = "work"

// Order is the input of an execution: what it has to do, in this order.
type Order struct {
	Until time.Time     `json:",omitzero"` // sleep until then
	Sleep time.Duration `json:",omitzero"` // sleep for so long
	Steps int           `json:",omitzero"` // run so many steps, one after the other
	Items int           `json:",omitzero"` // run a step for each of so many items, all at the same time
	Bytes int           `json:",omitzero"` // size of the text in each step's result
}

// Total is the result of an execution that did all of the order.
func (o Order) Total() int { return o.Steps + o.Items }

// Receipt is what a step returns.
type Receipt struct {
	ID     string
	Amount int
	Text   string `json:",omitempty"`
}

// Step is the work of a step: none, beside its result.
func Step(o Order, number int) Receipt {
	r := Receipt{ID: fmt.Sprintf("receipt-%d", number), Amount: 1}
	if o.Bytes > 0 {
		all := text()
		from := mathrand.IntN(len(all) - o.Bytes)
		r.Text = all[from : from+o.Bytes]
	}
	return r
}

// text is random, so that no system gains by compressing it. It is made once it is used: most processes never do.
var text = sync.OnceValue(func() string {
	random := make([]byte, 1<<20)
	rand.Read(random)
	return base64.StdEncoding.EncodeToString(random)
})

// Workload is one row: executions of one order, started by some clients, each of which waits for the result of one
// before it starts the next.
type Workload struct {
	Key     string // of the row, in goals and in files of figures
	Name    string // for people
	Order   Order
	Clients int
	Unit    Unit
}

// Unit is what a row counts.
type Unit string

// The units. Of times less is better, of rates more.
const (
	MicrosPerStep      Unit = "µs per step"
	MicrosPerExecution Unit = "µs per execution"
	MicrosPerItem      Unit = "µs per item"
	StepsPerSecond     Unit = "steps/s"
	ExecutionsPerSec   Unit = "executions/s"
)

// IsTime reports whether less is better.
func (u Unit) IsTime() bool {
	return u == MicrosPerStep || u == MicrosPerExecution || u == MicrosPerItem
}

// Figure is what the row says of a number of executions in a time.
func (w Workload) Figure(executions int, took time.Duration) float64 {
	micros := float64(took.Nanoseconds()) / 1e3 / float64(executions)
	switch w.Unit {
	case MicrosPerStep:
		return micros / float64(w.Order.Steps)
	case MicrosPerItem:
		return micros / float64(w.Order.Items)
	case StepsPerSecond:
		return float64(w.Order.Steps) * 1e6 / micros
	case ExecutionsPerSec:
		return 1e6 / micros
	}
	return micros
}

// All are the rows.
var All = []Workload{
	{"steps", "100 steps in sequence, 1 client", Order{Steps: 100}, 1, MicrosPerStep},
	{"single", "executions of one step, 1 client", Order{Steps: 1}, 1, MicrosPerExecution},
	{"crowd", "10 steps each, 64 clients", Order{Steps: 10}, 64, StepsPerSecond},
	{"short", "3 steps each, 128 clients", Order{Steps: 3}, 128, ExecutionsPerSec},
	{"map", "map of 100 items, a step in each, 1 client", Order{Items: 100}, 1, MicrosPerItem},
	{"large", "3 steps with 100 KB each, 16 clients", Order{Steps: 3, Bytes: 100_000}, 16, ExecutionsPerSec},
}
