package page

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// executionPage is one execution.
type executionPage struct {
	*engine.Description
	*place
	Function string
	Why      *engine.Explanation
	Input    *payload
	Result   *payload
	Event    string // the input as it is stored, for a fork that changes it; empty if it is too long
	Failure  *failure
	Timeline *timeline // nil in other views
	Details  *details  // nil if no operation is selected
	History  *historyView
	Log      *logView
	Invoked  int
	Cold     int            // of these: those that waited for a process to start
	Starting time.Duration  // for how long they did
	Children []child        // executions that it invoked, the first ones
	Unnamed  int            // how many more
	Refresh  int64          // milliseconds after which the page is another by itself; zero is never
	Decodes  bool           // there is a decoder
	numbers  map[string]int // of the operations that are reasons, by id
	now      protocol.Timestamp
}

// child is an execution that this one invoked.
type child struct{ ARN, Name, State string }

// maxChildren is how many children a page names.
const maxChildren = 5

// Open reports whether the execution goes on.
func (p *executionPage) Open() bool { return !p.Status.Closed() }

// Tagged are its tags.
func (p *executionPage) Tagged() []tagFilter { return tagFilters(p.Tags, url.Values{}) }

// Paused reports whether the execution is kept from going on.
func (p *executionPage) Paused() bool {
	return p.Status == protocol.ExecutionPaused || p.Status == protocol.ExecutionPausing
}

// Skippable reports whether the execution waits for a moment that may come early.
func (p *executionPage) Skippable() bool {
	return p.Open() && slices.ContainsFunc(p.Why.Reasons, func(r engine.Reason) bool {
		return r.Until != 0 && r.Kind != "callback" && r.Kind != "running"
	})
}

// Retries reports whether all that it waits for are next attempts.
func (p *executionPage) Retries() bool {
	other := func(r engine.Reason) bool { return !slices.Contains([]string{"retry", "failing", "unreached"}, r.Kind) }
	return len(p.Why.Reasons) > 0 && !slices.ContainsFunc(p.Why.Reasons, other)
}

// Find is where an operation is shown that is a reason.
func (p *executionPage) Find(id string) string {
	return p.With("view", "", "op", p.numbers[id]) + "#details"
}

// Ended is when it ended, or now.
func (p *executionPage) Ended() protocol.Timestamp {
	if p.Closed != 0 {
		return p.Closed
	}
	return max(p.now, p.Started)
}

