package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/function/sandbox"
)

// What of a function's output is shown within a second. What is shown may end
// in a file, and a function that writes without end must not fill a disk.
const (
	maxShownLines = 1000
	maxShownBytes = 256 << 10
)

// throttled returns a show that leaves lines out when too many come, and says
// how many.
func throttled(show func(sandbox.Line)) func(sandbox.Line) {
	var mu sync.Mutex
	var second int64
	var lines, bytes, hidden int
	return func(line sandbox.Line) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now().Unix(); now != second {
			if hidden > 0 {
				notice := line
				notice.Stream, notice.Text = sandbox.Notice, fmt.Sprintf("%d lines are not shown: the function writes too fast", hidden)
				show(notice)
			}
			second, lines, bytes, hidden = now, 0, 0, 0
		}
		if lines >= maxShownLines || bytes > maxShownBytes {
			hidden++
			return
		}
		lines++
		bytes += len(line.Text)
		show(line)
	}
}
