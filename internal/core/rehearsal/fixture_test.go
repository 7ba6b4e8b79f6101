package rehearsal_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/protocol"
)

// taken are the recordings of one execution, by form.
type taken map[string][]byte

// record runs an execution of handler, until it can go no further without
// time that passes, or to its end; stop, if set, stops it then.
func record[In, Out any](t *testing.T, handler func(durable.Context, In) (Out, error), input string, how recording) taken {
	t.Helper()
	all := taken{}
	synctest.Test(t, func(t *testing.T) {
		e, err := engine.Open(t.Context(), memstore.New(), &engine.Options{VirtualTime: true, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(context.Background())
		h := durable.NewHandler(handler, append(how.options, durable.WithClient(inprocess.Client{Engine: e}), durable.WithLogger(quiet))...)
		err = e.Functions().Register(engine.Function{
			Name: "order", Timeout: time.Minute, Invoker: inprocess.Invoker{Handler: h},
			Durable: &engine.DurableConfig{ExecutionTimeout: 24 * time.Hour},
		})
		if err != nil {
			t.Fatal(err)
		}
		started, err := e.Start(t.Context(), &engine.InvokeRequest{Function: "order", Name: "A-1", Payload: []byte(input)})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(how.after)
		synctest.Wait()
		if how.act != nil {
			how.act(t, e, started.ARN)
			synctest.Wait()
		}
		all["export"] = export(t, e, started.ARN)
		all["history"] = events(t, e, started.ARN)
	})
	return all
}

// recording is how an execution is recorded.
type recording struct {
	after   time.Duration // time that passes meanwhile
	act     func(t *testing.T, e *engine.Engine, arn string)
	options []durable.HandlerOption
}

func stop(t *testing.T, e *engine.Engine, arn string) {
	if _, err := e.Stop(t.Context(), &engine.StopRequest{ARN: arn, Reason: &protocol.ErrorObject{ErrorType: "Cancelled"}}); err != nil {
		t.Error(err)
	}
}

var quiet = slog.New(slog.DiscardHandler)

func export(t *testing.T, e *engine.Engine, arn string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Export(t.Context(), arn, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// events is what the Lambda API answers, on one page.
func events(t *testing.T, e *engine.Engine, arn string) []byte {
	t.Helper()
	b := []byte(`{"Events":[`)
	for marker, first := "", true; ; {
		page, next, err := e.History(t.Context(), &engine.HistoryRequest{ARN: arn, MaxItems: 1000, Marker: marker})
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range page {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = protocol.AppendEvent(b, ev, true)
		}
		if marker = next; marker == "" {
			return append(b, "]}\n"...)
		}
	}
}

// read reads a recording that must be good.
func read(t *testing.T, data []byte) *rehearsal.Recording {
	t.Helper()
	rec, err := rehearsal.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// code is a handler as a rehearsal gets it. Its service must not be called.
func code[In, Out any](t *testing.T, handler func(durable.Context, In) (Out, error), opts ...durable.HandlerOption) rehearsal.Code {
	opts = append(opts, durable.WithClient(untouched{t}), durable.WithLogger(quiet))
	return durable.NewHandler(handler, opts...).Invoke
}

type untouched struct{ t *testing.T }

func (u untouched) Checkpoint(context.Context, *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	u.t.Error("a rehearsal made a checkpoint")
	return nil, io.ErrClosedPipe
}

func (u untouched) State(context.Context, *protocol.StateRequest) (*protocol.StateReply, error) {
	u.t.Error("a rehearsal read the state")
	return nil, io.ErrClosedPipe
}

// step is a step whose body must not run in a rehearsal.
func step[T any](ctx durable.Context, name string, v T) (T, error) {
	return durable.Step(ctx, name, func(context.Context) (T, error) {
		if rehearsing.Load() {
			ran.Store(name)
		}
		return v, nil
	})
}

// rehearsing says that no body may run; ran is the name of a step whose body did.
var (
	rehearsing atomic.Bool
	ran        atomic.Value
)

func rehearse(t *testing.T, data []byte, code rehearsal.Code) *rehearsal.Verdict {
	t.Helper()
	rehearsing.Store(true)
	defer rehearsing.Store(false)
	v := read(t, data).Rehearse(t.Context(), code)
	if name := ran.Swap(""); name != nil && name != "" {
		t.Errorf("the body of %s ran in a rehearsal", name)
	}
	return v
}
