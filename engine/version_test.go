package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

func TestExecutionsStayOnTheirVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		if got := f.publish("order"); got != "1" {
			t.Fatalf("got version %s, want 1", got)
		}
		f.alias("order", "live", "1", nil)
		onLatest, onLive := f.start("order", "a", ""), f.start("order:live", "b", "")
		if !strings.Contains(onLive, ":order:1/durable-execution/b/") {
			t.Errorf("got %s, want an ARN with the version in place of the alias", onLive)
		}

		m.build("order", "blue", saying("blue"))
		if got := f.publish("order"); got != "2" {
			t.Fatalf("got version %s, want 2", got)
		}
		f.alias("order", "live", "2", nil)
		onNewLive := f.start("order:live", "c", "")
		m.reopen()
		onNumber := f.start("order:1", "d", "")
		f.wantResult(onLatest, "blue")
		f.wantResult(onLive, "red")
		f.wantResult(onNewLive, "blue")
		f.wantResult(onNumber, "red")
		if want := []string{"order:1", "order:2"}; !slices.Equal(m.opened, want) {
			t.Errorf("opened %v, want %v", m.opened, want)
		}
	})
}

func TestPublishingTheSameTwiceIsOneVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		first, second := f.publish("order"), f.publish("order")
		m.reopen()
		if third := f.publish("order"); first != "1" || second != "1" || third != "1" {
			t.Errorf("got versions %s, %s, %s, want 1 each time", first, second, third)
		}

		slower := f.funcs[0]
		slower.Timeout = time.Hour
		f.register(slower)
		if got := f.publish("order"); got != "2" {
			t.Errorf("with another timeout: got version %s, want 2", got)
		}
		m.build("order", "blue", saying("blue"))
		if got := f.publish("order"); got != "3" {
			t.Errorf("with other code: got version %s, want 3", got)
		}
		if got, want := f.versions("order"), "$LATEST Active, 1 Active, 2 Active, 3 Active"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		c, err := f.Functions().Configuration(t.Context(), "order:2", "")
		if err != nil || c.Timeout != time.Hour || c.CodeSHA256 != "sha-red" ||
			c.ARN != "arn:aws:lambda:us-east-1:000000000000:function:order:2" {
			t.Errorf("got %+v, %v; want version 2 with its timeout", c, err)
		}
	})
}

func TestPublishRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.build("order", "red", saying("red"))
		publish := func(req engine.PublishRequest) error {
			_, err := f.Functions().PublishVersion(t.Context(), &req)
			return err
		}
		wantCode(t, "without RunVersions", publish(engine.PublishRequest{Function: "order"}),
			protocol.CodeInvalidParameter, "no code that could be kept")
		m.run()
		f.durable("inprocess", order)
		wantCode(t, "unknown", publish(engine.PublishRequest{Function: "nobody"}), protocol.CodeNotFound, "function:nobody:$LATEST")
		wantCode(t, "in process", publish(engine.PublishRequest{Function: "inprocess"}), protocol.CodeInvalidParameter,
			"part of another program")
		wantCode(t, "a number", publish(engine.PublishRequest{Function: "order:3"}), protocol.CodeInvalidParameter, "Only $LATEST")
		wantCode(t, "other code", publish(engine.PublishRequest{Function: "order", CodeSHA256: "sha-blue"}), protocol.CodeInvalidParameter,
			"CodeSHA256 (sha-blue) is different from current CodeSHA256 in $LATEST (sha-red)")
		wantCode(t, "other revision", publish(engine.PublishRequest{Function: "order", Revision: "x"}),
			protocol.CodePrecondition, "Revision Id")
		c, err := f.Functions().Configuration(t.Context(), "order", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := publish(engine.PublishRequest{Function: "order", Revision: c.Revision, CodeSHA256: c.CodeSHA256}); err != nil {
			t.Errorf("with revision and hash of what is there: %v", err)
		}
	})
}

// Executions of a deleted version may still be readable, so its number is not
// for another one.
func TestNumbersAreGivenOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		if draining, err := f.Functions().DeleteFunction(t.Context(), "order", "1"); draining || err != nil {
			t.Fatalf("got %v, %v, want it gone at once", draining, err)
		}
		if m.kept["red"] {
			t.Error("the image of a deleted version was kept")
		}
		m.reopen()
		if got := f.publish("order"); got != "2" {
			t.Errorf("got version %s, want 2: 1 was given before", got)
		}
		if _, err := f.Functions().DeleteFunction(t.Context(), "order", ""); err != nil {
			t.Fatal(err)
		}
		if got := f.versions("order"); got != "none" {
			t.Errorf("after the function was deleted: got %s", got)
		}
		m.build("order", "red", saying("red"))
		if got := f.publish("order"); got != "3" {
			t.Errorf("a function made anew: got version %s, want 3", got)
		}
	})
}

// Code that is missing for a while costs time, and nothing else.
func TestVersionWithoutCodeWaitsVisibly(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		arn := f.start("order:1", "", "")
		synctest.Wait()
		m.broken = errors.New("the disk is not mounted")
		m.reopen()
		time.Sleep(time.Minute)
		if d, err := f.Describe(t.Context(), arn); err != nil || d.Status != protocol.ExecutionRunning {
			t.Fatalf("got %+v, %v, want it to wait", d, err)
		}
		c, err := f.Functions().Configuration(t.Context(), "order", "1")
		if err != nil || c.State != engine.StateFailed || !strings.Contains(c.StateReason, "not mounted") {
			t.Errorf("got %+v, %v, want it to say what is wrong", c, err)
		}
		_, err = f.Start(t.Context(), &engine.InvokeRequest{Function: "order:1"})
		wantCode(t, "start", err, protocol.CodeNotReady, "not mounted")
		m.broken = nil
		m.run()
		f.wantResult(arn, "red")
	})
}

func TestUnregisteredFunctionsExecutionsWait(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		onLatest, onOne := f.start("order", "", ""), f.start("order:1", "", "")
		synctest.Wait()
		f.Functions().Unregister("order", "")
		f.Functions().Unregister("order", "1")
		f.Functions().Unregister("nobody", "")
		time.Sleep(time.Minute)
		if got, want := f.versions("order"), "1 Failed"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		m.build("order", "blue", saying("blue"))
		m.run()
		f.wantResult(onLatest, "blue")
		f.wantResult(onOne, "red")
	})
}

// A document that somebody damaged takes its version with it, and nothing else.
func TestDamagedDocumentsAreLeftAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		for _, d := range []struct{ kind, key, value string }{
			{"version", "order/2", "{"}, {"version", "order/x", "{}"}, {"version", "order/9", "{}"}, {"alias", "order/a",
				"[]"}, {"function", "order", "0.5"},
		} {
			if err := f.store.PutDocument(t.Context(), d.kind, d.key, []byte(d.value)); err != nil {
				t.Fatal(err)
			}
		}
		m.reopen()
		if got, want := f.versions("order"), "$LATEST Active, 1 Active"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := f.publish("order"); got != "1" {
			t.Errorf("got version %s, want 1, which is the same", got)
		}
	})
}
