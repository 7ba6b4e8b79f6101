package server

import (
	"sync"
	"time"
)

// The tries to log in within a minute: of one address, and of all.
const (
	triesOfOne = 10
	triesOfAll = 300
)

// tries counts the tries of the current minute.
type tries struct {
	mu     sync.Mutex
	minute int64
	byHost map[string]int
	all    int
}

func (t *tries) init() { t.byHost = map[string]int{} }

// allow counts a try of host's, and reports whether it is allowed.
func (t *tries) allow(host string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if minute := time.Now().Unix() / 60; minute != t.minute {
		t.minute, t.all = minute, 0
		clear(t.byHost)
	}
	if t.all >= triesOfAll || t.byHost[host] >= triesOfOne {
		return false
	}
	t.all++
	t.byHost[host]++
	return true
}
