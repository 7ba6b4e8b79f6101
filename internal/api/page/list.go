package page

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// listPage is the list of executions.
type listPage struct {
	*listPlace
	Functions []string
	Rows      []listRow
	Counts    *engine.Counts // of all that the filter lets through; nil if that is not known yet
	Statuses  []facet
	Doings    []facet
	Failures  []*failureGroup
	Next      string // address of the next page; empty on the last
	folded    []*alike
}

// listRow is an execution in the list.
type listRow struct {
	engine.Summary
	Heading string              // of the stage that begins with this row
	Why     *engine.Explanation // nil if it is not known yet
	Waits   bool                // it is open and waits for something
	Alike   []*alike            // what is left out behind this row, the last of the failures
}

// facet is a number of executions, and a link to them.
type facet struct {
	Word, Label string
	N           int
	Path        string
	Chosen      bool
}

const (
	pageLength    = 50
	shownFailures = 5 // groups of failures; the page of a function has more
	shownBack     = 40
	openGood      = 5 * time.Second // for how long the explanation of an open execution stays good
	closedGood    = time.Hour
	maxWhys       = 1000
	maxCounts     = 100
	maxReasonText = 300 // bytes
	whysAtOnce    = 4
	countsAtOnce  = 2
	soonAgain     = 400  // milliseconds after which a page asks again that has not got all
	countAgain    = 1000 // the same, for one whose counts are old
)

func (s *site) list(r *http.Request) (frame, error) {
	at, err := parseListPlace(r.URL.Query())
	if err != nil {
		return frame{}, err
	}
	p := &listPage{listPlace: at, Functions: s.functionNames()}
	deadline := time.After(patience)
	items, next, err := s.engine.List(r.Context(), &engine.ListRequest{
		Filter: at.filter, OldestFirst: at.order == "oldest", AttentionFirst: at.order == "attention",
		Marker: at.query.Get("Marker"), MaxItems: pageLength,
	})
	if err != nil {
		return frame{}, err
	}
	if next != "" {
		p.Next = at.next(next)
	}
	items = p.foldAlike(items)
	// Now, as it would make the list slower.
	complete := await(deadline, append(s.beginWhys(r.Context(), items), s.beginCounts(r.Context(), at)...)...)
	p.addRows(s, items)
	if err := p.addCounts(r, s); err != nil {
		return frame{}, err
	}
	f := frame{Title: "Executions", Section: sectionExecutions, Live: liveAll, Page: p}
	switch {
	case !complete:
		f.Refresh = soonAgain
	case s.areOld(r.Context(), p.Counts, s.counted(at.byStatus()), s.counted(at.byDoing())):
		f.Refresh = countAgain
	}
	return f, nil
}

// whyKey tells the states of an execution apart that a list shows.
func whyKey(s *engine.Summary) string {
	return s.ARN + " " + string(s.Status) + " " + strconv.FormatInt(int64(s.Since), 36) + strconv.FormatBool(s.Redriven)
}

// beginWhys begins to find out why executions are where they are: the open ones first.
func (s *site) beginWhys(ctx context.Context, items []engine.Summary) (all []<-chan struct{}) {
	for _, closed := range []bool{false, true} {
		for i := range items {
			one, good := &items[i], openGood
			if one.Status.Closed() != closed {
				continue
			}
			if closed && !one.Redriven { // what became of the redrive changes
				good = closedGood
			}
			find := func(ctx context.Context) (*engine.Explanation, error) { return s.engine.Explain(ctx, one.ARN) }
			all = append(all, s.whys.begin(ctx, whyKey(one), good, find))
		}
	}
	return all
}

var headings = map[engine.Stage]string{
	engine.StageStuck:    "Stuck, or waiting for somebody: the longest first",
	engine.StageFailures: "Failed in the last day",
	engine.StageRest:     "Everything else, the newest first",
}

func (p *listPage) addRows(s *site, items []engine.Summary) {
	stage := engine.Stage("")
	for i, one := range items {
		row := listRow{Summary: one}
		row.Why, _, _ = s.whys.known(whyKey(&one))
		row.Waits = !one.Status.Closed() && !slices.Contains(one.Doing, engine.Running)
		if one.Stage != stage {
			stage, row.Heading = one.Stage, headings[one.Stage]
		}
		if one.Stage == engine.StageFailures && (i+1 == len(items) || items[i+1].Stage != one.Stage) {
			row.Alike = p.folded
		}
		p.Rows = append(p.Rows, row)
	}
}

