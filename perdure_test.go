package perdure_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure"
	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/memstore"
	"github.com/perdure/perdure/protocol"
)

var quiet = slog.New(slog.DiscardHandler)

// open opens a service in memory that is closed when the test ends.
func open(t *testing.T, st engine.Store) *perdure.Service {
	t.Helper()
	return openWith(t, perdure.Options{Store: st, Logger: quiet})
}

func openWith(t *testing.T, opts perdure.Options) *perdure.Service {
	t.Helper()
	p, err := perdure.Open(t.Context(), "", &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func double(ctx durable.Context, n int) (int, error) {
	return durable.Step(ctx, "double", func(context.Context) (int, error) {
		if n < 0 {
			return 0, errors.New("there is less than nothing")
		}
		return 2 * n, nil
	}, durable.WithRetry(retry.None()))
}

func handle[In, Out any](t *testing.T, p *perdure.Service, name string, handler func(durable.Context, In) (Out, error),
	settings ...perdure.Setting) {
	t.Helper()
	if err := perdure.Handle(p, name, handler, settings...); err != nil {
		t.Fatal(err)
	}
}

func TestStartWaitGet(t *testing.T) {
	p := open(t, memstore.New())
	handle(t, p, "double", double)
	x, err := perdure.Start(t.Context(), p, "double", 21, perdure.Named("first"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := perdure.Wait[int](t.Context(), p, x.ARN); out != 42 || err != nil {
		t.Errorf("got %d, %v, want 42", out, err)
	}
	state, err := perdure.Get[int](t.Context(), p, x.ARN)
	if err != nil || state.Status != protocol.ExecutionSucceeded || *state.Output != 42 || state.Err != nil || state.Ended.IsZero() {
		t.Errorf("got %+v, %v, want the output of one that has ended", state, err)
	}
	if _, err := perdure.Get[string](t.Context(), p, x.ARN); err == nil || !strings.Contains(err.Error(), "cannot be read as string") {
		t.Errorf("got %v for a wrong type", err)
	}
	again, err := perdure.Start(t.Context(), p, "double", 21, perdure.Named("first"))
	if again.ARN != x.ARN || !again.Existing || err != nil {
		t.Errorf("got %+v, %v, want the execution that exists", again, err)
	}
	if arn, err := perdure.Find(t.Context(), p, "double", "first"); arn != x.ARN || err != nil {
		t.Errorf("got %s, %v, want %s", arn, err, x.ARN)
	}
}

// Tags that an execution is started with are those that it has; an execution that exists keeps its own.
func TestTagged(t *testing.T) {
	p := open(t, memstore.New())
	handle(t, p, "double", double)
	for range 2 {
		x, err := perdure.Start(t.Context(), p, "double", 21, perdure.Named("n"), perdure.Tagged("team", "red"),
			perdure.Tagged("tür zu", "a=b + c"))
		if err != nil {
			t.Fatal(err)
		}
		d, err := p.Engine().Describe(t.Context(), x.ARN)
		want := map[string]string{"team": "red", "tür zu": "a=b + c"}
		if err != nil || !maps.Equal(d.Tags, want) {
			t.Errorf("got %q, %v, want %q", d.Tags, err, want)
		}
	}
	_, err := perdure.Start(t.Context(), p, "double", 21, perdure.Tagged("aws:x", "1"))
	if err == nil || !strings.Contains(err.Error(), "aws:") {
		t.Errorf("got %v, want that such tags are AWS's", err)
	}
}

func TestFailure(t *testing.T) {
	p := open(t, memstore.New())
	handle(t, p, "double", double)
	x, err := perdure.Start(t.Context(), p, "double", -1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = perdure.Wait[int](t.Context(), p, x.ARN)
	failure, ok := errors.AsType[*perdure.ExecutionError](err)
	if !ok || failure.Status != protocol.ExecutionFailed || !strings.Contains(err.Error(), "there is less than nothing") {
		t.Errorf("got %v, want the error of the step", err)
	}
	state, err := perdure.Get[int](t.Context(), p, x.ARN)
	if err != nil || state.Output != nil || state.Err.Error() != failure.Error() {
		t.Errorf("got %+v, %v", state, err)
	}
}

// What cannot be meant is refused with what to do.
func TestRefusals(t *testing.T) {
	p := open(t, memstore.New())
	handle(t, p, "double", double)
	for name, test := range map[string]struct {
		do   func() error
		want string
	}{
		"no directory": {func() error { _, err := perdure.Open(t.Context(), "", nil); return err }, "takes a directory or Options.Store"},
		"both": {func() error {
			_, err := perdure.Open(t.Context(), "x", &perdure.Options{Store: memstore.New()})
			return err
		}, "one of the two"},
		"a name with spaces": {func() error { return perdure.Handle(p, "a b", double) }, "a b"},
		"unknown function":   {func() error { _, err := perdure.Start(t.Context(), p, "triple", 1); return err }, "triple"},
		"unknown name": {func() error { _, err := perdure.Find(t.Context(), p, "double", "x"); return err },
			"no execution x of function double"},
		"no JSON": {func() error { _, err := perdure.Start(t.Context(), p, "double", func() {}); return err },
			"cannot be written as JSON"},
		"no ARN":              {func() error { _, err := perdure.Wait[int](t.Context(), p, "x"); return err }, "x"},
		"an hour of a minute": {func() error { return perdure.Handle(p, "f", double, perdure.ExecutionTimeout(-time.Hour)) }, "xecution"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.do(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %q", err, test.want)
			}
		})
	}
}

// A year passes, and what was recorded is not done again.
func TestYear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := 0
		p := openWith(t, perdure.Options{Store: memstore.New(), Logger: quiet, VirtualTime: true})
		handle(t, p, "remind", func(ctx durable.Context, who string) (string, error) {
			if _, err := durable.Step(ctx, "begin", func(context.Context) (int, error) { began++; return began, nil }); err != nil {
				return "", err
			}
			return "hello " + who, durable.Wait(ctx, "a year", 365*24*time.Hour)
		})
		x, err := perdure.Start(t.Context(), p, "remind", "you")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		out, err := perdure.Wait[string](t.Context(), p, x.ARN)
		if out != "hello you" || err != nil || time.Since(start) < 365*24*time.Hour || began != 1 {
			t.Errorf("got %q, %v after %v, and %d beginnings", out, err, time.Since(start), began)
		}
	})
}

// A handler that waits for another, and one that takes too long.
func TestSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := openWith(t, perdure.Options{Store: memstore.New(), Logger: quiet, VirtualTime: true})
		handle(t, p, "slow", func(ctx durable.Context, _ any) (int, error) {
			return durable.Step(ctx, "slow", func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		}, perdure.InvocationTimeout(time.Second), perdure.ExecutionTimeout(time.Hour), perdure.Concurrency(1), perdure.Retention(1))
		x, err := perdure.Start(t.Context(), p, "slow", "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = perdure.Wait[int](t.Context(), p, x.ARN)
		if failure, ok := errors.AsType[*perdure.ExecutionError](err); !ok || failure.Status != protocol.ExecutionTimedOut {
			t.Errorf("got %v, want a timeout", err)
		}
	})
}

func TestHandler(t *testing.T) {
	p := open(t, memstore.New())
	handle(t, p, "double", double)
	s := httptest.NewServer(p.Handler())
	defer s.Close()
	for path, want := range map[string]string{"/health": "healthy", "/ready": "ready", "/2015-03-31/functions": "double", "/ui/": "<html",
		"/perdure/about": "perdure"} {
		resp, err := s.Client().Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: got %s, %v %.200s", path, resp.Status, err, body)
		}
	}
}
