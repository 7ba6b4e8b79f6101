package telemetry_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/telemetry"
)

const arn = "arn:aws:lambda:us-east-1:000000000000:function:order:$LATEST/durable-execution/o-1/00dc6acf-ac00-7000-beee-0a967e858084"

func closed(ops ...*protocol.Operation) *telemetry.Execution {
	return &telemetry.Execution{ARN: arn, Status: protocol.ExecutionSucceeded, Start: 1000, End: 2500, Operations: slices.Values(ops)}
}

// step is one that took d milliseconds.
func step(id, name string, start, d protocol.Timestamp, result string) *protocol.Operation {
	op := &protocol.Operation{ID: id, Type: protocol.TypeStep, SubType: "Step", Name: name, Status: "SUCCEEDED", Start: start,
		End: start + d, Attempt: 1}
	if result != "" {
		op.Payload = &result
	}
	return op
}

// The hash is the one of AWS's exporters, so that all choose the same executions.
func TestSamples(t *testing.T) {
	for rate, want := range map[float64]bool{0: true, 1: true, 0.9887287802968008: false, 0.988728780296801: true, 1e-9: false} {
		cfg := telemetry.Config{Sampling: rate}
		if got := cfg.Samples(arn); got != want {
			t.Errorf("at %v: got %v, want %v", rate, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, bad := range []telemetry.Config{
		{Sampling: -1}, {Sampling: 1.5}, {Sampling: math.NaN()}, {Limit: -1}, {Emit: "x"}, {Detail: "x"}, {Format: "x"},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	good := telemetry.Config{Sampling: 0.5, Limit: 1, Emit: telemetry.OnChange, Detail: telemetry.FullTree, Format: telemetry.Both}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

func TestWants(t *testing.T) {
	for _, x := range []struct {
		emit   telemetry.Emit
		status protocol.ExecutionStatus
		want   bool
	}{
		{"", protocol.ExecutionSucceeded, true}, {"", protocol.ExecutionStopped, true}, {"", protocol.ExecutionRunning, false},
		{"", protocol.ExecutionPaused, false},
		{telemetry.OnFailure, protocol.ExecutionSucceeded, false}, {telemetry.OnFailure, protocol.ExecutionTimedOut, true},
		{telemetry.OnFailure, protocol.ExecutionRunning, false},
		{telemetry.OnChange, protocol.ExecutionRunning, true}, {telemetry.OnChange, protocol.ExecutionSucceeded, true},
	} {
		cfg := telemetry.Config{Emit: x.emit}
		if got := cfg.Wants(x.status); got != x.want {
			t.Errorf("%q of %s: got %v, want %v", x.emit, x.status, got, x.want)
		}
	}
}

// A record is always JSON that Go, which is strict, reads back, whatever was
// recorded.
func TestValues(t *testing.T) {
	deep := strings.Repeat("[", 9999) + strings.Repeat("]", 9999)
	for payload, want := range map[string]string{
		``: ``, `null`: ``, ` null `: ``, `{"a": 1.50, "b": [12345678901234567890]}`: `{"a":1.50,"b":[12345678901234567890]}`,
		`<&>`: `"<&>"`, `1],[2`: `"1],[2"`, `{"a":1`: `"{\"a\":1"`, "\"\xff\"": "\"\uFFFD\"", "\xff": "\"\uFFFD\"", `"\ud800"`: `"\ud800"`,
		"\"\u2028\"": "\"\u2028\"",
		deep:         `"` + deep + `"`,
	} {
		for name, cfg := range map[string]telemetry.Config{"input": {}, "result": {Results: map[string]telemetry.Transform{"s": nil}}} {
			x := closed(step("1", "s", 1, 1, payload))
			x.Input = &payload
			r := cfg.Record(x, 1)
			got := string(r.Input)
			if name == "result" {
				got = string(r.Operations[0].Result)
			}
			if got != want {
				t.Errorf("%.20q as %s: got %.40s, want %.40s", payload, name, got, want)
			}
			var back telemetry.Record
			if err := json.Unmarshal(r.JSON(), &back); err != nil {
				t.Errorf("%.20q as %s: %v", payload, name, err)
			}
		}
	}
}

// A transform decides, and its mistakes show nothing.
func TestTransforms(t *testing.T) {
	for name, x := range map[string]struct {
		transform telemetry.Transform
		want      string
	}{
		"as it is": {telemetry.AsIs, `{"a":1}`},
		"omitted":  {telemetry.Omit, ``},
		"a value":  {func(json.RawMessage) any { return map[string]string{"a": "<x>"} }, `{"a":"<x>"}`},
		"a panic":  {func(json.RawMessage) any { panic("no") }, ``},
		"no JSON":  {func(json.RawMessage) any { return make(chan int) }, ``},
		"bad JSON": {func(json.RawMessage) any { return json.RawMessage("{") }, ``},
		"NaN":      {func(json.RawMessage) any { return math.NaN() }, ``},
		"too deep": {func(json.RawMessage) any {
			return json.RawMessage(strings.Repeat("[", 9999) + strings.Repeat("]", 9999))
		}, ``},
		"typed nil": {func(json.RawMessage) any { return (*int)(nil) }, ``},
	} {
		in := `{"a":1}`
		e := closed(step("1", "s", 1, 1, in), step("2", "other", 1, 1, in))
		e.Input, e.Output = &in, &in
		cfg := telemetry.Config{Input: x.transform, Output: x.transform, Results: map[string]telemetry.Transform{"s": x.transform}}
		r := cfg.Record(e, 1)
		got := []string{string(r.Input), string(r.Output), string(r.Operations[0].Result), string(r.Operations[1].Result)}
		if diff := cmp.Diff([]string{x.want, x.want, x.want, ""}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Which operations are in a record, and what of them.
func TestOperations(t *testing.T) {
	failure := &protocol.ErrorObject{ErrorType: strings.Repeat("ä", 8193), ErrorMessage: "no"}
	ops := []*protocol.Operation{
		{ID: "x", Type: protocol.TypeExecution, Name: "x", Status: "STARTED"},
		{ID: "1", Type: protocol.TypeContext, SubType: "Map", Name: "ship", Status: "FAILED", Start: 10, End: 5, Error: failure},
		{ID: "1-1", Type: protocol.TypeStep, ParentID: "1", Name: "pack", Status: "PENDING", Start: 10, Attempt: 2},
		{ID: "2", Type: protocol.TypeWait, Status: "SUCCEEDED", Start: 10, End: 20},
		{ID: "3", Type: protocol.TypeWait, Name: "secret", Status: "SUCCEEDED", Start: 10, End: 20},
	}
	cfg := telemetry.Config{Detail: telemetry.FullTree, Exclude: []string{"secret"}}
	r := cfg.Record(closed(ops...), 1)
	want := []telemetry.Operation{
		{ID: "1", Name: "ship", Type: "CONTEXT", SubType: "Map", Status: "FAILED", StartTime: 10, EndTime: 10,
			DurationMillis: new(int64(0)), Error: &telemetry.Error{Name: strings.Repeat("ä", 8192) + "…", Message: "no"}},
		{ID: "1-1", Name: "pack", Type: "STEP", ParentID: "1", Status: "PENDING", StartTime: 10, Attempt: new(2)},
	}
	if diff := cmp.Diff(want, r.Operations); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	cfg = telemetry.Config{OmitErrors: true}
	r = cfg.Record(closed(ops[:3]...), 1)
	if len(r.Operations) != 1 || r.Operations[0].Error != nil {
		t.Errorf("got %+v, want the map without its error", r.Operations)
	}
	r = cfg.Record(closed(), 1)
	if !strings.HasSuffix(string(r.JSON()), `"operations":[]}`) {
		t.Errorf("got %s, want an empty list of operations", r.JSON())
	}
}

func TestByName(t *testing.T) {
	bad := step("3", "s", 30, 7, "")
	bad.Status, bad.Attempt, bad.SubType, bad.Error = "FAILED", 4, "", &protocol.ErrorObject{ErrorType: "E"}
	open := &protocol.Operation{ID: "4", Type: protocol.TypeWait, Name: "w", Status: "STARTED", Start: 40}
	cfg := telemetry.Config{Format: telemetry.ByName, Results: map[string]telemetry.Transform{"s": nil, "one": nil}}
	r := cfg.Record(closed(step("1", "s", 10, 5, "1"), step("2", "s", 20, 9, "2"), bad, open, step("5", "one", 50, 1, "3")), 1)
	want := map[string]*telemetry.Summary{
		"s": {Type: "STEP", Status: "FAILED", Count: 3, FailedCount: 1, MinDurationMillis: new(int64(5)), MaxDurationMillis: new(int64(9)),
			TotalDurationMillis: new(int64(21)), MaxAttempt: new(4)},
		"w": {Type: "WAIT", Status: "STARTED", Count: 1},
		"one": {Type: "STEP", SubType: "Step", Status: "SUCCEEDED", Count: 1, MinDurationMillis: new(int64(1)),
			MaxDurationMillis: new(int64(1)), TotalDurationMillis: new(int64(1)),
			MaxAttempt: new(1), Result: json.RawMessage("3")},
	}
	if diff := cmp.Diff(want, r.OperationsByName); diff != "" || r.Operations != nil {
		t.Errorf("%v (-want +got):\n%s", r.Operations, diff)
	}
}

// random is an execution with operations of all sizes.
func random(r *rand.Rand) *telemetry.Execution {
	text := func(n int) string { return fmt.Sprintf("%q", strings.Repeat("ä<", r.IntN(n))) }
	var ops []*protocol.Operation
	for i := range r.IntN(12) {
		result := ""
		if r.IntN(2) == 0 {
			result = `["longer than the mark",` + text(80) + `]`
		}
		ops = append(ops, step(fmt.Sprint(i), string(rune('a'+r.IntN(3))), protocol.Timestamp(1+r.IntN(5)),
			protocol.Timestamp(r.IntN(3)), result))
	}
	x := closed(ops...)
	if r.IntN(2) == 0 {
		x.Input = new(text(200))
	}
	if r.IntN(2) == 0 {
		x.Output = new(text(200))
	}
	return x
}

// cut is the record that loses the least in the order that [Config.Limit] says,
// found by trying and encoding.
func cut(full telemetry.Record, limit int) telemetry.Record {
	r := full
	r.Operations = slices.Clone(full.Operations)
	fits := func() bool { return len(r.JSON()) <= limit }
	oldest := func() []string {
		list := slices.Clone(r.Operations)
		slices.SortStableFunc(list, func(a, b telemetry.Operation) int { return int(a.StartTime - b.StartTime) })
		var ids []string
		for _, op := range list {
			ids = append(ids, op.ID)
		}
		return ids
	}
	for _, id := range oldest() {
		for i := range r.Operations {
			if op := &r.Operations[i]; op.ID == id && op.Result != nil && !fits() {
				op.Result, op.Truncated, r.Truncated = nil, true, true
			}
		}
	}
	for _, id := range oldest() {
		if !fits() {
			r.Operations = slices.DeleteFunc(r.Operations, func(op telemetry.Operation) bool { return op.ID == id })
			r.DroppedOperations++
			r.Truncated = true
		}
	}
	if r.Input != nil && !fits() {
		r.Input, r.DroppedInput, r.Truncated = nil, true, true
	}
	if r.Output != nil && !fits() {
		r.Output, r.DroppedOutput, r.Truncated = nil, true, true
	}
	return r
}

// What is too large loses as little as it must, in the order that is promised;
// in all formats it fits then.
func TestLimit(t *testing.T) {
	const bare = 700 // what the rest of a record takes, and more
	r := rand.New(rand.NewPCG(1, 2))
	truncated, rounds := 0, 3000
	if testing.Short() {
		rounds = 300
	}
	for range rounds {
		x := random(r)
		cfg := telemetry.Config{Results: map[string]telemetry.Transform{"a": nil, "b": nil}}
		full := cfg.Record(x, 7)
		cfg.Limit = bare + r.IntN(2000)
		got := cfg.Record(x, 7)
		if len(full.JSON()) > cfg.Limit {
			truncated++
		}
		if diff := cmp.Diff(cut(full, cfg.Limit), got); diff != "" {
			t.Fatalf("limit %d (-want +got):\n%s", cfg.Limit, diff)
		}
		for _, format := range []telemetry.Format{telemetry.ByName, telemetry.Both} {
			cfg.Format = format
			record := cfg.Record(x, 7)
			if n := len(record.JSON()); n > cfg.Limit {
				t.Fatalf("%s: %d bytes, want at most %d:\n%s", format, n, cfg.Limit, record.JSON())
			}
		}
	}
	if truncated < rounds/3 {
		t.Errorf("only %d records were too large", truncated)
	}
}

// What remains when nothing may be dropped any more is within the bound that the
// documentation names, whatever the limit.
func TestLeast(t *testing.T) {
	worst := strings.Repeat("\x01", 20_000)
	x := closed(step("1", "s", 1, 1, ""))
	x.Status, x.Error, x.Input = protocol.ExecutionFailed, &protocol.ErrorObject{ErrorType: worst, ErrorMessage: worst}, &worst
	cfg := telemetry.Config{Limit: 1}
	r := cfg.Record(x, 1)
	if n := len(r.JSON()); n > 128<<10 || !r.DroppedInput || r.DroppedOutput || r.DroppedOperations != 1 {
		t.Errorf("%d bytes: %.400s", n, r.JSON())
	}
	x = closed()
	r = cfg.Record(x, 1)
	if r.Truncated {
		t.Error("what lost nothing says that it was truncated")
	}
}

// Records of executions with very many operations take no time that grows with
// their square.
func TestManyOperations(t *testing.T) {
	var ops []*protocol.Operation
	for i := range 50_000 {
		ops = append(ops, step(fmt.Sprint(i), fmt.Sprint("item-", i%100), protocol.Timestamp(i), 1, "12345"))
	}
	for _, format := range []telemetry.Format{telemetry.Array, telemetry.ByName, telemetry.Both} {
		cfg := telemetry.Config{Format: format, Limit: 10_000}
		began := time.Now()
		r := cfg.Record(closed(ops...), 1)
		if d := time.Since(began); d > time.Minute || len(r.JSON()) > 10_000 {
			t.Errorf("%s: %v for %d bytes", format, d, len(r.JSON()))
		}
	}
}
