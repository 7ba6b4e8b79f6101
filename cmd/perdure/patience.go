package main

import (
	"errors"
	"fmt"

	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/protocol"
)

// maxNoAnswer is how many invocations in a row may fail without progress.
const maxNoAnswer = 3

var errNoAnswer = errors.New("the function keeps failing to answer")

// patience counts invocations that failed with no operation in between.
type patience struct {
	ignored  int64 // events up to this one do not count
	endless  bool
	failures int
	last     *protocol.ErrorObject
}

// judge takes in an event and returns errNoAnswer when patience is at its end.
func (p *patience) judge(e *protocol.Event) error {
	switch {
	case e.ID <= p.ignored || p.endless:
		return nil
	case e.Type != protocol.EventInvocationCompleted || e.Error == nil:
		p.failures = 0
		return nil
	}
	p.failures++
	p.last = e.Error
	if p.failures >= maxNoAnswer {
		return errNoAnswer
	}
	return nil
}

func (p *patience) verdict(function string) string {
	return fmt.Sprintf("function %s failed %d times in a row without progress; the last time: %s", function, p.failures, progress.ErrorLine(p.last))
}