// Retries reports whether a step of it failed and is tried again.
func (r *listRow) Retries() bool { return slices.Contains(r.Doing, engine.Retrying) }

// Reason is why it is where it is, in one line.
func (r *listRow) Reason() string {
	var line string
	switch {
	case r.Status.Closed() && r.Error+r.Message != "" && r.Status != protocol.ExecutionStopped:
		line = strings.TrimPrefix(r.Error+": "+r.Message, ": ")
	case r.Why != nil && r.Status.Closed():
		line = strings.TrimPrefix(strings.TrimPrefix(r.Why.Text, "closed: "+string(r.Status)), " ")
	case r.Why != nil:
		line = r.Why.Text
	default:
		var words []string
		for _, a := range r.Doing {
			words = append(words, doingWords[a])
		}
		line = strings.Join(words, ", ")
	}
	return visible(text.Clip(strings.Join(strings.Fields(line), " "), maxReasonText))
}

// Newest is the newest redrive of the execution, or the execution, which knows it, until that is known here.
func (r *listRow) Newest() string {
	if r.Why != nil {
		if again := r.Why.Redriven(); again != nil && again.Status != "" {
			return again.ARN
		}
	}
	return r.ARN
}

// Percent is the part of its operations that has ended.
func (r *listRow) Percent() int { return 100 * r.Why.Ended / max(1, r.Why.Begun) }

// Anchor is the id of its element: what is put in its place later belongs to the same execution.
func (r *listRow) Anchor() string {
	arn, _ := protocol.ParseARN(r.ARN)
	return "x-" + arn.ID
}

// Function and Version are those that run it.
func (r *listRow) Function() string { arn, _ := protocol.ParseARN(r.ARN); return arn.Function }
func (r *listRow) Version() string  { arn, _ := protocol.ParseARN(r.ARN); return arn.Version }

// tagFilter is a tag, and the address of what has it, too.
type tagFilter struct{ Text, Path string }

// TagsOf are the tags of a row.
func (p *listPage) TagsOf(r listRow) []tagFilter { return tagFilters(r.Tags, p.first()) }

// tagFilters are tags, each with the address of the list of what has it beside what q asks for.
func tagFilters(of map[string]string, with url.Values) (tags []tagFilter) {
	for _, key := range slices.Sorted(maps.Keys(of)) {
		pair := key + "=" + of[key]
		q := maps.Clone(with)
		if !slices.Contains(q["Tag"], pair) {
			q["Tag"] = append(slices.Clone(q["Tag"]), pair)
		}
		tags = append(tags, tagFilter{pair, Prefix + "?" + q.Encode()})
	}
	return tags
}

// Matches is how many executions pass the filter; negative if that is not known yet.
func (p *listPage) Matches() int {
	if p.Counts == nil {
		return -1
	}
	return p.Counts.Total
}

// Pages is how many pages the list has.
func (p *listPage) Pages() int { return max(p.Number(), (p.Matches()+pageLength-1)/pageLength) }

// Wider is the name as a part of names, if it was taken as the whole of one; else nil.
func (p *listPage) Wider() *chosen {
	name := p.Get("Name")
	if name == "" || strings.Contains(name, "*") {
		return nil
	}
	return &chosen{Value: "*" + name + "*", Path: p.With("Name", "*"+name+"*")}
}

// FirstCommand starts the first execution of all.
func (p *listPage) FirstCommand() string {
	return commandOf("invoke", p.Functions[0], "--event-json", "{}")
}

// listPlace is where somebody is in the list, as the address says: which executions, in which order, and the page.
type listPlace struct {
	query  url.Values // its known members
	filter engine.Filter
	order  string
	back   []string // the markers of the pages before this one, the last of them last; "-" is the first page
}

var orders = []string{"attention", "newest", "oldest"}

// parseListPlace reads an address. What a form sends empty is left out.
func parseListPlace(q url.Values) (*listPlace, error) {
	p := &listPlace{query: url.Values{}, order: q.Get("Order")}
	for _, key := range append(slices.Clone(engine.FilterKeys), "Order", "Marker", "Back", "Page") {
		for _, value := range q[key] {
			trimmed := strings.TrimSpace(value)
			if key != "Tag" { // where a space at the end counts
				value = trimmed
			}
			if trimmed != "" {
				p.query.Add(key, value)
			}
		}
	}
	var err error
	if p.filter, err = engine.ParseFilter(p.query, time.Now()); err != nil {
		return nil, err
	}
	if p.order == "" {
		p.order = orders[0]
	}
	if !slices.Contains(orders, p.order) {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "A list has no order %q: it is one of %s.",
			protocol.Clip(p.order, 40), strings.Join(orders, ", "))
	}
	if back := p.query.Get("Back"); back != "" {
		p.back = strings.Split(back, " ")
	}
	return p, nil
}

