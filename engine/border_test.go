package engine_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/portable"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// forge changes the records of an exported execution, and makes everything
// beside them fit. Records of several entries come as one slice.
func forge(t testing.TB, file []byte, change func([]machine.Record) []machine.Record) []byte {
	t.Helper()
	f, err := portable.Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var all []machine.Record
	for _, entry := range f.Entries {
		records, err := machine.Decode(entry)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, records...)
	}
	all = change(all)
	if id := all[0].Identity; id != nil {
		f.ARN = id.ARN.String()
	}
	f.Entries = [][]byte{machine.Encode(all)}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// renamed gives an execution another id, everywhere.
func renamed(id string) func([]machine.Record) []machine.Record {
	return func(all []machine.Record) []machine.Record {
		old := all[0].Identity.ARN.ID
		all[0].Identity.ARN.ID = id
		for i := range all {
			if all[i].OpID == old {
				all[i].OpID = id
			}
		}
		return all
	}
}

// each changes the records of one type.
func each(typ protocol.EventType, change func(*machine.Record)) func([]machine.Record) []machine.Record {
	return func(all []machine.Record) []machine.Record {
		for i := range all {
			if all[i].Type == typ {
				change(&all[i])
			}
		}
		return all
	}
}

// exhibition is an execution that has something of everything, as a file.
func exhibition(t testing.TB, f *fixture) []byte {
	t.Helper()
	f.durable("all", func(c *call) engine.Outcome {
		if c.op("1").ID == "" {
			c.checkpoint(
				protocol.Update{ID: "ctx", Type: protocol.TypeContext, Action: protocol.ActionStart, Name: "context", SubType: "Map"},
				protocol.Update{ID: "1", ParentID: "ctx", Type: protocol.TypeStep, Action: protocol.ActionSucceed, Payload: str("1")},
				protocol.Update{ID: "2", Type: protocol.TypeWait, Action: protocol.ActionStart,
					WaitOptions: &protocol.WaitOptions{WaitSeconds: 5}},
				protocol.Update{ID: "3", Type: protocol.TypeCallback, Action: protocol.ActionStart,
					CallbackOptions: &protocol.CallbackOptions{TimeoutSeconds: 9, HeartbeatTimeoutSeconds: 8}},
				protocol.Update{ID: "4", Type: protocol.TypeStep, Action: protocol.ActionRetry,
					Error:       &protocol.ErrorObject{ErrorType: "E", StackTrace: []string{"a"}},
					StepOptions: &protocol.StepOptions{NextAttemptDelaySeconds: 2}},
			)
		}
		if c.err != nil {
			return crash(c.err.Error())
		}
		if !c.op("3").Status.Closed() {
			return pending()
		}
		c.checkpoint(protocol.Update{ID: "ctx", Type: protocol.TypeContext, Action: protocol.ActionSucceed, Payload: str("[1]")})
		return succeed(`"done"`)
	})
	arn := f.start("all", "exhibit", `{"a":1}`)
	f.result(arn)
	return f.export(arn)
}

func str(s string) *string { return &s }

