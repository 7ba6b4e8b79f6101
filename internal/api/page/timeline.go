package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

const (
	// rowsSent is how many rows of a timeline are sent: what one sees, and as much around it.
	rowsSent = 120
	// rowHeight is the height of a row in pixels, as the style sheet has it.
	rowHeight = 34
	// fewRows is up to how many operations nothing is folded.
	fewRows = 25
	// leastBar is the least width of a bar, in percent: what took no time is seen, too.
	leastBar = 0.15
	// leastCold is from which width on a cold start is drawn: a narrower one would hide how its invocation ended.
	leastCold = 0.5
	// maxDepth is how deep rows are indented.
	maxDepth = 12
)

// timeline is what a page shows of a record: the rows that one sees, on one axis.
type timeline struct {
	Rows          []*row
	Total         int // rows, with those that are not sent
	First         int // of the sent rows, from 0
	Above, Below  int // height of what is not sent, in pixels
	LeftOut       int // operations that are not kept
	Folds         bool
	Ticks         []tick
	Gaps          []gap
	Cuts          bool // some time is left out
	End           string
	Invocations   []strip
	Between       []part // pauses, and what lies between invocations that failed, or before the next one
	Colds         bool   // some of these waited for a process to start
	Pauses        bool   // there were pauses
	Chosen        string // what there is to say of the invocation that is chosen, beside its number
	LeftOutBefore int    // invocations that are not kept
}

// From, Last, Before and Next are numbers for people, and for links to other rows.
func (t *timeline) From() int   { return t.First + 1 }
func (t *timeline) Last() int   { return t.First + len(t.Rows) }
func (t *timeline) Before() int { return max(0, t.First-rowsSent) }
func (t *timeline) Next() int   { return t.First + len(t.Rows) }

// row is one operation of a timeline.
type row struct {
	Number   int
	Name     string
	Kind     string
	Class    string
	State    string
	Note     string
	Depth    int
	Folds    bool // has operations in it
	Unfolded bool
	Selected bool
	Lit      bool // ran in the invocation that is chosen
	Tally    *tally
	Start    protocol.Timestamp
	End      protocol.Timestamp
	Until    protocol.Timestamp
	Parts    []part
	// From and To are the first and the last invocation that ran it; zero if none that is kept did.
	From, To int
}

// part is a piece of a row's bar.
type part struct{ X, Width, Class, Title string }

// strip is an invocation above a timeline.
type strip struct {
	part
	Number int
	Lit    bool
	Cold   *part // in which it waited for a process to start; nil if it did not
}

// scene is what a timeline is drawn from.
type scene struct {
	record *record
	all    span
	axis   *axis
	open   bool              // the execution goes on
	flying *span             // the invocation under way
	wanted *stretch          // an invocation is
	runs   []invocation      // with the one under way
	notes  map[string]string // by operation id: what it waits for
	lit    int               // the chosen invocation
}

// moments are when something began or ended.
func (s *scene) moments(ops []*operation) []protocol.Timestamp {
	moments := make([]protocol.Timestamp, 0, 2*len(ops))
	for _, o := range ops {
		moments = append(moments, o.Start)
		if o.End != 0 {
			moments = append(moments, o.End)
		}
		for _, t := range o.tries {
			moments = append(moments, t.From, t.To)
		}
	}
	for _, p := range s.record.pauses {
		moments = append(moments, p.From, cmp.Or(p.To, s.all.To))
	}
	return moments
}

// busy is when the function ran.
func (s *scene) busy() (busy []span) {
	for _, i := range s.runs {
		busy = append(busy, i.span)
	}
	return busy
}

// draw makes the timeline of the operations from the row at on, or around the selected operation.
func (s *scene) draw(p *place, ops []*operation) *timeline {
	t := newTree(ops)
	s.axis = newAxis(s.all, nil, []span{s.all})
	if !p.whole {
		s.axis = newAxis(s.all, s.moments(ops), s.busy())
	}
	f := &folding{open: p.open, shut: p.shut, all: p.all, few: len(ops) <= fewRows}
	selected := t.byNumber[p.operation]
	if selected != nil {
		f.path = t.around(selected, s.record.byID)
	}
	rows, of := t.flatten(f)
	line := &timeline{Total: len(rows), LeftOut: s.record.fold.Begun - len(ops), Ticks: s.axis.ticks(s.all.From),
		Gaps: s.axis.gaps(), LeftOutBefore: s.record.invoked - len(s.record.invocations)}
	s.strips(line)
	line.Cuts, line.End = len(line.Gaps) > 0, "end"
	if s.open {
		line.End = "now"
	}
	line.Folds = len(t.children[""]) < len(ops)
	line.First = max(0, min(p.first, len(rows)-rowsSent/2))
	last := min(len(rows), line.First+rowsSent)
	line.Above, line.Below = line.First*rowHeight, (len(rows)-last)*rowHeight
	for i := line.First; i < last; i++ {
		s.fill(rows[i], of[i], t)
		rows[i].Selected = of[i] == selected
		line.Rows = append(line.Rows, rows[i])
	}
	return line
}

