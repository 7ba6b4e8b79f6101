package golden_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/durabletest"
	"github.com/perdure/perdure/durabletest/golden"
	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/protocol"
)

// parcel is a result with all that differs from run to run.
type parcel struct {
	ID, Again uuid.UUID
	Sent      time.Time
	Number    string
}

func pack(ctx context.Context) (parcel, error) {
	time.Sleep(time.Duration(mathrand.IntN(1000)) * time.Millisecond)
	id := uuid.New()
	return parcel{id, id, time.Now(), "TRK-" + rand.Text()}, nil
}

// ship packs parcels at a time, after an hour or so, and asks whether that was right.
func ship(ctx durable.Context, n int) ([]parcel, error) {
	if _, err := durable.Step(ctx, "open", func(ctx context.Context) (string, error) {
		if durable.Attempt(ctx) < 3 {
			return "", fmt.Errorf("closed at %s", time.Now().Format(time.RFC3339))
		}
		return "open", nil
	}, durable.WithRetry(retry.Fixed(3, time.Hour))); err != nil {
		return nil, err
	}
	all, err := durable.Map(ctx, "pack", make([]int, n), func(ctx durable.Context, _, i int) (parcel, error) {
		if err := durable.Wait(ctx, "", time.Duration(1+i%3)*time.Second); i%2 == 0 || err != nil {
			return durable.Step(ctx, "one", pack)
		}
		return durable.Step(ctx, "other", pack)
	})
	if err != nil {
		return nil, err
	}
	_, err = durable.WaitForCallback[string](ctx, "right?", func(context.Context, string) error { return nil },
		durable.WithTimeout(time.Hour))
	if err == nil {
		return nil, errors.New("nobody answers, and yet there is an answer")
	}
	return all.Values(), nil
}

func shipped(t *testing.T) durabletest.History {
	t.Helper()
	r := durabletest.Run(t, ship, 11)
	r.Output()
	return r.History
}

var tracking = golden.Replace(`TRK-[A-Z2-7]+`, "TRK-1")

// TestHistory: ten runs that differ in all that may differ have one golden file.
func TestHistory(t *testing.T) {
	for range 10 {
		golden.History(t, "testdata/ship.golden", shipped(t), tracking)
	}
}

// TestGoldenFileIsAHistory: whoever replays it finds the operations of the run, in the order of their numbers.
func TestGoldenFileIsAHistory(t *testing.T) {
	h := shipped(t)
	events, err := history.ParseText([]byte(history.Text(slices.Values(h), nil)))
	if err != nil {
		t.Fatal(err)
	}
	moments := cmpopts.IgnoreFields(protocol.Operation{}, "Start", "End", "ScheduledEnd", "NextAttempt", "CallbackID")
	byID := cmpopts.SortSlices(func(a, b *protocol.Operation) bool { return a.ID < b.ID })
	if diff := cmp.Diff(h.Operations(), durabletest.History(events).Operations(), moments, byID); diff != "" {
		t.Errorf("operations (-of the run +of its text):\n%s", diff)
	}
}

// failing is a test that notes how it fails.
type failing struct {
	testing.TB
	said  string
	fatal bool
}

func (*failing) Helper()      {}
func (*failing) Name() string { return "TestShip/by (air)" }

func (f *failing) Errorf(format string, args ...any) { f.said += fmt.Sprintf(format, args...) }

func (f *failing) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

func (f *failing) Fatalf(format string, args ...any) {
	f.said += fmt.Sprintf(format, args...)
	f.fatal = true
	panic(f)
}

// outcome compares a history with a file, and returns what the test says.
func outcome(t *testing.T, path string, h durabletest.History, opts ...golden.Option) (f *failing) {
	f = &failing{TB: t}
	defer func() {
		if p := recover(); p != nil && p != any(f) {
			panic(p)
		}
	}()
	golden.History(f, path, h, opts...)
	return f
}

