package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// textEpoch is when executions that were read from text began: a text has no times. Events follow in steps of a
// second.
const textEpoch protocol.Timestamp = 946684800000 // the year 2000, where virtual time begins

// ParseText reads what [Text] wrote, into events that say the same: starts and ends of operations, one behind the
// other, without invocations. What texts leave out is made up: times, delays of a second, and ids of callbacks.
// An error names the line.
func ParseText(data []byte) ([]*protocol.Event, error) {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	p := &textParser{rest: text, ids: map[string]bool{}}
	err := p.header()
	for err == nil && p.rest != "" {
		err = p.read()
	}
	if err == nil && len(p.events) == 0 {
		err = errors.New("the text ends before its INPUT line")
	}
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", 1+strings.Count(text[:len(text)-len(p.rest)], "\n"), err)
	}
	return p.events, nil
}

// maxQuoted bounds what errors quote of a text, in bytes.
const maxQuoted = 60

type textParser struct {
	rest   string // what has not been read; errors are about the line in which it begins
	events []*protocol.Event
	around []*Operation // by depth
	ids    map[string]bool
	ended  bool
}

// here is the rest of the line.
func (p *textParser) here() string {
	line, _, _ := strings.Cut(p.rest, "\n")
	return line
}

// word takes a word off the line, with the space before it.
func (p *textParser) word() string {
	p.rest = strings.TrimPrefix(p.rest, " ")
	line := p.here()
	if end := strings.IndexByte(line, ' '); end >= 0 {
		line = line[:end]
	}
	p.rest = p.rest[len(line):]
	return line
}

// done takes the end of the line off, behind which nothing else may stand.
func (p *textParser) done() error {
	line := p.here()
	if strings.TrimSpace(line) != "" {
		return fmt.Errorf("there is %q behind the end of the line", protocol.Clip(line, maxQuoted))
	}
	p.rest = strings.TrimPrefix(p.rest[len(line):], "\n")
	return nil
}

func (p *textParser) header() error {
	switch line := p.here(); {
	case !IsText([]byte(line)):
		return fmt.Errorf("got %q, want %q", protocol.Clip(line, maxQuoted), TextHeader)
	case line != TextHeader:
		return fmt.Errorf("got %q, but this version reads %q: record the history again", protocol.Clip(line, maxQuoted),
			TextHeader)
	}
	p.rest = strings.TrimPrefix(p.rest, TextHeader)
	return p.done()
}

// read takes in one line, and further ones that belong to its value.
func (p *textParser) read() error {
	line := p.here()
	spaces := len(line) - len(strings.TrimLeft(line, " "))
	depth := spaces / 2
	switch {
	case spaces == len(line):
		return p.done()
	case p.ended:
		return errors.New("this stands behind the end of the execution")
	case spaces%2 != 0 || depth > len(p.around):
		return fmt.Errorf("it is indented by %d spaces, which fits nothing around it", spaces)
	}
	p.rest = p.rest[spaces:]
	switch word := p.word(); {
	case word == "INPUT":
		return p.input(depth)
	case len(p.events) == 0:
		return errors.New("the INPUT line is missing")
	case word == "attempt" || isStatus(word):
		return p.outcome(depth, word)
	default:
		return p.begin(depth, word)
	}
}

func isStatus(word string) bool {
	s := protocol.OperationStatus(word)
	return s.Closed() || s == protocol.StatusPending || s == protocol.StatusStarted
}

// add appends an event, at its time.
func (p *textParser) add(ev *protocol.Event) {
	ev.ID = int64(len(p.events) + 1)
	ev.Time = textEpoch.AddSeconds(ev.ID - 1)
	if ev.Type == protocol.EventWaitStarted {
		ev.ScheduledEnd = ev.Time.AddSeconds(ev.Duration)
	}
	p.events = append(p.events, ev)
}

// input reads the input of the execution, or of a chained invoke.
func (p *textParser) input(depth int) error {
	if depth == 0 {
		if len(p.events) > 0 {
			return errors.New("there is an INPUT before this one")
		}
		p.add(&protocol.Event{Type: protocol.EventExecutionStarted, ExecutionTimeout: protocol.MaxWaitSeconds})
		return p.value(p.events[0])
	}
	ev := p.events[len(p.events)-1]
	if ev.Type != protocol.EventChainedInvokeStarted || ev.OpID != p.around[depth-1].ID || ev.Payload != nil {
		return errors.New("an INPUT is the execution's, or right below a ChainedInvoke")
	}
	return p.value(ev)
}

// begin reads the line of an operation.
func (p *textParser) begin(depth int, id string) error {
	kind := p.word()
	plain, subType, special := strings.Cut(kind, "/")
	if !special {
		subType = plain
	}
	o := &Operation{Operation: protocol.Operation{ID: id, SubType: subType}}
	for t, word := range kinds {
		if word == plain {
			o.Type = t
		}
	}
	line := strings.TrimPrefix(p.here(), " ")
	name, err := strconv.QuotedPrefix(line)
	switch {
	case o.Type == "":
		return fmt.Errorf("%q is no operation, attempt or status", protocol.Clip(id+" "+kind, maxQuoted))
	case err != nil:
		return fmt.Errorf("operation %s has no quoted name behind its type", protocol.Clip(id, maxQuoted))
	case p.ids[id]:
		return fmt.Errorf("there is an operation %s before this one", protocol.Clip(id, maxQuoted))
	}
	p.ids[id] = true
	o.Name, _ = strconv.Unquote(name)
	if depth > 0 {
		o.ParentID = p.around[depth-1].ID
	}
	ev := &protocol.Event{Type: protocol.EventOf(o.Type, protocol.StatusStarted)}
	if o.Type == protocol.TypeCallback {
		ev.CallbackID = "callback-" + id
	}
	for field := range quotedFields(line[len(name):]) {
		if err := o.member(ev, field); err != nil {
			return err
		}
	}
	p.of(o, ev)
	p.around = append(p.around[:depth], o)
	p.rest = p.rest[len(p.here()):]
	return p.done()
}

