package engine_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

func TestDeletedVersionDrains(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		m.build("order", "blue", saying("blue"))
		arn := f.start("order:1", "o-1", "")
		if draining, err := f.Functions().DeleteFunction(t.Context(), "order", "1"); !draining || err != nil {
			t.Fatalf("got %v, %v, want it to drain", draining, err)
		}
		m.reopen()
		if got, want := f.versions("order"), "$LATEST Active, 1 Deleting"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if again := f.start("order:1", "o-1", ""); again != arn {
			t.Errorf("repeating the start: got %s, want %s", again, arn)
		}
		_, err := f.Start(t.Context(), &engine.InvokeRequest{Function: "order:1"})
		wantCode(t, "start", err, protocol.CodeConflict, "currently in the following state: Deleting")
		_, err = f.Functions().CreateAlias(t.Context(), &engine.AliasChange{Function: "order", Name: "live", Version: new("1")})
		wantCode(t, "alias", err, protocol.CodeNotFound, "order:1")

		f.wantResult(arn, "red")
		synctest.Wait()
		if got, want := f.versions("order"), "$LATEST Active"; got != want {
			t.Errorf("after its last execution: got %s, want %s", got, want)
		}
		if m.kept["red"] {
			t.Error("the image is still kept")
		}
		if d, err := f.Describe(t.Context(), arn); err != nil || d.Version != "1" {
			t.Errorf("the execution: got %+v, %v, want it readable", d, err)
		}
	})
}

// The last execution may close while nobody is there to notice.
func TestDrainedWhileDown(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		arn := f.start("order:1", "", "")
		if _, err := f.Functions().DeleteFunction(t.Context(), "order", "1"); err != nil {
			t.Fatal(err)
		}
		f.restart() // nobody runs versions here
		if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
			t.Fatal(err)
		}
		m.reopen()
		if got, want := f.versions("order"), "$LATEST Active"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestDeletedFunctionDrains(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		f.alias("order", "live", "1", nil)
		onLatest, onLive := f.start("order", "", ""), f.start("order:live", "", "")
		if draining, err := f.Functions().DeleteFunction(t.Context(), "order", ""); !draining || err != nil {
			t.Fatalf("got %v, %v, want it to drain", draining, err)
		}
		_, err := f.Start(t.Context(), &engine.InvokeRequest{Function: "order"})
		wantCode(t, "start", err, protocol.CodeConflict, "Deleting")
		_, err = f.Start(t.Context(), &engine.InvokeRequest{Function: "order:live"})
		wantCode(t, "start through the alias", err, protocol.CodeNotFound, "order:live")
		_, err = f.Functions().PublishVersion(t.Context(), &engine.PublishRequest{Function: "order"})
		wantCode(t, "publish", err, protocol.CodeConflict, "Deleting")
		f.wantResult(onLatest, "red")
		f.wantResult(onLive, "red")
		synctest.Wait()
		if got := f.versions("order"); got != "none" {
			t.Errorf("got %s, want none", got)
		}
	})
}

func TestDeleteRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		f.alias("order", "live", "1", nil)
		for _, test := range []struct {
			function, qualifier string
			code                protocol.Code
			text                string
		}{
			{"order", "$LATEST", protocol.CodeInvalidParameter, "$LATEST version cannot be deleted without deleting the function."},
			{"order", "live", protocol.CodeInvalidParameter, "Deletion of aliases is not currently supported."},
			{"order", "1", protocol.CodeConflict, "Unable to delete version because the following aliases reference it: [live]"},
			{"order", "2", protocol.CodeNotFound, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:order:2"},
			{"nobody", "", protocol.CodeNotFound, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"},
		} {
			_, err := f.Functions().DeleteFunction(t.Context(), test.function, test.qualifier)
			wantCode(t, test.function+":"+test.qualifier, err, test.code, test.text)
		}
	})
}

// meddlingStore calls back between the look for open executions and what the
// engine makes of it.
type meddlingStore struct {
	store.Store
	listed func()
}

func (s *meddlingStore) List(ctx context.Context, q store.Query) ([]*store.Row, error) {
	rows, err := s.Store.List(ctx, q)
	s.listed()
	return rows, err
}

// TestRegisteredWhileItGoes: a function that its owner registers again just as
// the last of it is being deleted stays registered.
func TestRegisteredWhileItGoes(t *testing.T) {
	st := &meddlingStore{Store: memstore.New(), listed: func() {}}
	e, err := engine.Open(t.Context(), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	order := engine.Function{Name: "order", Invoker: invoker{}} // it is never invoked
	if err := e.Functions().Register(order); err != nil {
		t.Fatal(err)
	}
	st.listed = func() {
		if err := e.Functions().Register(order); err != nil {
			t.Error(err)
		}
	}
	if _, err := e.Functions().DeleteFunction(t.Context(), "order", ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Functions().Lookup(t.Context(), "order", ""); err != nil {
		t.Errorf("got %v, want the function that was registered", err)
	}
}
