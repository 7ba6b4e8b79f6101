package page

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// place is where somebody is on the page of an execution, as the address says: so it can be sent to others, and works
// without JavaScript.
type place struct {
	arn       string
	view      string // timeline, history or log
	operation int    // number of the selected operation; zero is none
	first     int    // of the rows that are sent
	lit       int    // the chosen invocation
	all       bool   // unfold everything
	whole     bool   // cut no time out
	asStored  bool   // show payloads as they are stored
	open      map[int]bool
	shut      map[int]bool

	text   string // filters the history, or the log
	typ    string // of an event
	before int64  // the number of an event, or of a line; zero is the end

	query url.Values
}

var views = []string{"timeline", "history", "log"}

// maxNumbers bounds the operations that one folds or unfolds by themselves.
const maxNumbers = 1000

func parsePlace(q url.Values) *place {
	number := func(name string) int {
		n, _ := strconv.Atoi(q.Get(name))
		return max(0, n)
	}
	numbers := func(name string) map[int]bool {
		all := map[int]bool{}
		for word := range strings.SplitSeq(q.Get(name), ".") {
			if n, err := strconv.Atoi(word); err == nil && len(all) < maxNumbers {
				all[n] = true
			}
		}
		return all
	}
	p := &place{
		arn: q.Get("arn"), view: q.Get("view"), operation: number("op"), first: number("at"), lit: number("inv"),
		all: q.Get("fold") == "none", whole: q.Get("axis") == "whole", asStored: q.Get("stored") != "",
		open: numbers("open"), shut: numbers("shut"),
		text: strings.TrimSpace(q.Get("q")), typ: q.Get("type"), before: int64(number("before")), query: q,
	}
	if !slices.Contains(views, p.view) {
		p.view = views[0]
	}
	return p
}

// Views are the views of an execution.
func (*place) Views() []string { return views }

// View is the chosen one.
func (p *place) View() string { return p.view }

// Unfolds, Whole, Lit and AsStored are what was chosen of the timeline, and how payloads are shown.
func (p *place) Unfolds() bool  { return p.all }
func (p *place) Whole() bool    { return p.whole }
func (p *place) Lit() int       { return p.lit }
func (p *place) AsStored() bool { return p.asStored }

// With is the address of this place with other values: pairs of a name and a value, which is left out if it is empty.
func (p *place) With(pairs ...any) string { return with(p.query, pairs...) }

// with is a query with other values: pairs of a name and a value, which is left out if it is empty.
func with(query url.Values, pairs ...any) string {
	q := maps.Clone(query)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := pairs[i].(string), pairs[i+1]
		q.Del(name)
		switch v := value.(type) {
		case string:
			if v != "" {
				q.Set(name, v)
			}
		case int:
			q.Set(name, strconv.Itoa(v))
		case int64:
			q.Set(name, strconv.FormatInt(v, 10))
		}
	}
	return "?" + q.Encode()
}

// Toggle is the address at which an operation is folded that is unfolded here, or the other way round.
func (p *place) Toggle(number int, unfolded bool) string {
	open, shut := maps.Clone(p.open), maps.Clone(p.shut)
	delete(open, number)
	delete(shut, number)
	if unfolded {
		shut[number] = true
	} else {
		open[number] = true
	}
	return p.With("open", join(open), "shut", join(shut))
}

func join(numbers map[int]bool) string {
	var words []string
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ".")
}
