package adminapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
)

// A script whose variables are empty, or whose list is, does not mean all executions.
func TestJobOfNothing(t *testing.T) {
	w := newWorld(t)
	w.register(t, "order", `{"Status":"SUCCEEDED"}`)
	const empty = `is not a filter: leave it out, or say Name=* for all executions.`
	for _, test := range []struct{ query, body, want string }{
		{"", `{"Action":"delete"}`, "Nothing says on which executions the job acts: give a filter, of which the Name * is for all"},
		{"", `{"Action":"delete","DurableExecutionArns":[]}`,
			"Nothing says on which executions the job acts: give a filter, of which the Name * is for all"},
		{"Name=*", `{"Action":"delete","DurableExecutionArns":[]}`, "A job acts on the executions of a filter, or on those that it " +
			"names, and it names none: leave the list out"},
		{"Function=", `{"Action":"delete"}`, `Function "" ` + empty},
		{"Name=*&Tag=", `{"Action":"delete"}`, `Tag "" ` + empty},
		{"Status=,", `{"Action":"delete"}`, `Status "," is not a word.`},
		{"Name=*", `{"Action":"pause","Rate":1e-300}`, "A rate is a number of executions a second, from 0.000001 to 10000"},
		{"Name=*", `{"Action":"delete"}`, ""},
	} {
		resp, err := http.Post(w.url+"/perdure/jobs?"+test.query, "application/json", strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		var refusal struct{ Message string }
		err = json.NewDecoder(resp.Body).Decode(&refusal)
		resp.Body.Close()
		if err != nil || refusal.Message != test.want {
			t.Errorf("%s %s: got %q, %v, want %q", test.query, test.body, refusal.Message, err, test.want)
		}
	}
}

// A plan tells of the executions of a filter, or of those that are named, and begins no job.
func TestPlan(t *testing.T) {
	w := newWorld(t)
	w.register(t, "order", `{"Status":"SUCCEEDED"}`)
	var one string
	for _, name := range []string{"two", "one"} {
		s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "order", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.engine.Wait(t.Context(), s.ARN); err != nil {
			t.Fatal(err)
		}
		one = s.ARN
	}
	plan, err := w.client.PlanJob(t.Context(), &engine.Filter{Name: "*"}, engine.JobDelete)
	if err != nil || plan.Total != 2 || len(plan.Executions) != 2 || plan.Timestamp == 0 {
		t.Errorf("got %+v, %v, want two executions and a moment", plan, err)
	}
	get := func(query url.Values) (status int, said string) {
		resp, err := http.Get(w.url + "/perdure/plan?" + query.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct {
			Message    string
			Executions []struct{ DurableExecutionName string }
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		for _, one := range answer.Executions {
			said += one.DurableExecutionName
		}
		return resp.StatusCode, said + answer.Message
	}
	if status, said := get(url.Values{"Action": {"stop"}, "DurableExecutionArn": {one}}); status != 200 || said != "one" {
		t.Errorf("of a named one: got %d, %s", status, said)
	}
	for want, query := range map[string]url.Values{
		"Nothing says on which": {"Action": {"delete"}}, "A job cannot": {"Name": {"*"}},
		"not on both":                       {"Action": {"stop"}, "DurableExecutionArn": {one}, "Name": {"*"}},
		`Name "" is not a filter`:           {"Action": {"stop"}, "Name": {""}},
		`There is no parameter "Rate" here`: {"Action": {"stop"}, "Name": {"*"}, "Rate": {"1"}},
	} {
		if status, said := get(query); status != 400 || !strings.Contains(said, want) {
			t.Errorf("%v: got %d, %s, want %q", query, status, said, want)
		}
	}
	if jobs, err := w.client.Jobs(t.Context()); err != nil || len(jobs) > 0 {
		t.Errorf("plans began the jobs %+v, %v", jobs, err)
	}
}
