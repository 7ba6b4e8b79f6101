package verify_test

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/core/verify"
	"github.com/perdure/perdure/protocol"
)

const epoch = protocol.Timestamp(1_795_000_000_000)

// execution is one that waits for a callback, as an engine would have left it.
type execution struct {
	calls   []store.Call
	x       *machine.Execution
	entries [][]byte
}

func newExecution(id, parentARN, parentOperation string) *execution {
	e := &execution{}
	e.commit(machine.Start(machine.Identity{
		ARN: protocol.ARN{
			Partition: "aws", Region: "us-east-1", Account: "000000000000", Function: "f", Version: "1", Name: "name-" + id, ID: id,
		},
		ExecutionTimeout: 3600, RetentionDays: 7, ParentARN: parentARN, ParentOperation: parentOperation,
	}, nil, epoch, nil))
	return e
}

func (e *execution) commit(d *machine.Draft) {
	e.entries = append(e.entries, machine.Encode(d.Records()))
	e.x = d.Publish()
}

func (e *execution) do(apply func(*machine.Draft)) {
	d := e.x.Draft(epoch.AddSeconds(1))
	apply(d)
	e.commit(d)
}

// run begins an invocation, sends an update and ends it.
func (e *execution) run(t testing.TB, u protocol.Update, target string) {
	t.Helper()
	e.do(func(d *machine.Draft) { d.BeginInvocation("r") })
	e.do(func(d *machine.Draft) {
		_, err := d.Checkpoint(&machine.Checkpoint{
			Fence: e.x.Fence(), Updates: []protocol.Update{u}, CallbackID: func(int) string { return "c" },
			Resolve: func(*protocol.ChainedInvokeOptions) (*machine.InvokeTarget, *protocol.ErrorObject, error) {
				return &machine.InvokeTarget{Version: "1", ARN: target}, nil, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	e.do(func(d *machine.Draft) {
		d.EndInvocation("r", machine.Ending{Answer: []byte(`{"Status":"PENDING"}`)}, machine.CrashLimit{})
	})
}

func (e *execution) row() *store.Row {
	arn := e.x.Identity().ARN
	return &store.Row{
		ID: arn.ID, ARN: arn.String(), Function: arn.Function, Version: arn.Version, Name: arn.Name,
		Status: e.x.Status(), Started: e.x.Started(), Closed: e.x.Closed(),
		Due: e.x.Due(), Wanted: e.x.Wanted(), Expires: e.x.Expires(), Doing: uint32(e.x.Doing()), Since: e.x.Since(),
		InputHash: e.x.InputHash(),
	}
}

// write puts an execution into a store.
func (e *execution) write(t testing.TB, st store.Store, row *store.Row) {
	t.Helper()
	var writes []store.Write
	for i, data := range e.entries {
		w := store.Write{ID: row.ID, Entry: store.Entry{Seq: int64(i + 1), Data: data}}
		if i == 0 {
			w.Row, w.Calls = row, e.calls
		}
		writes = append(writes, w)
	}
	if err := st.Commit(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
}

func problems(t *testing.T, st store.Store) (string, verify.Summary) {
	t.Helper()
	var all []string
	summary, err := verify.Store(t.Context(), st, verify.Options{}, func(p verify.Problem) { all = append(all, p.Text) })
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "; "), summary
}

var (
	waits   = protocol.Update{ID: "1", Type: protocol.TypeCallback, Action: protocol.ActionStart}
	invokes = protocol.Update{ID: "1", Type: protocol.TypeChainedInvoke, Action: protocol.ActionStart,
		ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: "f"}}
)

func TestSound(t *testing.T) {
	st := memstore.New()
	parent := newExecution("p", "", "")
	child := newExecution("q", parent.x.Identity().ARN.String(), "1")
	parent.run(t, invokes, child.x.Identity().ARN.String())
	child.run(t, waits, "")
	closed := newExecution("r", "", "")
	closed.do(func(d *machine.Draft) { d.Stop(nil) })
	for _, e := range []*execution{parent, child, closed} {
		e.write(t, st, e.row())
	}
	got, summary := problems(t, st)
	if want := (verify.Summary{Executions: 3, Open: 2, Entries: 10, Events: 8}); got != "" || summary != want {
		t.Errorf("got %q, %+v, want %+v", got, summary, want)
	}
}

func TestProblems(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(t *testing.T, st store.Store)
		want string
	}{
		{"row", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.run(t, waits, "")
			row := e.row()
			row.Status, row.Due, row.Doing = protocol.ExecutionFailed, 0, 0
			e.write(t, st, row)
		}, "the status is FAILED in the index, and RUNNING by the journal; what it does is 0 in the index, and 16 by the journal; when " +
			"it is due is 0 in the index, and 1795003600000 by the journal"},
		{"garbage", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.entries = append(e.entries, []byte("garbage"))
			e.write(t, st, e.row())
		}, "the journal cannot be understood: entry 2: …"},
		{"an end without a begin", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.entries = append(e.entries, machine.Encode([]machine.Record{
				{Event: protocol.Event{Type: protocol.EventInvocationCompleted, ID: 2, Time: epoch, RequestID: "x"}, RetryAt: epoch},
			}))
			e.write(t, st, e.row())
		}, "event 2 completes invocation x, which is not in flight"},
		{"open for no reason", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.do(func(d *machine.Draft) { d.BeginInvocation("x") })
			e.entries = append(e.entries, machine.Encode([]machine.Record{
				{Event: protocol.Event{Type: protocol.EventInvocationCompleted, ID: 2, Time: epoch, RequestID: "x"}},
			}))
			row := e.row()
			row.Doing, row.Since, row.Due = 0, 0, e.x.Started().AddSeconds(3600)
			e.write(t, st, row)
		}, "it is open and waits for nothing"},
		{"events after the end", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.do(func(d *machine.Draft) { d.Stop(nil) })
			row := e.row()
			e.entries = append(e.entries, machine.Encode([]machine.Record{
				{Event: protocol.Event{Type: protocol.EventStepStarted, ID: 3, Time: epoch, OpID: "1"}},
			}))
			e.write(t, st, row)
		}, "event 3, StepStarted, comes after ExecutionStopped"},
		{"redriven by the row only", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.do(func(d *machine.Draft) { d.Stop(nil) })
			row := e.row()
			row.Redriven = true
			e.write(t, st, row)
		}, "whether it was redriven is true in the index, and false by the journal"},
		{"redriven by the journal only", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.do(func(d *machine.Draft) { d.Stop(nil) })
			row := e.row()
			e.do(func(d *machine.Draft) { d.KeepFork(&machine.Fork{ARN: e.x.ARN(), Redrive: true}) })
			e.write(t, st, row)
		}, "whether it was redriven is false in the index, and true by the journal"},
		{"call that nobody makes", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.run(t, invokes, "")
			e.write(t, st, e.row())
		}, "operation 1 waits for a call of f that nobody will make"},
		{"calls of another function, and for nothing", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.run(t, invokes, "")
			e.calls = []store.Call{
				{Operation: "1", Function: "g", Version: "1", Wanted: epoch}, {Operation: "2", Function: "f", Version: "1", Wanted: epoch},
			}
			e.write(t, st, e.row())
		}, "operation 1 calls f in version 1, and is to call g:1; " +
			"a call of function f is to be made for operation 2, which waits for none"},
		{"child that is not there", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			e.run(t, invokes, newExecution("q", "", "").x.Identity().ARN.String())
			e.write(t, st, e.row())
		}, "operation 1 waits for arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/name-q/q, which does not exist"},
		{"child of another", func(t *testing.T, st store.Store) {
			e, other := newExecution("p", "", ""), newExecution("q", "", "")
			e.run(t, invokes, other.x.Identity().ARN.String())
			e.write(t, st, e.row())
			other.write(t, st, other.row())
		}, "operation 1 waits for arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/name-q/q, which was not " +
			"started by it"},
		{"child whose news was lost", func(t *testing.T, st store.Store) {
			e := newExecution("p", "", "")
			child := newExecution("q", e.x.Identity().ARN.String(), "1")
			e.run(t, invokes, child.x.Identity().ARN.String())
			child.do(func(d *machine.Draft) { d.Stop(nil) })
			child.do(func(d *machine.Draft) { d.NotifyParent() })
			e.write(t, st, e.row())
			child.write(t, st, child.row())
		}, "operation 1 waits for arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/name-q/q, which has ended " +
			"and told of it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := memstore.New()
			test.make(t, st)
			got, summary := problems(t, st)
			want, open := strings.CutSuffix(test.want, "…") // protobuf's own words vary
			if got != want && !(open && strings.HasPrefix(got, want)) || summary.Problems == 0 {
				t.Errorf("got  %s\nwant %s\nsummary %+v", got, test.want, summary)
			}
		})
	}
}
