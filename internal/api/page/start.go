package page

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// startPage is the form that starts an execution, with events to begin from.
type startPage struct {
	Functions []string // that have executions
	Function  string
	Versions  []string // and aliases, of Function
	Version   string
	Name      string
	Tags      string // KEY=VALUE, one in a line
	Event     string
	Saved     []savedRow
	Recent    []recentRow
	From      string // whose event it is
}

// savedRow is a saved event, and recentRow the input of an execution.
type savedRow struct {
	engine.SavedEvent
	Path string
	Here bool
}

type recentRow struct {
	engine.Summary
	Path    string
	Preview string
}

const (
	recentInputs = 5
	maxTaken     = 256 << 10 // bytes of an input that is taken into the form; a larger one is for the command
)

// Command starts the same in a terminal; the event is in a file there.
func (p *startPage) Command() command {
	return command{commandOf("invoke", "--event", "event.json", p.Function), []flag{
		{Field: "version", Words: ":", Takes: "VERSION"}, {Field: "name", Words: " --name ", Takes: "NAME"},
		{Field: "tags", Words: " --tag ", Takes: "KEY=VALUE", Each: true}}}
}

// startPath is the form for an event of a function.
func startPath(function string, more ...any) string {
	return Prefix + "start" + with(url.Values{"function": {function}}, more...)
}

func (s *site) startForm(r *http.Request) (frame, error) {
	q := r.URL.Query()
	p := &startPage{Functions: s.durableNames(), Function: q.Get("function"), Event: "{}"}
	if err := p.takeFrom(r.Context(), s, q.Get("from")); err != nil {
		return frame{}, err
	}
	if p.Function == "" && len(p.Functions) > 0 {
		p.Function = p.Functions[0]
	}
	if slices.Contains(p.Functions, p.Function) {
		if err := p.addEvents(r.Context(), s, q.Get("saved")); err != nil {
			return frame{}, err
		}
	}
	return frame{Title: "Start an execution", Section: sectionStart, Style: "list", Page: p}, nil
}

// takeFrom fills the form with what another execution began with.
func (p *startPage) takeFrom(ctx context.Context, s *site, arn string) error {
	if arn == "" {
		return nil
	}
	d, err := s.engine.Describe(ctx, arn)
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseARN(arn)
	if err != nil {
		return err
	}
	p.Function, p.From = parsed.Function, "the input of "+d.Name
	if d.Version != protocol.LatestVersion {
		p.Version = d.Version
	}
	for _, key := range slices.Sorted(maps.Keys(d.Tags)) {
		p.Tags += key + "=" + d.Tags[key] + "\n"
	}
	switch {
	case d.Input == nil:
	case len(*d.Input) > maxTaken:
		p.From = fmt.Sprintf("the input of %s, which has %s and is too large for a form: download it from its page",
			d.Name, sizeOf(len(*d.Input)))
	default:
		p.Event = *d.Input
	}
	return nil
}

// addEvents adds the events that one may begin with.
func (p *startPage) addEvents(ctx context.Context, s *site, chosen string) error {
	saved, err := s.engine.SavedEvents().List(ctx, p.Function)
	if err != nil {
		return err
	}
	for _, one := range saved {
		row := savedRow{SavedEvent: one, Path: startPath(p.Function, "saved", one.Name), Here: one.Name == chosen}
		if row.Here {
			p.Event, p.From = one.Event, "the saved event "+one.Name
		}
		p.Saved = append(p.Saved, row)
	}
	last := &engine.ListRequest{Filter: engine.Filter{Function: p.Function}, MaxItems: recentInputs}
	items, _, err := s.engine.List(ctx, last)
	if err != nil {
		return err
	}
	for _, one := range items {
		d, err := s.engine.Describe(ctx, one.ARN)
		if err != nil || d.Input == nil {
			continue
		}
		p.Recent = append(p.Recent, recentRow{Summary: one, Path: startPath(p.Function, "from", one.ARN),
			Preview: visible(text.Clip(strings.Join(strings.Fields(protocol.Head(*d.Input, 400)), " "), 120))})
	}
	functions, _ := s.functions.List()
	for _, f := range functions {
		if f.Name == p.Function && f.Version != protocol.LatestVersion {
			p.Versions = append(p.Versions, f.Version)
		}
	}
	aliases, err := s.functions.Aliases(ctx, p.Function, "")
	for _, a := range aliases {
		p.Versions = append(p.Versions, a.Name)
	}
	return err
}

// durableNames are the functions that have executions.
func (s *site) durableNames() []string {
	functions, _ := s.functions.List()
	var names []string
	for _, f := range functions {
		if f.Durable != nil {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// start starts an execution with what a form says.
func (s *site) start(r *http.Request, form url.Values) (string, error) {
	event := strings.TrimSpace(form.Get("event"))
	if err := checkJSON(event); err != nil {
		return "", err
	}
	tags, err := readTags(form.Get("tags"))
	if err != nil {
		return "", err
	}
	started, err := s.engine.Start(r.Context(), &engine.InvokeRequest{
		Function: form.Get("function"), Qualifier: strings.TrimSpace(form.Get("version")),
		Name: strings.TrimSpace(form.Get("name")), Tags: tags, Payload: []byte(event),
	})
	if err != nil {
		return "", err
	}
	if !started.Durable {
		return "", protocol.Errorf(protocol.CodeInvalidParameter,
			"%s is not durable: it has no executions. Call it with perdure invoke.", form.Get("function"))
	}
	return executionPath(started.ARN), nil
}

// checkJSON refuses an event that is not JSON, and says where.
func checkJSON(event string) error {
	if event == "" {
		return nil
	}
	var value json.RawMessage
	err := json.Unmarshal([]byte(event), &value)
	if err == nil {
		return nil
	}
	where := ""
	if syntax, ok := err.(*json.SyntaxError); ok {
		before := event[:min(int(syntax.Offset), len(event))]
		line := 1 + strings.Count(before, "\n")
		where = fmt.Sprintf(" in line %d, column %d", line, len(before)-strings.LastIndex(before, "\n")-1)
	}
	return protocol.Errorf(protocol.CodeInvalidParameter, "The event is not JSON%s: %s.", where,
		visible(protocol.Clip(err.Error(), 200)))
}

// readTags reads tags, one in each line.
func readTags(lines string) (map[string]string, error) {
	var tags map[string]string
	for line := range strings.SplitSeq(lines, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if _, twice := tags[key]; !ok || twice {
			return nil, protocol.Errorf(protocol.CodeInvalidParameter,
				"The tag %q is not KEY=VALUE with a key of its own.", visible(protocol.Clip(line, 80)))
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[key] = value
	}
	return tags, nil
}

// saveEvent keeps the event of the form under a name.
func (s *site) saveEvent(r *http.Request, form url.Values) (string, error) {
	event := strings.TrimSpace(form.Get("event"))
	if err := checkJSON(event); err != nil {
		return "", err
	}
	function, name := form.Get("function"), strings.TrimSpace(form.Get("save-as"))
	one := &engine.SavedEvent{Function: function, Name: name, Event: event}
	_, err := s.engine.SavedEvents().Save(r.Context(), one)
	return startPath(function, "saved", name), err
}

func (s *site) forgetEvent(r *http.Request, form url.Values) (string, error) {
	function := form.Get("function")
	return startPath(function), s.engine.SavedEvents().Forget(r.Context(), function, form.Get("saved"))
}
