package durabletest_test

import (
	"context"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

type purchase struct {
	ID    string   `json:"id"`
	Lines []string `json:"lines"`
}

type payment struct {
	Transaction string `json:"transaction"`
	Cents       int    `json:"cents"`
}

// buying is a handler whose executions are in testdata/histories. They were
// recorded once: what is recorded today must replay for ever.
func buying[P any](charge string, transaction func(P) string) func(durable.Context, purchase) (string, error) {
	return func(ctx durable.Context, o purchase) (string, error) {
		p, err := durable.Step(ctx, charge, mustNotRun[P])
		if err != nil {
			return "", err
		}
		_, err = durable.Map(ctx, "pack", o.Lines, func(ctx durable.Context, line string, _ int) (string, error) {
			return durable.Step(ctx, "pack_"+line, mustNotRun[string])
		})
		if err != nil {
			return "", err
		}
		if err := durable.Wait(ctx, "cool_off", time.Hour); err != nil {
			return "", err
		}
		if _, err := durable.Step(ctx, "ship", mustNotRun[string]); err != nil {
			return "", err
		}
		return "tracking_" + transaction(p), nil
	}
}

func mustNotRun[T any](context.Context) (T, error) { panic("a body ran in a replay") }

var buyOnce = buying("charge", func(p payment) string { return p.Transaction })

// TestReplay: each form of a recording replays, of executions that are open and closed.
func TestReplay(t *testing.T) {
	durabletest.Replay(t, buyOnce, "testdata/histories/*")
	data, err := os.ReadFile("testdata/histories/open.json")
	if err != nil {
		t.Fatal(err)
	}
	durabletest.Replay(t, buyOnce, data)
}

// TestReplayOfRun: what a test has run is a recording, too.
func TestReplayOfRun(t *testing.T) {
	durabletest.Replay(t, book, durabletest.Run(t, book, pragueToVienna).History)
}

func TestReplayLostFields(t *testing.T) {
	type today struct {
		Transaction string `json:"transaction"`
	}
	handler := buying("charge", func(p today) string { return p.Transaction })
	durabletest.Replay(t, handler, "testdata/histories/closed.json", durabletest.AllowLostFields())
	durabletest.Run(t, empty, nil, durabletest.AllowLostFields()).Output() // which ignores it
}

func empty(durable.Context, any) (any, error) { return nil, nil }

// hang is code outside of steps that does not end.
func hang(heeds bool) func(durable.Context, purchase) (string, error) {
	return func(ctx durable.Context, _ purchase) (string, error) {
		if heeds {
			<-ctx.Done()
			return "", ctx.Err()
		}
		select {}
	}
}

func init() {
	maps.Copy(mistakes, map[string]mistake{
		"replay of a renamed step": {func(t *testing.T) {
			durabletest.Replay(t, buying("debit", func(p payment) string { return p.Transaction }), "testdata/histories/open.json")
		}, `STEP/Step "debit"  at replay_test.go:28`},
		"replay shows what is recorded": {func(t *testing.T) {
			durabletest.Replay(t, buying("debit", func(p payment) string { return p.Transaction }), "testdata/histories/open.json")
		}, `  > 1      STEP/Step "charge"  SUCCEEDED +0s`},
		"replay names the execution": {func(t *testing.T) {
			durabletest.Replay(t, empty, "testdata/histories/closed.export")
		}, `execution A-1 of function order, SUCCEEDED, does not replay with this code: operation 1: recorded STEP/Step "charge", ` +
			`but the code returned without reaching it`},
		"replay of lost fields": {func(t *testing.T) {
			type today struct {
				Transaction string `json:"transaction"`
			}
			durabletest.Replay(t, buying("charge", func(p today) string { return p.Transaction }), "testdata/histories/closed.json")
		}, `today's type of its result has no place for what is recorded as cents`},
		"replay to another result": {func(t *testing.T) {
			durabletest.Replay(t, buying("charge", func(payment) string { return "lost" }), "testdata/histories/closed.json")
		}, `the execution succeeded with the result "tracking_txn_ORD-1", and the code now returns result "tracking_lost"`},
		"replay of another input": {func(t *testing.T) {
			durabletest.Replay(t, func(ctx durable.Context, _ []int) (string, error) { return "", nil }, "testdata/histories/open.json")
		}, "the code cannot read the recorded input: perdure: cannot encode or decode the execution's input: json: cannot unmarshal"},
		"replay without files": {func(t *testing.T) {
			durabletest.Replay(t, buyOnce, "testdata/nothing/*.json")
		}, "no file is called testdata/nothing/*.json; record one with: perdure export EXECUTION FILE"},
		"replay of a bad pattern": {func(t *testing.T) { durabletest.Replay(t, buyOnce, "testdata/[") }, "syntax error in pattern"},
		"replay of a directory":   {func(t *testing.T) { durabletest.Replay(t, buyOnce, "testdata/histories") }, "is a directory"},
		"replay of nothing": {func(t *testing.T) {
			durabletest.Replay(t, buyOnce, []byte(nil))
		}, "the recording cannot be replayed: it is empty"},
		"replay of no history": {func(t *testing.T) {
			durabletest.Replay(t, buyOnce, durabletest.History(nil))
		}, "the recording cannot be replayed: it has no events"},
		"replay with a nil handler": {func(t *testing.T) {
			durabletest.Replay[int, int](t, nil, "testdata/histories/*")
		}, "the handler is nil"},
		"replay with a nil option": {func(t *testing.T) {
			durabletest.Replay(t, buyOnce, "testdata/histories/open.json", nil)
		}, "handler option 1 is nil"},
		"replay that fails the test": {func(t *testing.T) {
			durabletest.Replay(t, func(ctx durable.Context, p purchase) (string, error) {
				t.Error("the handler's own words")
				return buyOnce(ctx, p)
			}, "testdata/histories/open.json")
		}, "the handler's own words"},
		"replay with FailNow": {func(t *testing.T) {
			durabletest.Replay(t, func(ctx durable.Context, p purchase) (string, error) {
				t.FailNow()
				return "", nil
			}, "testdata/histories/open.json")
		}, "the code gave no answer: perdure: workflow code left its goroutine with runtime.Goexit, which t.Fatal calls too"},
		"replay of a panic": {func(t *testing.T) {
			durabletest.Replay(t, func(ctx durable.Context, p purchase) (string, error) { panic("no such table") },
				"testdata/histories/open.json")
		}, "but the code now fails without reaching it: panic: no such table"},
		"replay that never ends": {func(t *testing.T) {
			durabletest.SetReplayTime(10*time.Millisecond, 10*time.Millisecond)
			durabletest.Replay(t, hang(false), "testdata/histories/open.json")
		}, "code outside of steps does not end within 10ms, and ignores that its context ended; the stacks below show where it is"},
		"replay that never ends shows where": {func(t *testing.T) {
			durabletest.SetReplayTime(10*time.Millisecond, 10*time.Millisecond)
			durabletest.Replay(t, hang(false), "testdata/histories/open.json")
		}, "/replay_test.go:85 "},
		"replay that ends late": {func(t *testing.T) {
			durabletest.SetReplayTime(10*time.Millisecond, 10*time.Second)
			durabletest.Replay(t, hang(true), "testdata/histories/open.json")
		}, "code outside of steps did not end within 10ms"},
	})
}