// quotedFields yields what is between spaces, of which those within quotes do not count.
func quotedFields(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
			end := strings.IndexAny(s, ` "`)
			if end >= 0 && s[end] == '"' {
				quoted, _ := strconv.QuotedPrefix(s[end:])
				end += max(len(quoted), 1)
			}
			if end < 0 {
				end = len(s)
			}
			if !yield(s[:end]) {
				return
			}
			s = s[end:]
		}
	}
}

// member reads name=value of an operation's line.
func (o *Operation) member(ev *protocol.Event, field string) error {
	name, text, _ := strings.Cut(field, "=")
	for _, m := range numbers(ev) {
		if m.name == name {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 1 || n > protocol.MaxWaitSeconds {
				return fmt.Errorf("%q is no number of seconds", field)
			}
			*m.value = n
			return nil
		}
	}
	for _, m := range append(words(ev), member[string]{"parent", &o.ParentID}) {
		if m.name == name {
			word, err := strconv.Unquote(text)
			if err != nil {
				return fmt.Errorf("%q is no quoted text", field)
			}
			*m.value = word
			return nil
		}
	}
	return fmt.Errorf("operations have no member %q", protocol.Clip(field, maxQuoted))
}

// outcome reads the end of an attempt, of an operation, or of the execution.
func (p *textParser) outcome(depth int, word string) error {
	ev := &protocol.Event{}
	if word == "attempt" {
		n, err := strconv.ParseInt(p.word(), 10, 32)
		if err != nil || n < 1 {
			return errors.New("an attempt has a number, from 1")
		}
		ev.CurrentAttempt, word = int(n), p.word()
	}
	var end func() error
	if depth == 0 {
		ev.Type = executionEvent(word)
		if ev.Type == "" || ev.CurrentAttempt > 0 {
			return fmt.Errorf("an execution does not end with %q", protocol.Clip(word, maxQuoted))
		}
		end = func() error { p.ended = true; p.add(ev); return nil }
	} else {
		p.around = p.around[:depth]
		end = func() error { return p.ends(p.around[depth-1], protocol.OperationStatus(word), ev) }
	}
	before := p.rest
	if err := p.value(ev); err != nil {
		return err
	}
	after := p.rest
	if err := end(); err != nil {
		p.rest = before // which is where the mistake is
		return err
	}
	p.rest = after
	return nil
}

func executionEvent(word string) protocol.EventType {
	for t, m := range protocol.Meanings {
		if m.Execution.Closed() && string(m.Execution) == word {
			return t
		}
	}
	return ""
}

// ends completes an event that is no start, and puts the start of a further attempt before it.
func (p *textParser) ends(o *Operation, status protocol.OperationStatus, ev *protocol.Event) error {
	n := ev.CurrentAttempt
	switch isStep := o.Type == protocol.TypeStep; {
	case o.Status.Closed():
		return fmt.Errorf("operation %s has ended before", o.ID)
	case isStep && n != o.Attempt+1 || !isStep && n != 0:
		return fmt.Errorf("operation %s, a %s, has no attempt %d here", o.ID, o.Plain(), n)
	}
	again := protocol.Event{Type: protocol.EventStepStarted}
	if o.Attempt > 0 {
		p.of(o, &again)
	}
	o.Status, o.Attempt = status, n
	switch {
	case status == protocol.StatusStarted && n > 1:
		return nil
	case status == protocol.StatusPending && n > 0:
		ev.NextAttemptDelay, status = 1, protocol.StatusSucceeded
		if ev.Error != nil {
			status = protocol.StatusFailed
		}
	case !status.Closed():
		return fmt.Errorf("operation %s, a %s, is not %s", o.ID, o.Plain(), status)
	}
	if ev.Type = protocol.EventOf(o.Type, status); ev.Type == "" {
		return fmt.Errorf("operation %s, a %s, does not end with %s", o.ID, o.Plain(), status)
	}
	p.of(o, ev)
	return nil
}

// of adds an event of an operation.
func (p *textParser) of(o *Operation, ev *protocol.Event) {
	ev.OpID, ev.Name, ev.ParentID, ev.SubType = o.ID, o.Name, o.ParentID, o.SubType
	p.add(ev)
}

// value reads a payload or an error, if there is one, up to the end of its last line.
func (p *textParser) value(ev *protocol.Event) error {
	if strings.TrimSpace(p.here()) == "" {
		return p.done()
	}
	text, isError := strings.CutPrefix(p.rest, " error ")
	text, isText := strings.CutPrefix(text, " text ")
	dec := json.NewDecoder(strings.NewReader(text))
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return fmt.Errorf("the value is no JSON: %w", err)
	}
	var err error
	switch {
	case isError:
		ev.Error = new(protocol.ErrorObject)
		err = json.Unmarshal(raw, ev.Error)
	case isText:
		ev.Payload = new(string)
		err = json.Unmarshal(raw, ev.Payload)
	default:
		payload, _ := compact(string(raw))
		ev.Payload = &payload
	}
	if err != nil {
		return fmt.Errorf("the value cannot be read: %w", err)
	}
	p.rest = text[dec.InputOffset():]
	return p.done()
}
