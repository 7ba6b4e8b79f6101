package progress

import (
	"fmt"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
)

const (
	logBar = "  | "
	// maxLogLine and maxLogRate bound what a function's output can do to the screen; nobody reads more.
	maxLogLine = 1000
	maxLogRate = 100 // lines a second
)

// Log shows one line that the function wrote, a structured record in words.
func (v *View) Log(s string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tellDropped(v.opt.Now())
	if !v.logs.allow(v.opt.Now()) {
		return
	}
	v.print(v.paint(dim, logBar+text.Clip(cli.Printable(readable(s)), maxLogLine)))
	v.draw()
}

// tellDropped says how many lines of the last second were not shown.
func (v *View) tellDropped(now time.Time) {
	if n := v.logs.flush(now); n > 0 {
		v.print(v.paint(dim, logBar+fmt.Sprintf("… %d more lines, too many to show", n)))
	}
}

// limiter counts the lines of one second.
type limiter struct {
	second  time.Time
	lines   int
	dropped int
}

func (l *limiter) allow(now time.Time) bool {
	if now.Sub(l.second) >= time.Second {
		l.second, l.lines = now, 0
	}
	l.lines++
	if l.lines > maxLogRate {
		l.dropped++
		return false
	}
	return true
}

// flush returns the number of lines dropped, once their second is over.
func (l *limiter) flush(now time.Time) int {
	if l.dropped == 0 || now.Sub(l.second) < time.Second {
		return 0
	}
	n := l.dropped
	l.dropped = 0
	return n
}
