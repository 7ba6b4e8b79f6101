package durabletest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// judge compares a disturbed run with the undisturbed one.
func (e *exploration) judge(p *played) {
	if p.merged || p.outcome == nil {
		return // what was to be said is said
	}
	u := e.undisturbed
	blame := func(format string, args ...any) { p.blames = append(p.blames, fmt.Sprintf(format, args...)) }
	if !e.same(u.outcome, p.outcome) {
		blame("the outcome is another than in the undisturbed run: %s, not %s", p.outcome, u.outcome)
	}
	alike := u.sameAs(p.outcome)
	for _, key := range keysOf(u.effects, p.effects) {
		switch n := p.effects[key]; {
		case n > 1:
			blame("effect %v happened %d times, and has to happen once", key, n)
		case n == 0 && alike:
			blame("effect %v did not happen, though the outcome says that it did", key)
		}
	}
	for i, refused := range p.refusals() {
		if refused != "" && !p.cut[i+1] && p.answers[i+1] != protocol.InvocationFailed {
			blame("the service refused the function's answer in invocation %d: %s", i+1, refused)
		}
	}
	for _, name := range p.passed() {
		blame("operation %s was left open, though the code went on", name)
	}
	if alike {
		e.judgeLines(p, blame)
	}
}

// refusals are the errors with which invocations ended, as the service recorded them: of an answer that is against the
// rules, such as PENDING when nothing is pending.
func (p *played) refusals() (list []string) {
	for _, ev := range p.history {
		if ev.Type != protocol.EventInvocationCompleted {
			continue
		}
		list = append(list, "")
		if ev.Error != nil && ev.Error.ErrorType == string(protocol.CodeInvalidParameter) {
			list[len(list)-1] = ev.Error.ErrorMessage
		}
	}
	return list
}

// passed are the operations that have not closed, though the function that waited for them ended well. Others may stay
// open: those in branches that nobody waited for.
func (p *played) passed() (names []string) {
	ended := map[string]bool{"": p.Status == Succeeded}
	for _, op := range p.history.Operations() {
		batch := op.SubType == protocol.SubTypeMap || op.SubType == protocol.SubTypeParallel
		if op.Type == protocol.TypeContext {
			ended[op.ID] = op.Status == protocol.StatusSucceeded && !batch
		}
	}
	for _, op := range p.history.Operations() {
		switch op.Type {
		case protocol.TypeStep, protocol.TypeWait, protocol.TypeChainedInvoke:
		default:
			continue
		}
		around := op.ID[:max(strings.LastIndexByte(op.ID, '-'), 0)] // a virtual context, if it is not the parent
		if !op.Status.Closed() && around == op.ParentID && ended[op.ParentID] {
			names = append(names, operationName(op.ID, op.Name))
		}
	}
	return names
}

// judgeLines sees that each line is written, and no more often than it may: as often as in the undisturbed run by
// invocations that ended well, and once more by each of the others. Attributes of a line may tell the time, which
// faults change: a line is missed only if no other has its message.
func (e *exploration) judgeLines(p *played, blame func(string, ...any)) {
	want, got := e.undisturbed.kinds(), p.kinds()
	for kind, n := range want {
		if got[kind] < n && p.hasToLog(kind) {
			blame("the log line %q was written %d times, and %d times in the undisturbed run",
				protocol.Clip(kind.message, maxShown), got[kind], n)
		}
	}
	usual := keptLines(e.undisturbed.written, e.undisturbed.cut)
	for line, n := range keptLines(p.written, p.cut) {
		if most := usual[line]; n > most && most > 0 {
			blame("the log line %q was written %d times by invocations that ended well, and %d times in the "+
				"undisturbed run", protocol.Clip(line, maxShown), n, most)
		}
	}
}

// kinds are the numbers of lines of a kind.
func (p *played) kinds() map[kindOfLine]int {
	counts := map[kindOfLine]int{}
	for _, l := range p.written {
		counts[l.kindOfLine]++
	}
	return counts
}

// hasToLog reports whether a line is to be written in each run. One of a step's body is not: an attempt that was cut
// off may be the only one. Nor is one of a context that did not come to its end, as when another won the race, or one
// of a branch that a pause took by surprise.
func (p *played) hasToLog(kind kindOfLine) bool {
	pauses := func(f fault) bool { return f.what == pause }
	if kind.inBody || kind.context != "" && slices.ContainsFunc(p.schedule, pauses) {
		return false
	}
	op := find(p.history.Operations(), kind.context)
	return kind.context == "" || op != nil && op.Status == protocol.StatusSucceeded
}

// keptLines are how often each line was written by invocations that were not cut off.
func keptLines(lines []written, cut map[int]bool) map[string]int {
	counts := map[string]int{}
	for _, l := range lines {
		if !cut[l.invocation] {
			counts[l.text]++
		}
	}
	return counts
}

// keysOf are the effects of two runs, in order.
func keysOf(a, b map[effect]int) (keys []effect) {
	for _, m := range []map[effect]int{a, b} {
		for k := range m {
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	slices.SortFunc(keys, func(x, y effect) int { return strings.Compare(x.String(), y.String()) })
	return keys
}
