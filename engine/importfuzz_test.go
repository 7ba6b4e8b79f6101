package engine_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/portable"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// FuzzImport takes in arbitrary entries under a header that fits as far as
// anything does. Either they are refused, or the execution can be listed,
// shown, explained, exported, taken in elsewhere and forked, and ends.
func FuzzImport(f *testing.F) {
	seeds := &fixture{t: &testing.T{}, store: memstore.New()}
	for _, file := range fuzzSeeds(f, seeds) {
		p, err := portable.Read(bytes.NewReader(file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Join(p.Entries, nil), false)
		f.Add(bytes.Join(p.Entries, nil), true)
	}
	f.Fuzz(func(t *testing.T, entry []byte, fork bool) {
		p := &portable.File{ARN: "arn", Status: protocol.ExecutionSucceeded, Entries: [][]byte{entry}}
		l := machine.Load(nil)
		l.Add(entry)
		if x, err := l.Execution(); err == nil {
			p.ARN, p.Status = x.Identity().ARN.String(), x.Status()
		}
		var file bytes.Buffer
		if err := p.Write(&file); err != nil {
			t.Fatal(err)
		}
		e := &fixture{t: t, store: memstore.New()}
		e.open()
		defer e.Close(context.Background())
		for _, name := range []string{"all", "order", "slow"} {
			e.register(engine.Function{Name: name, Timeout: time.Minute,
				Invoker: invoker{e, func(*call) engine.Outcome { return succeed("1") }},
				Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour, RetentionDays: 7}})
		}
		s, err := e.Import(t.Context(), bytes.NewReader(file.Bytes()),
			&engine.ImportRequest{Fork: fork, Name: map[bool]string{true: "fork"}[fork]})
		items, _, listErr := e.List(t.Context(), &engine.ListRequest{})
		if listErr != nil || len(items) > 0 != (err == nil) {
			t.Fatalf("got %+v and %v after %v", items, listErr, err)
		}
		if err != nil {
			return
		}
		e.readAll(s.ARN)
		e.Fork(t.Context(), &engine.ForkRequest{ARN: s.ARN, Name: "another", Qualifier: protocol.LatestVersion})
		e.Fork(t.Context(), &engine.ForkRequest{ARN: s.ARN, Redrive: true, Name: "again", Qualifier: protocol.LatestVersion})
		var again bytes.Buffer
		if err := e.Export(t.Context(), s.ARN, &again); err != nil {
			t.Fatal(err)
		}
		if fork {
			return
		}
		other := &fixture{t: t, store: memstore.New()}
		other.open()
		defer other.Close(context.Background())
		if _, err := other.Import(t.Context(), &again, &engine.ImportRequest{}); err != nil {
			t.Errorf("what one engine took in another one refuses: %v", err)
		}
	})
}

// fuzzSeeds are executions of several kinds, as files.
func fuzzSeeds(f *testing.F, e *fixture) [][]byte {
	e.open()
	defer e.Close(context.Background())
	e.register(engine.Function{Name: "order", Timeout: time.Minute, Invoker: invoker{e, func(c *call) engine.Outcome {
		c.step("1", `"valid"`)
		c.checkpoint(
			protocol.Update{ID: "ctx", Type: protocol.TypeContext, Action: protocol.ActionStart, Name: "context", SubType: "Map"},
			protocol.Update{ID: "2", ParentID: "ctx", Type: protocol.TypeStep, Action: protocol.ActionFail,
				Error: &protocol.ErrorObject{ErrorType: "E", StackTrace: []string{"a"}}},
			protocol.Update{ID: "3", Type: protocol.TypeWait, Action: protocol.ActionStart,
				WaitOptions: &protocol.WaitOptions{WaitSeconds: 500}},
			protocol.Update{ID: "4", Type: protocol.TypeCallback, Action: protocol.ActionStart,
				CallbackOptions: &protocol.CallbackOptions{TimeoutSeconds: 900, HeartbeatTimeoutSeconds: 800}},
		)
		if strings.Contains(c.ExecutionARN, "/open/") {
			return pending()
		}
		return succeed(`"done"`)
	}}, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour, RetentionDays: 7}})
	var files [][]byte
	for _, name := range []string{"closed", "open"} {
		s, err := e.Start(f.Context(), &engine.InvokeRequest{Function: "order", Name: name})
		if err != nil {
			f.Fatal(err)
		}
		if name == "closed" {
			e.Wait(f.Context(), s.ARN)
		}
		var b bytes.Buffer
		if err := e.Export(f.Context(), s.ARN, &b); err != nil {
			f.Fatal(err)
		}
		files = append(files, b.Bytes())
	}
	return files
}
