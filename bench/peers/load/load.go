// Package load is the clients: it starts executions of one order, a number of them at a time, and counts. A system
// behind HTTP gets its load from the benchmark's process. A library has its clients in its own process, an agent,
// which the benchmark tells what to do; see [Serve].
package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/bench/peers/workload"
)

// Burst is load for some time.
type Burst struct {
	Order   workload.Order
	Clients int
	Time    time.Duration // no execution starts later
	AtLeast int           // unless so many have not been started yet
	AtMost  int           // so many executions are started
	Start   bool          `json:",omitempty"` // start executions and do not wait for them
}

// Outcome is what came of a burst.
type Outcome struct {
	Executions int           // that ended in time
	Took       time.Duration // until the last of these
	All        int           // with those that ended later, since clients wait for what they have started
	Error      string        `json:",omitempty"` // the first; it ends the burst
}

// Call runs one execution and waits for its result, or only starts it if it is told so.
type Call func(ctx context.Context, b Burst) error

// patience is how long a burst waits for executions beyond its time.
const patience = 30 * time.Second

// Run runs a burst.
func Run(ctx context.Context, b Burst, call Call) Outcome {
	ctx, cancel := context.WithTimeoutCause(ctx, b.Time+patience, fmt.Errorf("took %v longer than asked", patience))
	defer cancel()
	var (
		clients sync.WaitGroup
		started atomic.Int64
		mu      sync.Mutex
		out     Outcome
	)
	began := time.Now()
	goOn := func() bool {
		n := int(started.Add(1))
		return ctx.Err() == nil && n <= b.AtMost && (n <= b.AtLeast || time.Since(began) < b.Time)
	}
	for range b.Clients {
		clients.Go(func() {
			for goOn() {
				err := call(ctx, b)
				at := time.Since(began)
				mu.Lock()
				switch {
				case err != nil && out.Error == "":
					out.Error = err.Error()
					cancel()
				case err == nil && (at <= b.Time || b.AtLeast > 0):
					out.Executions++
					out.Took = at
				}
				out.All++
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if out.Error == "" && out.Executions == 0 {
		out.Error = fmt.Sprintf("no execution ended within %v", b.Time)
	}
	return out
}

// Hello is what an agent says when it is ready.
type Hello struct {
	URL        string `json:",omitempty"` // of its API, if it has one
	Durability string `json:",omitempty"` // as it found it set
}

// Serve makes this process an agent: it says hello, runs the bursts that arrive on its standard input, and returns
// when that is closed, as it is when the benchmark ends.
func Serve(hello Hello, call Call) error {
	answers := json.NewEncoder(os.Stdout)
	if err := answers.Encode(hello); err != nil {
		return err
	}
	for bursts := json.NewDecoder(bufio.NewReader(os.Stdin)); ; {
		var b Burst
		if err := bursts.Decode(&b); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := answers.Encode(Run(context.Background(), b, call)); err != nil {
			return err
		}
	}
}