// Whatever an engine would not have written is refused, and nothing of it is
// there afterwards.
func TestImportLooksAtEverything(t *testing.T) {
	const tooLong = protocol.Timestamp(protocol.MaxWaitSeconds) * 1000
	inBubble(t, func(t *testing.T, f *fixture) {
		file := exhibition(t, f)
		for name, test := range map[string]struct {
			change func([]machine.Record) []machine.Record
			want   string
		}{
			"id that is no UUID":     {renamed("order-7"), `"order-7" is not the id of an execution`},
			"id in capitals":         {renamed("01980000-ABCD-7000-8000-000000000000"), "is not the id of an execution"},
			"id without hyphens":     {renamed("019800000000700080000000000000ab"), "is not the id of an execution"},
			"random id":              {renamed("b5e8e9f5-3f0c-4b6f-8f8e-0123456789ab"), "is not the id of an execution"},
			"id from the far future": {renamed("ffffffff-ffff-7000-8000-000000000000"), "is of another moment"},
			"id from before":         {renamed("00000000-0001-7000-8000-000000000000"), "is of another moment"},
			"id of one record only": {each(protocol.EventExecutionStarted, func(r *machine.Record) { r.OpID = "other" }),
				"it contradicts itself"},
			"long function": {each(protocol.EventExecutionStarted,
				func(r *machine.Record) { r.Identity.ARN.Function = strings.Repeat("f", 65) }), "is no name of a function"},
			"long version": {each(protocol.EventExecutionStarted,
				func(r *machine.Record) { r.Identity.ARN.Version = strings.Repeat("1", 65) }), "is no version"},
			"long name": {each(protocol.EventExecutionStarted, func(r *machine.Record) {
				r.Name = strings.Repeat("n", 65)
				r.Identity.ARN.Name = r.Name
			}), "is no name of an execution"},
			"no timeout": {each(protocol.EventExecutionStarted,
				func(r *machine.Record) { r.ExecutionTimeout, r.Identity.ExecutionTimeout = 0, 0 }), "it has no timeout"},
			"kept for ever": {each(protocol.EventExecutionStarted,
				func(r *machine.Record) { r.Identity.RetentionDays = 1 << 40 }), "its retention is"},
			"parent that is none": {each(protocol.EventExecutionStarted,
				func(r *machine.Record) { r.Identity.ParentARN, r.Identity.ParentOperation = "arn:nobody", "1" }),
				"its parent, \"arn:nobody\", is no ARN"},
			"parent without operation": {each(protocol.EventExecutionStarted,
				func(r *machine.Record) { r.Identity.ParentARN = r.Identity.ARN.String() }), "its parent is named by half"},
			"origin that is none": {each(protocol.EventExecutionStarted,
				func(r *machine.Record) { r.Identity.OriginARN = "x\n" }), "its origin, "},
			"tenant": {each(protocol.EventExecutionStarted,
				func(r *machine.Record) { r.Identity.TenantID = "\x1b[2J" }), "is no tenant id"},
			"start in the future": {each(protocol.EventExecutionStarted, func(r *machine.Record) { r.Time += 1 << 40 }),
				"it is of the moment"},
			"end before 1970": {each(protocol.EventExecutionSucceeded,
				func(r *machine.Record) { r.Time = -1 << 62 }), "it is of the moment"},
			"endless wait": {each(protocol.EventWaitStarted,
				func(r *machine.Record) { r.ScheduledEnd = 1<<63 - 1 }), "its scheduled end is"},
			"negative wait":   {each(protocol.EventWaitStarted, func(r *machine.Record) { r.Duration = -5 }), "its duration is"},
			"endless timeout": {each(protocol.EventCallbackStarted, func(r *machine.Record) { r.Timeout = 1 << 62 }), "its timeout is"},
			"next try": {each(protocol.EventInvocationCompleted,
				func(r *machine.Record) { r.RetryAt = r.Time + tooLong + 1 }), "its next try is"},
			"attempts": {each(protocol.EventStepFailed, func(r *machine.Record) { r.CurrentAttempt = -1 }), "its attempt is"},
			"callback without id": {each(protocol.EventCallbackStarted, func(r *machine.Record) { r.CallbackID = "" }),
				"the callback has no id"},
			"odd operation id": {func(all []machine.Record) []machine.Record {
				for i := range all {
					all[i].OpID = map[bool]string{true: "a/b", false: all[i].OpID}[all[i].OpID == "2"]
				}
				return all
			}, "is no operation id"},
			"odd subtype": {each(protocol.EventContextStarted, func(r *machine.Record) { r.SubType = "<script>" }), "is no subtype"},
			"odd name":    {each(protocol.EventContextStarted, func(r *machine.Record) { r.Name = "a\x00" }), "is no name"},
			"parent context missing": {each(protocol.EventWaitStarted, func(r *machine.Record) { r.ParentID = "nobody" }),
				"its parent nobody is no context"},
			"parent that is a step": {each(protocol.EventCallbackStarted, func(r *machine.Record) { r.ParentID = "1" }),
				"its parent 1 is no context"},
			"large payload": {each(protocol.EventStepSucceeded,
				func(r *machine.Record) { r.Payload = str(strings.Repeat("x", protocol.MaxPayload+1)) }), "its payload has"},
			"large error": {each(protocol.EventStepFailed,
				func(r *machine.Record) { r.Error.ErrorData = strings.Repeat("x", protocol.MaxPayload+1) }), "its error is larger"},
			"unknown record":     {each(protocol.EventStepFailed, func(r *machine.Record) { r.Type = "StepVanished" }), "StepVanished"},
			"gap in the numbers": {each(protocol.EventExecutionSucceeded, func(r *machine.Record) { r.Event.ID += 2 }), "follows event"},
			"without its number": {each(protocol.EventContextSucceeded, func(r *machine.Record) { r.Event.ID = 0 }), "follows event"},
			"ended twice": {func(all []machine.Record) []machine.Record {
				for i := range all {
					if all[i].Type == protocol.EventContextSucceeded {
						again := all[i]
						all = append(all[:i+1], append([]machine.Record{again}, all[i+1:]...)...)
						break
					}
				}
				return numberAnew(all)
			}, "operation ctx has ended before"},
			"begun twice": {func(all []machine.Record) []machine.Record {
				for i := range all {
					if all[i].Type == protocol.EventContextStarted {
						return numberAnew(append(all[:i+1], append([]machine.Record{all[i]}, all[i+1:]...)...))
					}
				}
				return all
			}, "operation ctx begins twice"},
			"after its end": {func(all []machine.Record) []machine.Record {
				return numberAnew(append(all, machine.Record{Event: protocol.Event{Type: protocol.EventStepStarted,
					OpID: "late", ID: 1, Time: all[0].Time}}))
			}, "comes after ExecutionSucceeded"},
			"two starts": {func(all []machine.Record) []machine.Record { return append(all, all[0]) }, "is not the first record"},
		} {
			other := f.elsewhere(engine.Options{})
			forged := forge(t, file, test.change)
			for _, fork := range []bool{false, true} {
				_, err := other.Import(t.Context(), bytes.NewReader(forged), &engine.ImportRequest{Fork: fork})
				if !refusedWith(err, protocol.CodeInvalidParameter, test.want) {
					t.Errorf("%s, fork %t: got %v, want %q", name, fork, err, test.want)
				}
			}
			if got := other.names(&engine.ListRequest{}); got != "" {
				t.Errorf("%s: the list has %q", name, got)
			}
			other.close()
		}
		other := f.elsewhere(engine.Options{})
		defer other.close()
		if _, err := other.Import(t.Context(), bytes.NewReader(forge(t, file,
			func(all []machine.Record) []machine.Record { return all })), &engine.ImportRequest{}); err != nil {
			t.Errorf("without a change: %v", err)
		}
	})
}