// Get and All are what was asked for, as it was written.
func (p *listPlace) Get(key string) string   { return p.query.Get(key) }
func (p *listPlace) All(key string) []string { return p.query[key] }
func (p *listPlace) Orders() []string        { return orders }
func (p *listPlace) Order() string           { return p.order }

// Has reports whether a filter names a value.
func (p *listPlace) Has(key, value string) bool {
	return key == "Status" && slices.Contains(p.filter.Statuses, protocol.ExecutionStatus(value)) ||
		key == "Doing" && slices.Contains(p.filter.Doing, engine.Activity(value))
}

// AllStatuses and AllDoings are what a filter may name.
func (p *listPlace) AllStatuses() []string { return wordsOf(statusOrder) }
func (p *listPlace) AllDoings() []string   { return wordsOf(engine.Activities) }

func wordsOf[T ~string](all []T) (words []string) {
	for _, one := range all {
		words = append(words, string(one))
	}
	return words
}

// Filtered reports whether some executions are left out.
func (p *listPlace) Filtered() bool { return len(p.FilterValues()) > 0 }

// FilterValues are the members of the filter, as they were written.
func (p *listPlace) FilterValues() url.Values {
	q := maps.Clone(p.query)
	maps.DeleteFunc(q, func(key string, _ []string) bool { return !slices.Contains(engine.FilterKeys, key) })
	return q
}

// first is the query of the first page of this list.
func (p *listPlace) first() url.Values {
	q := maps.Clone(p.query)
	for _, key := range []string{"Marker", "Back", "Page"} {
		q.Del(key)
	}
	return q
}

// With is the address of the first page with other values: pairs of a name and a value, which is left out if it is
// empty.
func (p *listPlace) With(pairs ...any) string { return Prefix + with(p.first(), pairs...) }

// Without is the address without one value of a filter.
func (p *listPlace) Without(key, value string) string {
	q := p.first()
	q[key] = slices.DeleteFunc(slices.Clone(q[key]), func(v string) bool { return v == value })
	return Prefix + "?" + q.Encode()
}

// chosen is a member of the filter that somebody may take away.
type chosen struct{ Label, Value, Path string }

// Chosen are the members of the filter.
func (p *listPlace) Chosen() (all []chosen) {
	for _, key := range engine.FilterKeys {
		for _, value := range p.query[key] {
			all = append(all, chosen{filterWords[key], value, p.Without(key, value)})
		}
	}
	return all
}

// Number is that of the page, from 1 on.
func (p *listPlace) Number() int {
	n, _ := strconv.Atoi(p.query.Get("Page"))
	return max(1, n)
}

// next is the address of the page that begins at a marker. It remembers the way back, for so many pages.
func (p *listPlace) next(marker string) string {
	here := p.query.Get("Marker")
	if here == "" {
		here = "-"
	}
	back := append(slices.Clone(p.back), here)
	q := p.first()
	q.Set("Marker", marker)
	q.Set("Back", strings.Join(back[max(0, len(back)-shownBack):], " "))
	q.Set("Page", strconv.Itoa(p.Number()+1))
	return Prefix + "?" + q.Encode()
}

// Previous is the address of the page before this one; of the first page, if the way is forgotten; empty on the first.
func (p *listPlace) Previous() string {
	if p.query.Get("Marker") == "" {
		return ""
	}
	q := p.first()
	if n := len(p.back); n > 0 && p.back[n-1] != "-" {
		q.Set("Marker", p.back[n-1])
		q.Set("Back", strings.Join(p.back[:n-1], " "))
		q.Set("Page", strconv.Itoa(max(2, p.Number()-1)))
	}
	return Prefix + "?" + q.Encode()
}

// ListCommand does the same in a terminal.
func (p *listPlace) ListCommand() string {
	line := "perdure list" + filterFlags(p.FilterValues(), true)
	switch p.order {
	case "attention":
		line += " --attention"
	case "oldest":
		line += " --oldest-first"
	}
	return line
}

func (s *site) functionNames() []string {
	functions, _ := s.functions.List()
	var names []string
	for _, f := range functions {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
