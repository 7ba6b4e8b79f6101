package page

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// jobRow is a job in words.
type jobRow struct{ *engine.Job }

func jobPath(id string) string { return Prefix + "job?" + url.Values{"id": {id}}.Encode() }

// Path is its page.
func (j jobRow) Path() string { return jobPath(j.ID) }

// Title is what it does.
func (j jobRow) Title() string {
	return jobWords[j.Action].Verb + " " + executions(j.All())
}

func executions(n int) string {
	if n == 1 {
		return "1 execution"
	}
	return grouped(n) + " executions"
}

// All is on how many executions it acts: more may match in the end than in the beginning.
func (j jobRow) All() int { return max(j.Total, j.Acted()) }

// Left is how many are still to be acted on.
func (j jobRow) Left() int { return j.All() - j.Acted() }

// Open reports whether it goes on.
func (j jobRow) Open() bool { return j.Ended == 0 }

// standing is how it stands, and what that looks like.
func (j jobRow) standing() (word, class string) {
	switch {
	case j.Fault != "":
		return "broken off", "failed"
	case j.Job.Canceled:
		return "canceled", "stopped"
	case j.Canceling:
		return "being canceled", "stopped"
	case j.Open():
		return "at work", "running"
	case j.Refused+j.Failed > 0:
		return "ended, not all done", "paused"
	}
	return "done", "succeeded"
}

// State is how it stands.
func (j jobRow) State() string { word, _ := j.standing(); return word }

// StateClass is the style of its state.
func (j jobRow) StateClass() string { _, class := j.standing(); return class }

// portion is a part of a bar, of 1000.
type portion struct {
	Class, Label string
	N, X, Width  int
}

// Parts are what came of the executions so far.
func (j jobRow) Parts() (all []portion) {
	x := 0
	for _, one := range []portion{{"done", "done", j.Done, 0, 0}, {"refused", "refused", j.Refused, 0, 0},
		{"failed", "failed", j.Failed, 0, 0}} {
		one.X, one.Width = x, 1000*one.N/max(1, j.All())
		if one.N > 0 && one.Width < 6 {
			one.Width = 6 // a few of a million are seen
		}
		x += one.Width
		all = append(all, one)
	}
	return all
}

// Percent is how far it is.
func (j jobRow) Percent() int { return 100 * j.Acted() / max(1, j.All()) }

// Progress is that in words.
func (j jobRow) Progress() string {
	line := fmt.Sprintf("%s of %s done", grouped(j.Done), grouped(j.All()))
	if j.Refused > 0 {
		line += fmt.Sprintf(", %s refused", grouped(j.Refused))
	}
	if j.Failed > 0 {
		line += fmt.Sprintf(", %s failed", grouped(j.Failed))
	}
	if gone := j.Gone(); gone > 0 {
		line += fmt.Sprintf(", %s no longer matched", grouped(gone))
	}
	return line
}

// On says for people on which executions it acts.
func (j jobRow) On() []filterFor { return filterLabels(&j.Filter) }

// OnPath lists them; empty for those that were named.
func (j jobRow) OnPath() string {
	if len(j.Filter.Values()) == 0 {
		return ""
	}
	return listPath(&j.Filter)
}

// Options are what was asked for besides.
func (j jobRow) Options() string {
	var words []string
	add := func(is bool, word string) {
		if is {
			words = append(words, word)
		}
	}
	add(j.KeepTimeout, "timeouts run on")
	add(j.Kill, "what runs is ended")
	add(j.Cascade, "with what they invoked")
	add(j.JobRequest.All, "every wait")
	add(j.Operation != "", "only operation "+visible(j.Operation))
	add(j.Qualifier != "", "by version "+j.Qualifier)
	if j.Result != nil {
		words = append(words, "result "+visible(text.Clip(*j.Result, 80)))
	}
	if j.Error != nil {
		words = append(words, "error "+visible(j.Error.Line()))
	}
	return strings.Join(words, ", ")
}

// RateWords is how fast it may go.
func (j jobRow) RateWords() string {
	if j.Rate == 0 {
		return "as fast as it goes"
	}
	return strconv.FormatFloat(j.Rate, 'f', -1, 64) + " a second at most"
}