// numberAnew gives the events numbers without gaps.
func numberAnew(all []machine.Record) []machine.Record {
	n := int64(0)
	for i := range all {
		if all[i].Event.ID != 0 {
			n++
			all[i].Event.ID = n
		}
	}
	return all
}

// What stands above the journal in a file agrees with it.
func TestImportComparesTheHeader(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		file, err := portable.Read(bytes.NewReader(exhibition(t, f)))
		if err != nil {
			t.Fatal(err)
		}
		for want, change := range map[string]func(*portable.File){
			"its journal is of another one":       func(p *portable.File) { p.ARN += "0" },
			`it says that the status is "FAILED"`: func(p *portable.File) { p.Status = protocol.ExecutionFailed },
		} {
			forged := *file
			change(&forged)
			var b bytes.Buffer
			if err := forged.Write(&b); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Import(t.Context(), &b, &engine.ImportRequest{}); !refusedWith(err, protocol.CodeInvalidParameter, want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
	})
}

// An execution from elsewhere that says it is the child of one of ours brings
// it nothing, as that one did not start it.
func TestImportedChildIsNotBelieved(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		file := exhibition(t, f)
		f.durable("slow", func(c *call) engine.Outcome {
			if !c.wait("1", 60) {
				return pending()
			}
			return succeed(`"true"`)
		})
		f.durable("parent", func(c *call) engine.Outcome {
			o := c.op("1")
			if o.ID == "" {
				c.checkpoint(protocol.Update{ID: "1", Type: protocol.TypeChainedInvoke, Action: protocol.ActionStart,
					ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: "slow"}})
				o = c.op("1")
			}
			if !o.Status.Closed() {
				return pending()
			}
			return succeed(*o.Payload)
		})
		parent := f.start("parent", "p", "")
		synctest.Wait()
		forged := forge(t, file, func(all []machine.Record) []machine.Record {
			id := all[0].Identity.ARN.ID
			all[0].Identity.ParentARN, all[0].Identity.ParentOperation = parent, "1"
			return renamed(id[:len(id)-4] + "beef")(forgeName(all, "forged"))
		})
		s, err := f.Import(t.Context(), bytes.NewReader(forged), &engine.ImportRequest{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if got := f.status(parent); got != protocol.ExecutionRunning {
			t.Errorf("the parent is %s with the outcome of %s", got, s.ARN)
		}
		if r := f.result(parent); *r.Payload != `"true"` {
			t.Errorf("got %s", *r.Payload)
		}
	})
}