func TestHistoryFails(t *testing.T) {
	h := durabletest.Run(t, func(ctx durable.Context, name string) (string, error) {
		return durable.Step(ctx, "greet", func(context.Context) (string, error) { return "hello " + name, nil })
	}, "Ada").History
	const text = "# perdure history 1\nINPUT \"Ada\"\n1 Step \"greet\"\n  attempt 1 SUCCEEDED \"hello Ada\"\nSUCCEEDED \"hello Ada\"\n"
	const hint = `go test -run '^TestShip$/^by \(air\)$' -update`
	dir := t.TempDir()
	tests := []struct {
		name, file string
		history    durabletest.History
		want       []string // nothing if the test passes
		fatal      bool
	}{
		{"same", text, h, nil, false},
		{"same on Windows", strings.ReplaceAll(text, "\n", "\r\n"), h, nil, false},
		{"another result", strings.Replace(text, "hello Ada", "good day", 1), h, []string{
			hint, "-  attempt 1 SUCCEEDED \"good day\"\n+  attempt 1 SUCCEEDED \"hello Ada\"\n",
			" 1 Step \"greet\"\n"}, false},
		{"no file", "", h, []string{"there is no " + dir, hint, text}, true},
		{"another file", "{}", h, []string{"is no golden history", hint}, true},
		{"no history", text, nil, []string{"the history is empty"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(dir, "h.golden")
			os.Remove(path)
			if test.file != "" {
				if err := os.WriteFile(path, []byte(test.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f := outcome(t, path, test.history)
			for _, want := range test.want {
				if !strings.Contains(f.said, want) {
					t.Errorf("it does not say %q:\n%s", want, f.said)
				}
			}
			if failed := f.said != ""; failed != (test.want != nil) || f.fatal != test.fatal {
				t.Errorf("got failure %v, fatal %v, want %v, %v:\n%s", failed, f.fatal, test.want != nil, test.fatal, f.said)
			}
		})
	}
}

func TestNilOption(t *testing.T) {
	f := outcome(t, "testdata/ship.golden", shipped(t), tracking, nil)
	if want := "golden: option 2 is nil"; f.said != want || !f.fatal {
		t.Errorf("got %q, want %q", f.said, want)
	}
}

// TestUpdate gives -update to a test without such a flag, which is this one, and to a test that has its own.
func TestUpdate(t *testing.T) {
	if path := os.Getenv("GOLDEN_FILE"); path != "" {
		golden.History(t, path, shipped(t), tracking)
		return
	}
	ours, theirs := os.Args[0], filepath.Join(t.TempDir(), "ownflag.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", theirs, "./testdata/ownflag").CombinedOutput(); err != nil {
		t.Fatalf("building a test with a flag of its own: %v\n%s", err, out)
	}
	for name, binary := range map[string]string{"no other flag": ours, "another flag": theirs} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "new", "h.golden")
			run := func(update string, flags ...string) (string, error) {
				cmd := exec.CommandContext(t.Context(), binary, append(flags, "-test.run=^(TestUpdate|TestOwn)$")...)
				cmd.Env = append(os.Environ(), "GOLDEN_FILE="+path, "GOLDEN_UPDATE="+update)
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			if out, err := run("false"); err == nil || !strings.Contains(out, "there is no "+path) {
				t.Errorf("without a file, got error %v and\n%s", err, out)
			}
			if out, err := run("false", "-update=false"); err == nil || !strings.Contains(out, "there is no "+path) {
				t.Errorf("with -update=false, got error %v and\n%s", err, out)
			}
			for _, flag := range []string{"-update", "--update=true"} {
				if out, err := run("true", "-test.v=false", flag); err != nil {
					t.Errorf("%s: %v\n%s", flag, err, out)
				}
			}
			if out, err := run("false"); err != nil {
				t.Errorf("with its file: %v\n%s", err, out)
			}
		})
	}
}