// fill completes the row of o.
func (s *scene) fill(r *row, o *operation, t *tree) {
	r.Name, r.Kind, r.Class, r.State = nameOf(o.Operation), o.Kind(), o.class(), o.State()
	r.Start, r.End, r.Note = o.Start, cmp.Or(o.End, o.left), s.notes[o.ID]
	if o.left == 0 {
		r.Until = o.Until()
	}
	if o.Error != nil && r.Note == "" {
		r.Note = text.Clip(o.Error.Line(), maxLine)
	}
	if r.Folds {
		r.Tally = &tally{}
		for _, child := range t.children[o.ID] {
			r.Tally.add(t.counts(child))
		}
	}
	bars := s.bars(o)
	slices.SortStableFunc(bars, func(a, b stretch) int { return cmp.Compare(a.layer(), b.layer()) })
	for _, b := range bars {
		r.Parts = append(r.Parts, s.part(b))
	}
	for _, run := range s.runs {
		if o.Type != protocol.TypeWait && run.From <= s.endOf(o) && run.To >= o.Start {
			r.From, r.To = cmp.Or(r.From, run.Number), run.Number
			r.Lit = r.Lit || run.Number == s.lit
		}
	}
}

// endOf is the end of an operation, or of what left it behind, or now.
func (s *scene) endOf(o *operation) protocol.Timestamp { return cmp.Or(o.End, o.left, s.all.To) }

// bar is a stretch of an operation's time.
type stretch struct {
	span
	class string // run, failed, retry, queued, paused, wait, callback, invoke, or context with that of its status
	title string
}

// layer orders what is drawn over each other: a short attempt is over the pauses beside it.
func (b *stretch) layer() int {
	if b.class == "run" || b.class == "failed" {
		return 1
	}
	return 0
}

// bars are the stretches of an operation, in order.
func (s *scene) bars(o *operation) []stretch {
	whole := span{o.Start, s.endOf(o)}
	switch o.Type {
	case protocol.TypeContext:
		return []stretch{{whole, "context " + o.class(), o.State()}}
	case protocol.TypeWait:
		return []stretch{{whole, "wait", "waited"}}
	case protocol.TypeCallback:
		return []stretch{{whole, "callback", "waited for an answer"}}
	case protocol.TypeChainedInvoke:
		return []stretch{{whole, "invoke", "waited for " + cmp.Or(o.Function, "a function")}}
	}
	return s.attempts(o)
}

// attempts are the stretches of a step.
func (s *scene) attempts(o *operation) (all []stretch) {
	between := func(from, to protocol.Timestamp, t *try) {
		due := cmp.Or(t.Next, to)
		pause := stretch{span{from, min(due, to)}, "retry", "until the next attempt"}
		if t.Failure == "" {
			pause.class, pause.title = "wait", "until it looks again"
		}
		all = append(all, pause)
		if due < to {
			all = append(all, stretch{span{due, to}, "queued", "was due"})
		}
	}
	for i := range o.tries {
		t := &o.tries[i]
		if i > 0 {
			between(o.tries[i-1].To, t.From, &o.tries[i-1])
		}
		class, title := "run", fmt.Sprintf("attempt %d", t.Number)
		if t.Failure != "" {
			class, title = "failed", title+": "+t.Failure
		}
		all = append(all, stretch{span{t.From, t.To}, class, title})
	}
	if !o.Open() {
		return all
	}
	if n := len(o.tries); n > 0 && o.Status == protocol.StatusPending {
		between(o.tries[n-1].To, s.endOf(o), &o.tries[n-1])
	} else if n > 0 && o.began != 0 {
		between(o.tries[n-1].To, o.began, &o.tries[n-1])
	}
	if o.began != 0 {
		all = append(all, s.present(o)...)
	}
	return all
}

