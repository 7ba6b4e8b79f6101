package sandbox

import (
	"fmt"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
)

// The streams that lines come from.
const (
	Stdout = "stdout"
	Stderr = "stderr"
	// Notice is for lines of the sandbox itself, about the output.
	Notice = "notice"
)

const (
	// maxWaiting bounds the bytes that wait for the receiver of the output.
	maxWaiting = 4 << 20
	// lineCost is counted for each line beside its text.
	lineCost = 128
)

// output passes lines on to a receiver from a goroutine of its own, so that a
// slow receiver never blocks a function. Lines that find no room are counted.
type output struct {
	receive func(engine.LogLine)
	done    chan struct{} // closed when the goroutine has ended

	mu        sync.Mutex
	change    sync.Cond // closed, or something is waiting
	waiting   []engine.LogLine
	size      int             // of waiting
	lost      engine.LogLine  // the last line that was dropped
	lostLines int             // dropped since the last notice
	lostBytes int             //
	passed    []chan struct{} // closed when all that waits now was received
	active    bool            // the receiver has lines that were taken out
	closed    bool
}

func newOutput(receive func(engine.LogLine)) *output {
	o := &output{receive: receive, done: make(chan struct{})}
	o.change.L = &o.mu
	if receive == nil {
		o.receive = func(engine.LogLine) {}
	}
	go o.run()
	return o
}

// push queues a line, or drops it. It does not block.
func (o *output) push(l engine.LogLine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	cost := len(l.Text) + lineCost
	if o.size+cost > maxWaiting {
		o.lost = l
		o.lostLines++
		o.lostBytes += len(l.Text)
		return
	}
	o.waiting = append(o.waiting, l)
	o.size += cost
	o.change.Signal()
}

// sync waits until the lines pushed so far were received, but no longer than grace.
func (o *output) sync(grace time.Duration) {
	o.mu.Lock()
	if !o.active && len(o.waiting) == 0 {
		o.mu.Unlock()
		return
	}
	passed := make(chan struct{})
	o.passed = append(o.passed, passed)
	o.change.Signal()
	o.mu.Unlock()

	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-passed:
	case <-timer.C:
	}
}

// close passes on what waits and ends the goroutine.
func (o *output) close() {
	o.mu.Lock()
	o.closed = true
	o.change.Signal()
	o.mu.Unlock()
	<-o.done
}

func (o *output) run() {
	defer close(o.done)
	for {
		lines, passed := o.take()
		for _, l := range lines {
			o.receive(l)
		}
		for _, c := range passed {
			close(c)
		}
		if lines == nil && passed == nil {
			return
		}
	}
}

// take removes what waits; it returns nothing when the output is closed and empty.
func (o *output) take() (lines []engine.LogLine, passed []chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.active = false
	for len(o.waiting) == 0 && len(o.passed) == 0 && !o.closed {
		o.change.Wait()
	}
	lines, passed = o.waiting, o.passed
	if o.lostLines > 0 {
		lines = append(lines, o.noticeLocked())
	}
	o.waiting, o.passed, o.size = nil, nil, 0
	o.active = true
	return lines, passed
}

func (o *output) noticeLocked() engine.LogLine {
	l := o.lost
	l.Stream = Notice
	l.Text = fmt.Sprintf("%d lines of output (%d bytes) were dropped here: the function writes faster than they "+
		"can be received", o.lostLines, o.lostBytes)
	o.lost, o.lostLines, o.lostBytes = engine.LogLine{}, 0, 0
	return l
}
