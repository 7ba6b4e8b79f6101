package page

import (
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

// actPage says what an action on many executions would do, with a form that does it.
type actPage struct {
	Action  engine.JobAction
	Plan    *engine.JobPlan
	ARNs    []string    // that were chosen one by one
	Filter  string      // or the filter, as an address has it; Name=* is all
	Chosen  []filterFor // the filter, for people
	Others  []tab       // what else may be done to the same
	Answers []tab       // of callbacks: both
	Command *command    // nil if there is none
	Back    string
}

// tab is a link among others, one of which is where one is.
type tab struct {
	Label, Path string
	Here        bool
	N           int
}

// filterFor is a member of a filter for people.
type filterFor struct{ Label, Value string }

// jobWords say what a job does: as a heading before a number of executions, and what becomes of them.
var jobWords = map[engine.JobAction]struct{ Verb, About string }{
	engine.JobPause:   {"Pause", "They are not invoked until somebody resumes them, and their timeouts stand still."},
	engine.JobResume:  {"Resume", "They go on where they were paused."},
	engine.JobStop:    {"Stop", "They close for good, and their names stay taken."},
	engine.JobRedrive: {"Redrive", "What failed is tried again, by new executions that keep what succeeded."},
	engine.JobSkip:    {"Skip the waits of", "What they wait for next, a moment or a retry, comes now."},
	engine.JobDelete:  {"Delete", "They are deleted for good, with their histories and logs."},
	engine.JobSucceed: {"Complete the callbacks of", "What they wait for succeeds with one result."},
	engine.JobFail:    {"Fail the callbacks of", "What they wait for fails with one error."},
}

// actionLabels are the buttons, in their order.
var actionLabels = []struct {
	Action engine.JobAction
	Label  string
}{
	{engine.JobRedrive, "Redrive"}, {engine.JobPause, "Pause"}, {engine.JobResume, "Resume"},
	{engine.JobSucceed, "Answer callbacks"}, {engine.JobSkip, "Skip waits"}, {engine.JobStop, "Stop"},
	{engine.JobDelete, "Delete"},
}

var answerLabels = map[engine.JobAction]string{engine.JobSucceed: "With a result", engine.JobFail: "With an error"}

// ActionLabels are the buttons of a list.
func (*listPage) ActionLabels() any { return actionLabels }

// Is reports whether this is one of the actions.
func (p *actPage) Is(actions ...string) bool { return slices.Contains(actions, string(p.Action)) }

// Verb and About say what the action does.
func (p *actPage) Verb() string  { return jobWords[p.Action].Verb }
func (p *actPage) About() string { return jobWords[p.Action].About }

// More is how many executions there are besides those that are shown.
func (p *actPage) More() int { return p.Plan.Total - len(p.Plan.Sample) }

// All reports whether the filter leaves nothing out.
func (p *actPage) All() bool { return len(p.ARNs) == 0 && len(p.Chosen) == 0 }

// actPath is where an action on all executions of a filter is planned.
func actPath(action engine.JobAction, f *engine.Filter) string {
	q := f.Values()
	q.Set("Action", string(action))
	q.Set("All", "1")
	return Prefix + "act?" + q.Encode()
}

// plan is the page before an action on many executions: how many they are, and the form that says go.
func (s *site) plan(r *http.Request) (frame, error) {
	q := r.URL.Query()
	at, err := parseListPlace(q)
	if err != nil {
		return frame{}, err
	}
	p := &actPage{Action: engine.JobAction(q.Get("Action")), Back: at.With()}
	req := engine.JobRequest{Action: p.Action}
	switch {
	case q.Get("All") != "":
		req.Filter, p.Chosen = at.filter, filterLabels(&at.filter)
		if len(p.Chosen) == 0 {
			req.Filter.Name = "*"
		}
		p.Filter = req.Filter.Values().Encode()
		p.Command = filterCommand(req.Action, at.FilterValues())
	case len(q["ARN"]) > 0:
		req.ARNs, p.ARNs = q["ARN"], q["ARN"]
		p.Command = chosenCommand(req.Action, req.ARNs)
	default:
		return frame{}, protocol.Errorf(protocol.CodeInvalidParameter,
			"No execution is selected. Tick some in the list, or tick all that match, and choose the action then.")
	}
	if p.Plan, err = s.engine.Jobs().Plan(r.Context(), &req); err != nil {
		return frame{}, err
	}
	for _, other := range actionLabels {
		q.Set("Action", string(other.Action))
		isHere := other.Action == p.Action || other.Action == engine.JobSucceed && p.Action == engine.JobFail
		p.Others = append(p.Others, tab{Label: other.Label, Path: "?" + q.Encode(), Here: isHere})
	}
	for _, action := range []engine.JobAction{engine.JobSucceed, engine.JobFail} {
		q.Set("Action", string(action))
		one := tab{Label: answerLabels[action], Path: "?" + q.Encode(), Here: action == p.Action}
		p.Answers = append(p.Answers, one)
	}
	return frame{Title: p.Verb() + " executions", Section: sectionExecutions, Style: "list", Page: p}, nil
}

// verbOf is the verb of an action in a terminal.
func verbOf(action engine.JobAction) string {
	switch action {
	case engine.JobSucceed, engine.JobFail:
		return "callback " + string(action)
	}
	return string(action)
}

// filterCommand does the same in a terminal, to all of a filter.
func filterCommand(action engine.JobAction, filter url.Values) *command {
	verb, which := verbOf(action), " --name '*'"
	if len(filter) > 0 {
		which = filterFlags(filter, false)
	}
	return &command{"perdure " + verb + which,
		append(slices.Clip(flagsOf[verb]), flag{Field: "rate", Words: " --rate ", Takes: "N"})}
}

// mostInCommand is how many executions a command names.
const mostInCommand = 50

// chosenCommand does the same in a terminal, to executions that were chosen one by one; nil if that is no command. Of
// callbacks a command answers one.
func chosenCommand(action engine.JobAction, arns []string) *command {
	verb := verbOf(action)
	if action == engine.JobSucceed || action == engine.JobFail || len(arns) > mostInCommand {
		return nil
	}
	if len(arns) == 1 {
		return &command{commandOf(verb, arns[0]), flagsOf[verb]}
	}
	line := "for arn in"
	for _, arn := range arns {
		line += " " + text.Quote(arn)
	}
	return &command{line + "; do perdure " + verb + ` "$arn"`, append(slices.Clip(flagsOf[verb]), endOfLoop)}
}

// filterLabels says for people what a filter selects.
func filterLabels(f *engine.Filter) (all []filterFor) {
	values := f.Values()
	for _, key := range engine.FilterKeys {
		for _, value := range values[key] {
			isMoment := key == "StartedAfter" || key == "StartedBefore" || key == "Since"
			if t, err := time.Parse(time.RFC3339, value); err == nil && isMoment {
				value = moment(protocol.TimestampOf(t))
			}
			if key == "Error" && value == engine.NoErrorType {
				value = "without a type"
			}
			all = append(all, filterFor{filterWords[key], visible(value)})
		}
	}
	return all
}

// act starts the job that a form asks for.
func (s *site) act(r *http.Request, form url.Values) (string, error) {
	req, err := jobRequest(form)
	if err != nil {
		return "", err
	}
	job, err := s.engine.Jobs().Start(r.Context(), req)
	if err != nil {
		return "", err
	}
	return jobPath(job.ID), nil
}

// jobRequest reads the form of a plan. Fields that do not go with the action are not in its form.
func jobRequest(form url.Values) (*engine.JobRequest, error) {
	req := &engine.JobRequest{
		Action: engine.JobAction(form.Get("Action")), ARNs: form["ARN"], Reason: strings.TrimSpace(form.Get("reason")),
		KeepTimeout: form.Has("keep-timeout"), Kill: form.Has("kill"), Cascade: form.Has("cascade"),
		Operation: strings.TrimSpace(form.Get("operation")), All: form.Has("every"),
		Qualifier: strings.TrimSpace(form.Get("version")),
	}
	if rate := strings.TrimSpace(form.Get("rate")); rate != "" {
		var err error
		if req.Rate, err = strconv.ParseFloat(rate, 64); err != nil || !(req.Rate > 0) {
			return nil, protocol.Errorf(protocol.CodeInvalidParameter,
				"The rate %q is not a number of executions a second.", protocol.Clip(rate, 20))
		}
	}
	if len(req.ARNs) == 0 {
		query, err := url.ParseQuery(form.Get("filter"))
		if err != nil || !form.Has("filter") {
			return nil, protocol.Errorf(protocol.CodeInvalidParameter, "The form names no executions.")
		}
		if req.Filter, err = engine.ParseFilter(query, time.Now()); err != nil {
			return nil, err
		}
		if req.At, err = planned(form.Get("at")); err != nil {
			return nil, err
		}
	}
	if result := typed(form, "result"); req.Action == engine.JobSucceed && result != "" {
		req.Result = &result
	}
	message, typ := strings.TrimSpace(form.Get("error-message")), strings.TrimSpace(form.Get("error-type"))
	if req.Action == engine.JobFail && message+typ != "" {
		req.Error = &protocol.ErrorObject{ErrorType: typ, ErrorMessage: message}
	}
	return req, nil
}

// planned reads when the plan was made of which a form came: what starts or ends after it was not meant.
func planned(text string) (protocol.Timestamp, error) {
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil || at <= 0 {
		return 0, protocol.Errorf(protocol.CodeInvalidParameter,
			"The form does not say when its plan was made. Open the plan again.")
	}
	return protocol.Timestamp(at), nil
}
