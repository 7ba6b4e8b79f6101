package adminapi_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/protocol"
)

func TestExecutions(t *testing.T) {
	w := newWorld(t)
	w.register(t, "f", `{"Status":"SUCCEEDED","Result":"1"}`)
	w.register(t, "g", `{"Status":"FAILED","Error":{"ErrorMessage":"no"}}`)
	began, later := protocol.TimestampOf(time.Now().Add(-time.Second)), protocol.TimestampOf(time.Now().Add(time.Hour))
	for _, name := range []string{"a1", "a2", "b1"} {
		for _, function := range []string{"f", "g"} {
			s, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: function, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.engine.Wait(t.Context(), s.ARN); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name string
		req  engine.ListRequest
		want string
	}{
		{"all, in pages", engine.ListRequest{MaxItems: 1}, "g/b1 f/b1 g/a2 f/a2 g/a1 f/a1 "},
		{"oldest first", engine.ListRequest{OldestFirst: true}, "f/a1 g/a1 f/a2 g/a2 f/b1 g/b1 "},
		{"function", engine.ListRequest{Filter: engine.Filter{Function: "g"}}, "g/b1 g/a2 g/a1 "},
		{"version", engine.ListRequest{Filter: engine.Filter{Function: "g:$LATEST"}}, "g/b1 g/a2 g/a1 "},
		{"status", engine.ListRequest{Filter: engine.Filter{Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed},
			Name: "a*"}}, "g/a2 g/a1 "},
		{"name", engine.ListRequest{Filter: engine.Filter{Name: "b1"}}, "g/b1 f/b1 "},
		{"started", engine.ListRequest{Filter: engine.Filter{Name: "b1", StartedAfter: began, StartedBefore: later}}, "g/b1 f/b1 "},
		{"started later", engine.ListRequest{Filter: engine.Filter{StartedAfter: later}}, ""},
		{"doing", engine.ListRequest{Filter: engine.Filter{Doing: []engine.Activity{engine.Callback, engine.Waiting},
			Since: later}}, ""},
	} {
		got := ""
		for e, err := range w.client.Find(t.Context(), test.req) {
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			arn, err := protocol.ParseARN(e.DurableExecutionArn)
			if err != nil || e.DurableExecutionName != arn.Name || e.FunctionArn != arn.FunctionARN() || e.StartTimestamp == 0 ||
				e.EndTimestamp < e.StartTimestamp {
				t.Errorf("%s: got %+v, %v", test.name, e, err)
			}
			got += arn.Function + "/" + arn.Name + " "
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestExecutionsRefusals(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct{ query, want string }{
		{"Nonsense=1", `There is no parameter "Nonsense" here.`},
		{"Redriven=perhaps", `Redriven "perhaps" is not yes or no.`},
		{"MaxItems=1001", `MaxItems "1001" is not a number from 0 to 1000.`},
		{"OldestFirst=yes", `OldestFirst "yes" is not true or false.`},
		{"AttentionFirst=true&OldestFirst=true", "A list has one order: OldestFirst or AttentionFirst"},
		{"Tag=a:b=c*", `The value "c*" of the tag "a:b" has a character that is no letter, digit, space or one of _.:/=+-@`},
		{"Qualifier=live", `An alias belongs to a function: "live" is no version, and no Function is given`},
		{"StartedAfter=yesterday", `StartedAfter "yesterday" is not a moment such as 2026-11-23T08:00:00Z, or 24h for a day ago.`},
		{"Doing=dancing", `No execution is ever doing "dancing"`},
		{"Marker=%2F", "Invalid Marker"},
		{"Function=nosuch", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nosuch:$LATEST"},
	} {
		resp, err := http.Get(w.url + "/perdure/executions?" + test.query)
		if err != nil {
			t.Fatal(err)
		}
		var refusal struct{ Message string }
		err = json.NewDecoder(resp.Body).Decode(&refusal)
		resp.Body.Close()
		if err != nil || refusal.Message != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.query, refusal.Message, err, test.want)
		}
	}
}

// Lists, counts and explanations know what was redriven.
func TestRedriven(t *testing.T) {
	w := newWorld(t)
	w.register(t, "f", `{"Status":"FAILED","Error":{"ErrorType":"Busy"}}`)
	started, err := w.engine.Start(t.Context(), &engine.InvokeRequest{Function: "f", Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	forked := ""
	for _, arn := range []*string{&started.ARN, &forked} {
		if *arn == "" {
			f, err := w.client.Redrive(t.Context(), started.ARN, &adminapi.Fork{})
			if err != nil {
				t.Fatal(err)
			}
			*arn = f.DurableExecutionArn
		}
		if _, err := w.engine.Wait(t.Context(), *arn); err != nil {
			t.Fatal(err)
		}
	}
	for redriven, want := range map[string]string{engine.RedrivenYes: started.ARN, engine.RedrivenNo: forked} {
		filter := engine.Filter{Redriven: redriven}
		n := 0
		for e, err := range w.client.Find(t.Context(), engine.ListRequest{Filter: filter}) {
			if n++; err != nil || e.DurableExecutionArn != want || e.Redriven != (redriven == engine.RedrivenYes) {
				t.Errorf("%s: got %+v, %v", redriven, e, err)
			}
		}
		if c, err := w.client.Count(t.Context(), filter); err != nil || n != 1 || c.Total != 1 {
			t.Errorf("%s: got %d, and counts of %+v, %v", redriven, n, c, err)
		}
	}
	x, err := w.client.Explain(t.Context(), started.ARN)
	if err != nil || len(x.Forks) != 1 || x.Forks[0].DurableExecutionArn != forked || !x.Forks[0].Redrive ||
		x.Forks[0].Status != protocol.ExecutionFailed || x.Forks[0].Timestamp == 0 {
		t.Errorf("explained: got %+v, %v", x, err)
	}
}

// Lists, counts and explanations know tags and errors.
func TestCounts(t *testing.T) {
	w := newWorld(t)
	w.register(t, "f", `{"Status":"SUCCEEDED","Result":"1"}`)
	w.register(t, "g", `{"Status":"FAILED","Error":{"ErrorType":"Busy","ErrorMessage":"no\u0000 place\nat all"}}`)
	tags := map[string]string{"team": "a=b", "tür zu": "+ @"}
	for i, function := range []string{"f", "g", "g"} {
		req := &engine.InvokeRequest{Function: function}
		if i > 0 {
			req.Tags = tags
		}
		started, err := w.engine.Start(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.engine.Wait(t.Context(), started.ARN); err != nil {
			t.Fatal(err)
		}
	}
	filter := engine.Filter{Tags: tags}
	for e, err := range w.client.Find(t.Context(), engine.ListRequest{Filter: filter, AttentionFirst: true, MaxItems: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tags, e.Tags); diff != "" || e.Error != "Busy" || e.Message != "no  place" {
			t.Errorf("got %+v (-want +got):\n%s", e, diff)
		}
		x, err := w.client.Explain(t.Context(), e.DurableExecutionArn)
		if err != nil || cmp.Diff(tags, x.Tags) != "" {
			t.Errorf("explained: got %+v, %v", x, err)
		}
	}
	for _, test := range []struct {
		filter engine.Filter
		want   adminapi.Counts
	}{
		{engine.Filter{}, adminapi.Counts{Total: 3, Statuses: map[protocol.ExecutionStatus]int{"SUCCEEDED": 1, "FAILED": 2},
			Failures: []adminapi.FailureCount{{Function: "g", Error: "Busy", Count: 2}}}},
		{filter, adminapi.Counts{Total: 2, Statuses: map[protocol.ExecutionStatus]int{"FAILED": 2},
			Failures: []adminapi.FailureCount{{Function: "g", Error: "Busy", Count: 2}}}},
	} {
		got, err := w.client.Count(t.Context(), test.filter)
		if diff := cmp.Diff(&test.want, got); err != nil || diff != "" {
			t.Errorf("%+v: %v (-want +got):\n%s", test.filter, err, diff)
		}
	}
}