// execution answers with the page of an execution. A client that has it already is told so before the history is
// read.
func (s *site) execution(w http.ResponseWriter, r *http.Request) error {
	at := parsePlace(r.URL.Query())
	now, err := s.stateOf(r.Context(), at.arn, lineSeen(r))
	if err != nil {
		return err
	}
	tag := now.tag(r, s.version)
	if r.Header.Get("If-None-Match") == tag {
		w.Header().Set("ETag", tag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	p, err := s.readExecution(r.Context(), at, now.Revision)
	if err != nil {
		return err
	}
	f := frame{Title: p.Name, Section: sectionExecutions, Refresh: p.Refresh, Page: p, tag: tag}
	if p.Open() {
		f.Live = liveExecution(at.arn)
	}
	if slices.ContainsFunc(p.Why.Forks, func(f engine.Fork) bool { return f.Status != "" && !f.Status.Closed() }) {
		f.tag = "" // what becomes of its forks is no state of its own
	}
	return s.render(w, r, http.StatusOK, "execution", f)
}

// state identifies the state that an execution's page shows.
type state struct {
	Revision int64
	LogSeq   int64 // the last line
	Tick     int64 // of the axis of an open one, which goes on to now
}

// tag names the state and what somebody sees of it.
func (s *state) tag(r *http.Request, version string) string {
	return fmt.Sprintf(`"%d.%d.%d.%x"`, s.Revision, s.LogSeq, s.Tick,
		sha256.Sum256([]byte(version+"\n"+r.URL.RawQuery+"\n"+formSecret(nil, r))))
}

// lineSeen is the last line of the log that a client has seen, by its tag.
func lineSeen(r *http.Request) int64 {
	var seen state
	_, _ = fmt.Sscanf(r.Header.Get("If-None-Match"), `"%d.%d.`, &seen.Revision, &seen.LogSeq)
	return seen.LogSeq
}

// stateOf returns an execution's state without reading its history. line is a line of its log that the client knows.
func (s *site) stateOf(ctx context.Context, arn string, line int64) (state, error) {
	now := state{LogSeq: line}
	revision, open, err := s.engine.Revision(ctx, arn)
	if err != nil {
		return state{}, err
	}
	now.Revision = revision
	if open {
		now.Tick = time.Now().UnixMilli() / 500
	}
	for {
		more, err := s.engine.ReadLog(ctx, arn, now.LogSeq, 0)
		if err != nil || len(more) == 0 {
			return now, err
		}
		now.LogSeq = more[len(more)-1].Seq
	}
}

// readExecution reads what a place shows of an execution.
func (s *site) readExecution(ctx context.Context, at *place, revision int64) (*executionPage, error) {
	d, err := s.engine.Describe(ctx, at.arn)
	if err != nil {
		return nil, err
	}
	p := &executionPage{Description: d, place: at, Decodes: s.decoder != nil,
		now: protocol.TimestampOf(time.Now())}
	if parsed, err := protocol.ParseARN(at.arn); err == nil {
		p.Function = parsed.Function
	}
	if p.Why, err = s.engine.Explain(ctx, at.arn); err != nil {
		return nil, err
	}
	p.Input = s.payload(ctx, at, "input", "Input", d.Input, "")
	p.Result = s.payload(ctx, at, "result", "Result", d.Result, "")
	p.Event = editable(d.Input)
	p.Input.name("execution-input")
	p.Result.name("execution-result")
	p.Failure = newFailure("execution-error", d.Error, "")
	var selected *operation
	err = s.look(ctx, at.arn, revision, func(r *record) error {
		p.Invoked, p.Cold, p.Starting, p.numbers = r.invoked, r.cold, r.starting, map[string]int{}
		for _, reason := range p.Why.Reasons {
			if o := r.byID[reason.OperationID]; o != nil {
				p.numbers[o.ID] = o.Number
			}
		}
		p.choose()
		ops := r.operations()
		for _, o := range ops {
			if o.Child != "" && len(p.Children) < maxChildren {
				p.Children = append(p.Children, child{o.Child, nameOf(o.Operation), o.State()})
			} else if o.Child != "" {
				p.Unnamed++
			}
			if o.Number == at.operation {
				selected = o.copy()
			}
		}
		if at.view == "timeline" {
			p.Timeline = p.scene(r).draw(at, ops)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.Refresh = p.refresh()
	return p, s.readView(ctx, p, selected)
}

// readView reads what only the chosen view, and the selected operation, need.
func (s *site) readView(ctx context.Context, p *executionPage, selected *operation) (err error) {
	if selected != nil {
		err = s.patiently(ctx, func() (err error) {
			p.Details, err = s.detail(ctx, p.place, selected)
			return err
		})
		if err != nil {
			return err
		}
		for i := range p.Why.Reasons {
			if r := &p.Why.Reasons[i]; r.OperationID == selected.ID {
				p.Details.Reason = r
			}
		}
		if p.Details.Log, _, err = s.readLog(ctx, p.place, selected.ID, ""); err != nil {
			return err
		}
	}
	switch p.view {
	case "history":
		err = s.patiently(ctx, func() (err error) {
			p.History, err = s.readHistory(ctx, p.place)
			return err
		})
	case "log":
		p.Log, err = s.readLogView(ctx, p.place)
	}
	return err
}

// choose selects the callback for which the execution waits, if it is one and nobody chose another operation: it is
// what people come to answer.
func (p *executionPage) choose() {
	if p.query.Has("op") || p.view != views[0] {
		return
	}
	callbacks := 0
	for i := range p.Why.Reasons {
		if r := &p.Why.Reasons[i]; r.CallbackID != "" {
			callbacks++
			p.operation = p.numbers[r.OperationID]
		}
	}
	if callbacks != 1 {
		p.operation = 0
	}
}

// refresh is after how many milliseconds the axis of an open execution should go on: half a percent of it.
func (p *executionPage) refresh() int64 {
	if !p.Open() {
		return 0
	}
	return max(1000, min(60_000, int64(p.now-p.Started)/200))
}

// scene is what the timeline of p is drawn from.
func (p *executionPage) scene(r *record) *scene {
	c := &scene{record: r, all: span{p.Started, max(p.Ended(), r.fold.Last)}, open: p.Open(), lit: p.lit,
		runs: slices.Clone(r.invocations), notes: map[string]string{}}
	for i := range p.Why.Reasons {
		reason := &p.Why.Reasons[i]
		switch reason.Kind {
		case "running":
			c.flying = &span{reason.Since, c.all.To}
			c.runs = append(c.runs, invocation{Number: r.invoked + 1, span: *c.flying})
		case "queued", engine.ReasonNoPlace, engine.ReasonUnregistered:
			c.wanted = &stretch{span{min(reason.Since, c.all.To), c.all.To}, "queued", "an invocation is wanted"}
		case "failing", "unreached":
			c.wanted = &stretch{span{min(reason.Since, c.all.To), c.all.To}, "retry", "until the next try"}
		default:
			if reason.OperationID != "" {
				c.notes[reason.OperationID] = reason.Text
			}
		}
	}
	return c
}