// present is the attempt of a step that has begun: it runs only while an invocation does.
func (s *scene) present(o *operation) []stretch {
	title := fmt.Sprintf("attempt %d", o.Attempt+1)
	end := s.endOf(o)
	run := span{o.began, end}
	if s.open && s.flying != nil && o.left == 0 {
		return []stretch{{run, "run", title}}
	}
	for i := len(s.runs) - 1; i >= 0; i-- {
		if s.runs[i].From <= o.began {
			run.To = max(o.began, min(run.To, s.runs[i].To))
			break
		}
	}
	return []stretch{{run, "failed", title + ", broken off"},
		{span{run.To, end}, "queued", "no invocation runs it"}}
}

func (s *scene) part(b stretch) part {
	left, right := s.axis.at(b.From), s.axis.at(max(b.From, b.To))
	return part{X: percent(left), Width: percent(max(leastBar, right-left)), Class: b.class,
		Title: b.title + ", " + text.Spaced(b.length()) + ", from " + moment(b.From)}
}

// strips adds the invocations above the timeline, and what lies between them: pauses, and the time until the next try
// after one that failed.
func (s *scene) strips(line *timeline) {
	var all []stretch
	for i, run := range s.runs {
		b := stretch{run.span, "run", fmt.Sprintf("invocation %d", run.Number)}
		switch {
		case run.Failure != "":
			b.class, b.title = "failed", b.title+": "+run.Failure
		case s.flying != nil && run.span == *s.flying:
			b.title += ", under way"
		}
		one := strip{part: s.part(b), Number: run.Number, Lit: run.Number == s.lit}
		cold := span{run.From, min(run.To, run.From.Add(run.Init))}
		if run.Init > 0 && s.axis.at(cold.To)-s.axis.at(cold.From) >= leastCold {
			drawn := s.part(stretch{cold, "cold", "cold start"})
			one.Cold = &drawn
			line.Colds = true
		} else if run.Init > 0 {
			one.Title += ", with a " + coldStart(run.Init)
		}
		if one.Lit {
			line.Chosen = coldStart(run.Init)
		}
		line.Invocations = append(line.Invocations, one)
		next := s.record.closed
		if i+1 < len(s.runs) {
			next = s.runs[i+1].From
		}
		if run.Failure != "" {
			all = append(all, stretch{s.untilPause(span{run.To, next}), "retry", "until the next try"})
		}
	}
	for _, p := range s.record.pauses {
		all = append(all, stretch{span{p.From, cmp.Or(p.To, s.all.To)}, "paused", "paused" + p.Why})
	}
	if s.wanted != nil { // since it was first: but the function ran, or was paused, meanwhile
		next := *s.wanted
		for _, b := range all {
			next.From = max(next.From, b.To)
		}
		if n := len(s.runs); n > 0 {
			next.From = max(next.From, s.runs[n-1].To)
		}
		all = append(all, next)
	}
	for _, b := range all {
		if b.From < b.To {
			line.Between = append(line.Between, s.part(b))
		}
	}
	line.Pauses = len(s.record.pauses) > 0
}

// untilPause is the part of a stretch before a pause in it.
func (s *scene) untilPause(part span) span {
	for _, p := range s.record.pauses {
		if p.From >= part.From && p.From < part.To {
			part.To = p.From
		}
	}
	return part
}

// shape is what the operation looks like: that of its status, unless it was left behind.
func (o *operation) shape() string {
	if o.left != 0 {
		return "gone"
	}
	return class(o.Status)
}

// class is its shape, and one of its own if it waits.
func (o *operation) class() string {
	c := o.shape()
	if c == "open" && o.Type != protocol.TypeStep && o.Type != protocol.TypeContext {
		return "wait"
	}
	return c
}

// State is the operation's status for people.
func (o *operation) State() string {
	switch {
	case o.left != 0:
		return "did not end"
	case o.Status == protocol.StatusPending && o.Error != nil:
		return "failed, tries again"
	case o.Status == protocol.StatusPending:
		return "looks again"
	case o.Open() && o.Type == protocol.TypeCallback:
		return "waits for an answer"
	case o.Open() && o.Type == protocol.TypeChainedInvoke:
		return "waits for a function"
	case o.Open() && o.Type == protocol.TypeWait:
		return "waits"
	case o.Open() && o.Type == protocol.TypeContext:
		return "goes on"
	case o.Open():
		return "runs"
	}
	return strings.ToLower(strings.ReplaceAll(string(o.Status), "_", " "))
}
