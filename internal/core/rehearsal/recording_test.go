package rehearsal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/protocol"
)

// TestForms: each form is recognised, and is the same execution.
func TestForms(t *testing.T) {
	open, closed := record(t, process, input, recording{}), record(t, process, input, recording{after: 2 * time.Hour})
	for _, all := range []taken{open, closed} {
		history := string(all["history"])
		list := history[len(`{"Events":`) : len(history)-2]
		var events []json.RawMessage
		if err := json.Unmarshal([]byte(list), &events); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(events)
		reversed, _ := json.Marshal(events)
		all["array"] = []byte(list)
		all["newest first"] = reversed
		all["lines"] = []byte(strings.ReplaceAll(strings.Trim(list, "[]"), `},{"EventType"`, "}\n"+`{"EventType"`))
		all["byte order mark"] = append([]byte("\ufeff\r\n"), all["history"]...)
		want := read(t, all["export"])
		all["state"] = stateOf(want, protocol.API)
		all["event"] = fmt.Appendf(nil, `{"DurableExecutionArn":%q,"CheckpointToken":"x","InitialExecutionState":%s}`, want.ARN,
			stateOf(want, protocol.Envelope))
		for form, data := range all {
			got := read(t, data)
			if diff := cmp.Diff(shapes(want), shapes(got)); diff != "" {
				t.Errorf("%s: operations (-want +got):\n%s", form, diff)
			}
			if form != "state" && form != "event" && got.Ending() != want.Ending() {
				t.Errorf("%s: got %s, want %s", form, got.Ending(), want.Ending())
			}
			if v := rehearse(t, data, code(t, process)); v.Kind != rehearsal.Replays {
				t.Errorf("%s: got %s: %v", form, v.Kind, v)
			}
		}
	}
	if got, want := read(t, open["export"]).Name(), "A-1 of function order"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := read(t, open["history"]).Name(), "A-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// shapes are the operations without what only some forms have.
func shapes(r *rehearsal.Recording) (all []string) {
	for _, op := range r.Operations {
		all = append(all, fmt.Sprint(op.ID, op.Type, op.SubType, op.Name, op.ParentID, op.Status, op.Start))
	}
	return all
}

// stateOf is what GetDurableExecutionState answers.
func stateOf(r *rehearsal.Recording, d protocol.Dialect) []byte {
	data := append([]byte(`{"Operations":`), protocol.AppendOperations(nil, r.Operations, d)...)
	return append(data, `,"NextMarker":""}`...)
}

// TestReadRefuses: what cannot be replayed is refused with what is wrong with it.
func TestReadRefuses(t *testing.T) {
	all := record(t, process, input, recording{})
	closed := record(t, process, input, recording{after: 2 * time.Hour})
	other := record(t, func(ctx durable.Context, _ order) (string, error) { return step(ctx, "alone", "x") }, input, recording{})
	history, exported := string(all["history"]), string(all["export"])
	state := string(stateOf(read(t, all["export"]), protocol.API))
	event := func(n int) string { return nth(t, history, n) }
	without := func(n ...int) string {
		var left []string
		for i := range 6 {
			if !slices.Contains(n, i+1) {
				left = append(left, event(i+1))
			}
		}
		return "[" + strings.Join(left, ",") + "]"
	}
	for name, test := range map[string]struct{ data, want string }{
		"nothing": {"", "it is empty"},
		"blanks":  {" \n\t", "it is empty"},
		"text":    {"hello", "it is no recorded execution: neither a file of perdure export nor JSON of the Lambda API"},
		"binary": {"\x00\x01\xff",
			"it is no recorded execution: neither a file of perdure export nor JSON of the Lambda API"},
		"text of a history": {"  1 ExecutionStarted\n  2 StepStarted 1 a\n",
			"it is the text of a history, which has no results to replay: record the execution with " +
				"perdure export, or as JSON"},
		"cut off":         {history[:len(history)/2], "it is cut off"},
		"not JSON":        {`{"Events":[}`, "it is not JSON: invalid character '}' looking for beginning of value"},
		"other JSON":      {`{"name":"x"}`, "it is JSON of something else: it has neither Events nor Operations"},
		"an empty object": {`{}`, "it is JSON of something else: it has neither Events nor Operations"},
		"an empty array":  {`[]`, "it has no events"},
		"numbers":         {`[1,2]`, "it is no recorded execution: decoding an event: "},
		"no events":       {`{"Events":[]}`, "it has no events"},
		"other members":   {`{"Events":7}`, "it is no recorded execution: json: cannot unmarshal number"},
		"no operations": {`{"Operations":[]}`,
			"its first operation is not the EXECUTION, which has the input: it is not the whole state"},
		"two documents": {history + history, "it has something behind its end: several pages are one object with all events"},
		"two arrays":    {"[" + event(1) + "]\n[]", "it has something behind its end"},
		"a first page": {strings.Replace(history, "]}", `],"NextMarker":"x"}`, 1),
			"it is one page of several: its NextMarker says that there is more; record all pages"},
		"a first page of states": {strings.Replace(state, `"NextMarker":""`, `"NextMarker":"x"`, 1),
			"it is one page of several: its NextMarker says that there is more; record all pages"},
		"a later page":   {without(1, 2), "it begins with event 3, "},
		"a page between": {without(3, 4), "events 3 to 4 are missing: a page is missing, or it is of several executions"},
		"without data": {strings.Replace(history, `"Truncated":false`, `"Truncated": true`, 1),
			"it has no payloads: record it with execution data (--include-execution-data)"},
		"an event twice": {strings.TrimSuffix(without(), "]") + "," + event(6) + "]",
			"is there beside another event 6 or start: it is of several executions"},
		"another execution": {"[" + event(1) + "," + event(2) + "," + nth(t, string(other["history"]), 1) + "]",
			"event 1, ExecutionStarted, is there beside another event 1 or start: it is of several executions"},
		"after the end": {strings.Replace(string(closed["history"]), "]}", `,`+strings.Replace(event(2), `"EventId":2`, `"EventId":99`, 1)+"]}", 1),
			"it is of several executions"},
		"a newer event":       {strings.Replace(history, `"EventType":"StepStarted"`, `"EventType":"StepDreamt"`, 1), `has the type "StepDreamt", which this version of perdure does not know: update perdure`},
		"a newer operation":   {strings.Replace(state, `"Type":"WAIT"`, `"Type":"DREAM"`, 1), `operation "4" has the type "DREAM", which this version of perdure does not know: update perdure`},
		"a newer status":      {strings.Replace(state, `"Status":"SUCCEEDED"`, `"Status":"DREAMT"`, 1), `has the status "DREAMT", which this version of perdure does not know: update perdure`},
		"another's operation": {strings.Replace(state, `"ParentId":"3"`, `"ParentId":"9"`, 1), `is in context "9", which is not there: a page is missing, or it is of another execution`},
		"operations twice":    {strings.Replace(state, `"Id":"2"`, `"Id":"1"`, 1), `operation "1" is there twice: it is of several executions, or of several pages`},
		"a damaged export": {strings.Replace(exported, `"Seq":2`, `"Seq":3`, 1),
			"it is damaged: entry 3 stands in the place of entry 2"},
		"a cut export": {exported[:len(exported)-90], "it is cut off"},
		"a newer export": {strings.Replace(exported, `"Version":2`, `"Version":9`, 1),
			"it has version 9 of the format, and this program reads version 2: update perdure"},
		"lines of two forms": {event(1) + "\n" + exported, "among its events is something without an EventType"},
		"another format":     {`{"Format":"perdure-backup"}`, "it is no exported execution"},
	} {
		rec, err := rehearsal.Read([]byte(test.data))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v\nwant %s", name, rec, err, test.want)
		}
	}
}

