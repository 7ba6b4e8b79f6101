package history

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// TextHeader is the first line of a history as text; [IsText] looks for it.
//
// An operation is a line with its id, type and name. Below it, further in, are its attempts or its end, and the
// operations in it:
//
//	# perdure history 1
//	INPUT {"order":"o-1"}
//	1 Step "charge"
//	  attempt 1 PENDING error {"ErrorMessage":"no answer","ErrorType":"Error"}
//	  attempt 2 SUCCEEDED {"receipt":"r-1"}
//	2 Context/WaitForCallback "approve"
//	  2-1 Callback "approve-callback" timeout=60
//	    SUCCEEDED text "granted"
//	  2-2 Step "approve-submitter"
//	    attempt 1 SUCCEEDED {}
//	  SUCCEEDED text "granted"
//	SUCCEEDED "shipped"
//
// A type is followed by the subtype if that says more. An operation without an end is open; an attempt that is
// STARTED is under way. A result is JSON, over several lines if it is long; what is no JSON is a quoted text.
const TextHeader = "# perdure history 1"

// IsText reports whether data begins as [Text] does, of this version or of another.
func IsText(data []byte) bool { return bytes.HasPrefix(data, []byte("# perdure history ")) }

// Text is what events say of an execution and its operations, as a text that does not depend on luck: operations
// stand in the order of their numbers, not of their starts, and moments, invocations, delays and ids that are given
// out are left out. So are stack traces. Payloads and messages of errors are as clean returns them; nil keeps them.
// [ParseText] reads the text.
func Text(events iter.Seq[*protocol.Event], clean func(string) string) string {
	if clean == nil {
		clean = func(s string) string { return s }
	}
	w := &textWriter{clean: clean, ends: map[string][]*protocol.Event{}, starts: map[string]*protocol.Event{}}
	w.b.WriteString(TextHeader + "\n")
	var fold Fold
	var end *protocol.Event
	for ev := range events {
		switch o := fold.Add(ev); {
		case ev.Type == protocol.EventExecutionStarted:
			w.line(0, "INPUT", ev)
		case ev.EndsExecution():
			end = ev
		case o == nil:
		case ev.Status() == protocol.StatusStarted:
			w.starts[o.ID] = ev
		default:
			w.ends[o.ID] = append(w.ends[o.ID], ev)
		}
	}
	w.operations(fold.Operations())
	if end != nil {
		w.line(0, string(fold.Status), end)
	}
	return w.b.String()
}

type textWriter struct {
	b      strings.Builder
	clean  func(string) string
	starts map[string]*protocol.Event // operation id -> its latest start
	ends   map[string][]*protocol.Event
}

// operations writes a tree: each operation's line, those in it, and then what became of it. An attempt stands
// before what is in its operation, of which a step has nothing.
func (w *textWriter) operations(all []*Operation) {
	slices.SortFunc(all, byNumber)
	var open []*Operation // contexts around the next line
	closeTo := func(depth int) {
		for len(open) > depth {
			last := len(open) - 1
			w.outcomes(last+1, open[last])
			open = open[:last]
		}
	}
	for depth, o := range Tree(all) {
		closeTo(depth)
		w.header(depth, o)
		open = append(open, o)
	}
	closeTo(0)
}

func (w *textWriter) header(depth int, o *Operation) {
	head := o.ID + " " + o.Plain()
	if o.SubType != o.Plain() {
		head += "/" + o.SubType
	}
	head += " " + strconv.Quote(o.Name)
	if depth == 0 && o.ParentID != "" {
		head += " parent=" + strconv.Quote(o.ParentID)
	}
	ev := w.starts[o.ID]
	if ev == nil {
		ev = &protocol.Event{}
	}
	for _, m := range numbers(ev) {
		if *m.value != 0 {
			head += fmt.Sprintf(" %s=%d", m.name, *m.value)
		}
	}
	for _, m := range words(ev) {
		if *m.value != "" {
			head += " " + m.name + "=" + strconv.Quote(w.clean(*m.value))
		}
	}
	w.b.WriteString(indent(depth) + head + "\n")
	if ev.Payload != nil {
		w.line(depth+1, "INPUT", ev)
	}
}

// member is a member of an operation's line.
type member[T any] struct {
	name  string
	value *T
}

func numbers(ev *protocol.Event) []member[int64] {
	return []member[int64]{
		{"seconds", &ev.Duration}, {"timeout", &ev.Timeout}, {"heartbeat", &ev.HeartbeatTimeout},
	}
}

func words(ev *protocol.Event) []member[string] {
	return []member[string]{{"function", &ev.FunctionName}, {"tenant", &ev.TenantID}}
}

// outcomes writes the attempts of an operation, or its end.
func (w *textWriter) outcomes(depth int, o *Operation) {
	for _, ev := range w.ends[o.ID] {
		word := string(ev.Status())
		if ev.CurrentAttempt > 0 {
			word = fmt.Sprintf("attempt %d %s", ev.CurrentAttempt, word)
		}
		w.line(depth, word, ev)
	}
	if o.Status == protocol.StatusStarted && o.Attempt > 0 {
		fmt.Fprintf(&w.b, "%sattempt %d STARTED\n", indent(depth), o.Attempt+1)
	}
}

// line writes a word, and the payload or the error of an event.
func (w *textWriter) line(depth int, word string, ev *protocol.Event) {
	start := indent(depth) + word
	switch {
	case ev.Error != nil:
		e := *ev.Error
		e.StackTrace, e.ErrorMessage, e.ErrorData = nil, w.clean(e.ErrorMessage), w.clean(e.ErrorData)
		start += " error " + value(depth, string(protocol.AppendErrorObject(nil, &e)))
	case ev.Payload != nil:
		start += " " + value(depth, w.clean(*ev.Payload))
	}
	w.b.WriteString(start + "\n")
}

// maxInline is the longest JSON on one line, in bytes.
const maxInline = 90

// value is a payload as text.
func value(depth int, payload string) string {
	text, ok := compact(payload)
	if !ok {
		return "text " + string(protocol.AppendString(nil, payload))
	}
	if len(text) <= maxInline {
		return text
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), indent(depth), "  ") != nil {
		return text
	}
	return b.String()
}

// compact is JSON on one line, if text is JSON.
func compact(text string) (string, bool) {
	var b bytes.Buffer
	err := json.Compact(&b, []byte(text))
	return b.String(), err == nil
}

func indent(depth int) string { return strings.Repeat("  ", depth) }

// byNumber orders operations as code numbers them: 3-2 before 3-10. Ids that are hashes come last, by name.
func byNumber(a, b *Operation) int {
	left, right := strings.Split(a.ID, "-"), strings.Split(b.ID, "-")
	for i := range min(len(left), len(right)) {
		m, errA := strconv.Atoi(left[i])
		n, errB := strconv.Atoi(right[i])
		switch {
		case errA == nil && errB == nil && m != n:
			return m - n
		case errA == nil && errB != nil:
			return -1
		case errA != nil && errB == nil:
			return 1
		case errA != nil && left[i] != right[i]:
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(left[i], right[i]))
		}
	}
	return len(left) - len(right)
}