func forgeName(all []machine.Record, name string) []machine.Record {
	old := all[0].Name
	all[0].Identity.ARN.Name = name
	for i := range all {
		if all[i].Name == old {
			all[i].Name = name
		}
	}
	return all
}

// logText is what an engine logs, to be read while it does.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A parent that is no execution is given up, once and for good.
func TestParentThatIsNone(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var log logText
		f.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		file := exhibition(t, f)
		f.stored(file, func(all []machine.Record) []machine.Record {
			id := all[0].Identity.ARN.ID
			all[0].Identity.ParentARN, all[0].Identity.ParentOperation = "nobody", "1"
			return renamed(id[:len(id)-4] + "beef")(forgeName(all, "stored"))
		})
		f.restart()
		time.Sleep(time.Minute)
		told := strings.Count(log.String(), "names a parent that is none")
		time.Sleep(time.Hour)
		if n := strings.Count(log.String(), "names a parent that is none"); told == 0 || n != told {
			t.Errorf("it was told %d times in a minute, and %d times in an hour: %s", told, n, &log)
		}
	})
}

// stored puts a forged execution into the store behind the engine's back.
func (f *fixture) stored(file []byte, change func([]machine.Record) []machine.Record) *store.Row {
	f.t.Helper()
	p, err := portable.Read(bytes.NewReader(forge(f.t, file, change)))
	if err != nil {
		f.t.Fatal(err)
	}
	l := machine.Load(nil)
	if err := l.Add(p.Entries[0]); err != nil {
		f.t.Fatal(err)
	}
	x, err := l.Execution()
	if err != nil {
		f.t.Fatal(err)
	}
	arn := x.Identity().ARN
	row := &store.Row{
		ID: arn.ID, ARN: arn.String(), Function: arn.Function, Version: arn.Version, Name: arn.Name,
		Status: x.Status(), Started: x.Started(), Closed: x.Closed(), Due: x.Due(), InputHash: x.InputHash(),
	}
	f.damaged = true
	if err := f.store.Commit(f.t.Context(), store.Write{ID: row.ID, Entry: store.Entry{Seq: 1, Data: p.Entries[0]}, Row: row}); err != nil {
		f.t.Fatal(err)
	}
	return row
}