// TestReadFile: what version control does to the ends of lines is no damage; what is no file, or too large, is refused
// before it is in memory.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	exported := record(t, process, input, recording{})["export"]
	good := filepath.Join(dir, "crlf")
	if err := os.WriteFile(good, bytes.ReplaceAll(exported, []byte("\n"), []byte("\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if rec, err := rehearsal.ReadFile(good); err != nil || rec.ARN != read(t, exported).ARN {
		t.Errorf("with CRLF: got %v, %v, want the execution", rec, err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir: "it is a directory: name the files in it", large: "it is larger than 536870912 bytes",
		filepath.Join(dir, "nosuch"): "no such file or directory",
	} {
		if _, err := rehearsal.ReadFile(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", filepath.Base(path), err, want)
		}
	}
}

// TestGolden: a golden history replays, open or closed, with UUIDs and numbers that are derived of the ARN.
func TestGolden(t *testing.T) {
	derived := func(ctx durable.Context, o order) (string, error) {
		id, key := durable.UUID(ctx), ""
		if _, err := step(ctx, "key", durable.UUID(ctx)); err != nil {
			return "", err
		}
		if err := durable.Wait(ctx, "cool_off", time.Hour); err != nil {
			return "", err
		}
		return id + key, nil
	}
	for _, after := range []time.Duration{0, 2 * time.Hour} {
		for _, handler := range []func(durable.Context, order) (string, error){process, derived} {
			var doc struct{ Events []json.RawMessage }
			if err := json.Unmarshal(record(t, handler, input, recording{after: after})["history"], &doc); err != nil {
				t.Fatal(err)
			}
			golden := history.Text(func(yield func(*protocol.Event) bool) {
				for _, raw := range doc.Events {
					if ev, err := protocol.ReadEvent(raw); err != nil || !yield(ev) {
						return
					}
				}
			}, nil)
			if v := rehearse(t, []byte(golden), code(t, handler)); v.Kind != rehearsal.Replays {
				t.Errorf("after %v: got %s: %v\n%s", after, v.Kind, v, golden)
			}
		}
	}
	if _, err := rehearsal.Read([]byte(history.TextHeader + "\nINPUT {\n")); err == nil ||
		!strings.HasPrefix(err.Error(), "it is no golden history: line 2: ") {
		t.Errorf("got %v", err)
	}
}

// nth is an event of a history.
func nth(t *testing.T, history string, n int) string {
	t.Helper()
	var doc struct{ Events []json.RawMessage }
	if err := json.Unmarshal([]byte(history), &doc); err != nil {
		t.Fatal(err)
	}
	return string(doc.Events[n-1])
}

// TestForeignIDs: what another SDK recorded is said to be that.
func TestForeignIDs(t *testing.T) {
	data := bytes.ReplaceAll(record(t, waitLong, input, recording{})["history"], []byte(`"Id":"1"`), []byte(`"Id":"c4ca4238a0b92382"`))
	v := rehearse(t, data, code(t, waitLong))
	if v.Kind == rehearsal.Replays || !strings.Contains(v.Text, "which this SDK did not write") {
		t.Errorf("got %s: %s", v.Kind, v.Text)
	}
}

// TestLarge: ten thousand operations are replayed in a moment.
func TestLarge(t *testing.T) {
	const n = 10_000
	many := func(ctx durable.Context, _ order) (string, error) {
		for range n {
			if _, err := step(ctx, "", 1); err != nil {
				return "", err
			}
		}
		return "done", nil
	}
	var b bytes.Buffer
	b.WriteString(`{"EventType":"ExecutionStarted","EventId":1,"EventTimestamp":1,"Id":"x","Name":"x",` +
		`"ExecutionStartedDetails":{"Input":{"Payload":"{}"}}}`)
	for i := range n {
		fmt.Fprintf(&b, "\n"+`{"EventType":"StepSucceeded","SubType":"Step","EventId":%d,"EventTimestamp":1,"Id":"%d",`+
			`"StepSucceededDetails":{"Result":{"Payload":"1"}}}`, i+2, i+1)
	}
	fmt.Fprintf(&b, "\n"+`{"EventType":"ExecutionSucceeded","EventId":%d,"EventTimestamp":1,"Id":"x",`+
		`"ExecutionSucceededDetails":{"Result":{"Payload":"\"done\""}}}`, n+2)
	began := time.Now()
	if v := rehearse(t, b.Bytes(), code(t, many)); v.Kind != rehearsal.Replays {
		t.Errorf("got %s: %s", v.Kind, v.Text)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"Events":[{"EventType":"ExecutionStarted","EventId":1,"Id":"x"}]}`))
	f.Add([]byte(`{"Operations":[{"Id":"x","Type":"EXECUTION","Status":"STARTED"}]}`))
	f.Add([]byte(`{"Format":"perdure-execution","Version":2,"Entries":1}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := rehearsal.Read(data)
		if (rec == nil) == (err == nil) {
			t.Fatalf("got %v and %v", rec, err)
		}
	})
}