// Speed is how fast it went so far, in executions a second; empty if there is nothing to say.
func (j jobRow) Speed() string {
	if took := j.Ended.Sub(j.Created).Seconds(); j.Ended != 0 && took >= 1 {
		return fmt.Sprintf("%.0f a second", float64(j.Acted())/took)
	}
	return ""
}

type jobsPage struct{ Jobs []jobRow }

func (s *site) listJobs(r *http.Request) (frame, error) {
	all, err := s.engine.Jobs().List(r.Context())
	p := &jobsPage{}
	f := frame{Title: "Jobs", Section: sectionJobs, Style: "list", Live: liveAll, Page: p}
	for _, job := range all {
		row := jobRow{job}
		if p.Jobs = append(p.Jobs, row); row.Open() {
			f.Refresh = jobRefresh
		}
	}
	return f, err
}

// jobRefresh is how often the page of a job that goes on asks for itself, in milliseconds: how far it is, is no commit.
const jobRefresh = 1000

// jobPage is one job.
type jobPage struct {
	jobRow
	Tabs    []tab
	Results []jobResult
	Next    string
	First   string // address of the first page of results; empty on that
	query   url.Values
}

// jobResult is what came of one execution.
type jobResult struct{ engine.JobResult }

// Name is that of the execution.
func (r jobResult) Name() string { return executionName(r.ARN) }

// NameOf is the name of an execution.
func (p *jobPage) NameOf(arn string) string { return executionName(arn) }

// Said is why it was not done.
func (r jobResult) Said() string { return visible(r.Message) }

func executionName(arn string) string {
	parsed, _ := protocol.ParseARN(arn)
	return parsed.Name
}

var outcomes = []engine.JobOutcome{engine.JobFailed, engine.JobRefused, engine.JobDone}

func (s *site) job(r *http.Request) (frame, error) {
	q := r.URL.Query()
	job, err := s.engine.Jobs().Get(r.Context(), q.Get("id"))
	if err != nil {
		return frame{}, err
	}
	p := &jobPage{jobRow: jobRow{job}, query: url.Values{"id": {job.ID}}}
	outcome := engine.JobOutcome(q.Get("outcome"))
	after, _ := strconv.Atoi(q.Get("after"))
	numbers := map[engine.JobOutcome]int{
		engine.JobDone: job.Done, engine.JobRefused: job.Refused, engine.JobFailed: job.Failed,
	}
	p.Tabs = []tab{{Label: "All", Path: with(p.query), Here: outcome == "", N: job.Acted()}}
	for _, one := range outcomes {
		p.Tabs = append(p.Tabs, tab{Label: strings.ToUpper(string(one[:1])) + string(one[1:]),
			Path: with(p.query, "outcome", string(one)), Here: one == outcome, N: numbers[one]})
	}
	results, next, err := s.engine.Jobs().Results(r.Context(), job.ID, outcome, max(0, after))
	if err != nil {
		return frame{}, err
	}
	for _, one := range results {
		p.Results = append(p.Results, jobResult{one})
	}
	if after > 0 {
		p.First = with(p.query, "outcome", string(outcome))
	}
	if next != 0 {
		p.Next = with(p.query, "outcome", string(outcome), "after", next)
	}
	f := frame{Title: p.Title(), Section: sectionJobs, Style: "list", Page: p}
	if p.Open() {
		f.Live, f.Refresh = liveAll, jobRefresh
	}
	return f, nil
}

// ShowCommand and CancelCommand do the same in a terminal.
func (j jobRow) ShowCommand() string   { return commandOf("jobs", "show", j.ID) }
func (j jobRow) WaitCommand() string   { return commandOf("jobs", "wait", j.ID) }
func (j jobRow) CancelCommand() string { return commandOf("jobs", "cancel", j.ID) }

// cancelJob ends a job before it is through.
func (s *site) cancelJob(r *http.Request, form url.Values) (string, error) {
	id := form.Get("id")
	return jobPath(id), s.engine.Jobs().Cancel(r.Context(), id)
}
