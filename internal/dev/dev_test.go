package dev

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/template"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

// TestReload: what is saved is built and takes over, and nothing else is built.
func TestReload(t *testing.T) {
	inLoop(t, map[string]code{"A": "one", "B": "two"}, nil, func(f *fixture) {
		f.shows("A            | built with words in 0.0s (A)\n")
		if got := f.call("A"); got != "one" {
			f.Errorf("got %q, want one", got)
		}
		f.shows("A            |   | line of one\n")
		f.save("A", "three")
		f.shows("A            | A/code changed\n", "A            | reloaded in 0.0s\n")
		if got := f.call("A") + " " + f.call("B"); got != "three two" {
			f.Errorf("got %s, want three two", got)
		}
		if diff := cmp.Diff([]string{"three", "two"}, f.alive()); diff != "" {
			f.Errorf("builds with processes (-want +got):\n%s", diff)
		}
		if len(f.runs) != 3 {
			f.Errorf("%d builds ran, want 3", len(f.runs))
		}
	})
}

// TestNobodyTells: what no watcher tells of is seen within three seconds.
func TestNobodyTells(t *testing.T) {
	inLoop(t, map[string]code{"A": "one"}, nil, func(f *fixture) {
		f.write("A", "two")
		time.Sleep(lookAgain - time.Millisecond)
		if got := f.call("A"); got != "one" {
			f.Errorf("got %q before anybody looked, want one", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := f.call("A"); got != "two" {
			f.Errorf("got %q, want two", got)
		}
	})
}

// TestFailures: while new code cannot run, the old build goes on.
func TestFailures(t *testing.T) {
	for bad, want := range map[code][]string{
		"broken: here": {"A            | broken: here\n", "A            | does not build; the build of 00:00:00 goes on\n",
			"hint: mend it"},
		"crash: at once": {"A            | does not start: Runtime.ExitError: exit status 3; the build of 00:00:00 goes on\n"},
	} {
		t.Run(string(bad), func(t *testing.T) {
			inLoop(t, map[string]code{"A": "one"}, nil, func(f *fixture) {
				f.loop.functions["A"].since = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
				f.shows()
				f.save("A", bad)
				f.shows(want...)
				if got := f.call("A"); got != "one" {
					f.Errorf("got %q, want one", got)
				}
				if diff := cmp.Diff([]string{"one"}, f.alive()); diff != "" {
					f.Errorf("builds with processes (-want +got):\n%s", diff)
				}
				f.save("A", "one")
				f.shows("A            | built in 0.0s; the result is the same\n")
				f.save("A", "two")
				if got := f.call("A"); got != "two" {
					f.Errorf("got %q, want two", got)
				}
			})
		})
	}
}

// TestFirstFailure: a function that cannot be built at first is built when it is saved.
func TestFirstFailure(t *testing.T) {
	inLoop(t, map[string]code{"A": "broken: here", "B": "two"}, nil, func(f *fixture) {
		f.shows("A            | does not build; it is tried again when you save\n")
		if first := f.loop.First(); first == nil || first.Name != "B" {
			f.Errorf("got %v to begin with, want B", first)
		}
		f.save("A", "one")
		f.shows("A            | built with words")
		if got := f.call("A"); got != "one" {
			f.Errorf("got %q, want one", got)
		}
	})
}

// TestSlowBuild: a build that takes long is told, and holds nothing up but the
// invocations of its function, which get the old build.
func TestSlowBuild(t *testing.T) {
	inLoop(t, map[string]code{"A": "one", "B": "two"}, nil, func(f *fixture) {
		f.shows()
		f.save("A", "slow: three")
		time.Sleep(slowBuild - time.Millisecond)
		f.shows("A            | A/code changed\n")
		time.Sleep(time.Millisecond)
		f.shows("A            | building …\n")
		if got := f.call("A"); got != "one" {
			f.Errorf("got %q during the build, want one", got)
		}
		// What is saved during the build is seen after it.
		f.write("A", "four")
		time.Sleep(10 * time.Second)
		f.shows("A            | reloaded in 5.0s\n", "A            | A/code changed\n", "A            | reloaded in 0.0s\n")
		if got := f.call("A"); got != "four" {
			f.Errorf("got %q, want four", got)
		}
	})
}

// TestInvocationsEndWhereTheyBegan: one that is under way ends with its build,
// whose processes last as long.
func TestInvocationsEndWhereTheyBegan(t *testing.T) {
	inLoop(t, map[string]code{"A": "busy one"}, nil, func(f *fixture) {
		answer := make(chan string)
		go func() { answer <- f.call("A") }()
		synctest.Wait()
		f.save("A", "two")
		if got := f.call("A"); got != "two" {
			f.Errorf("got %q from what began later, want two", got)
		}
		if diff := cmp.Diff([]string{"busy one", "two"}, f.alive()); diff != "" {
			f.Errorf("builds with processes during the invocation (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"busy one", "two"}, f.kept["A"]); diff != "" {
			f.Errorf("builds that were not removed during the invocation (-want +got):\n%s", diff)
		}
		if got := <-answer; got != "busy one" {
			f.Errorf("got %q, want busy one", got)
		}
		if diff := cmp.Diff([]string{"two"}, f.alive()); diff != "" {
			f.Errorf("builds with processes afterwards (-want +got):\n%s", diff)
		}
	})
}

// TestExecutionsAreShown, each from its start to its end, and go on with new code.
func TestExecutionsAreShown(t *testing.T) {
	inLoop(t, map[string]code{"Durable": "wait write"}, nil, func(f *fixture) {
		f.shows()
		f.start("Durable", "X")
		f.shows("X            | started {}\n", "pause                 wait 1h, until 01:00:00\n")
		f.save("Durable", "new wait write")
		f.shows("reloaded in", "replays with the new code: X\n")
		time.Sleep(time.Hour)
		f.shows("X            | ", "pause                 wait over after 1h\n", "X            | result \"new wait write\"\n")
	})
}

// TestRehearsals: open executions are tried with a build before it takes over.
func TestRehearsals(t *testing.T) {
	for next, want := range map[code]string{
		"again wait write": "Durable      | replays with the new code: Y, X\n",
		"wait compose": "X            | does not replay with the new code, and will fail when it goes on: " +
			`operation 1: recorded STEP/Step "write", but the code now does STEP/Step "compose" (at fixture_test.go:`,
		"foreign wait write": "Durable      | " + host.ErrNoRehearsal.Error() + "\n",
	} {
		t.Run(string(next), func(t *testing.T) {
			inLoop(t, map[string]code{"Durable": "wait write"}, nil, func(f *fixture) {
				x := f.start("Durable", "X")
				f.start("Durable", "Y")
				before := f.history(x)
				f.shows()
				f.save("Durable", next)
				f.shows("reloaded in", want)
				if diff := cmp.Diff(before, f.history(x)); diff != "" {
					f.Errorf("the rehearsal has left something in the history (-before +after):\n%s", diff)
				}
			})
		})
	}
}

func (f *fixture) history(arn string) (types []protocol.EventType) {
	f.Helper()
	events, _, err := f.engine.History(f.Context(), &engine.HistoryRequest{ARN: arn})
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}

// TestMended: what crashed until it was paused goes on with the next build; what
// somebody paused stays paused.
func TestMended(t *testing.T) {
	limit := func(o *Options) { o.Settings.Crashes = engine.CrashLimit{Max: 3, Pause: true} }
	inLoop(t, map[string]code{"Durable": "dies"}, limit, func(f *fixture) {
		x, y := f.start("Durable", "X"), f.start("Durable", "Y")
		if err := f.engine.Pause(f.Context(), &engine.PauseRequest{ARN: y}); err != nil {
			f.Fatal(err)
		}
		time.Sleep(time.Minute)
		status := func(arn string) protocol.ExecutionStatus {
			d, err := f.engine.Describe(f.Context(), arn)
			if err != nil {
				f.Fatal(err)
			}
			return d.Status
		}
		if x, y := status(x), status(y); x != protocol.ExecutionPaused || y != protocol.ExecutionPaused {
			f.Fatalf("got %s and %s, want both to be paused", x, y)
		}
		f.save("Durable", "mended")
		time.Sleep(time.Second)
		if x, y := status(x), status(y); x != protocol.ExecutionSucceeded || y != protocol.ExecutionPaused {
			f.Errorf("got %s and %s, want the one that crashed to end, and the other to wait", x, y)
		}
	})
}

// TestManyOpen: only the newest executions are tried.
func TestManyOpen(t *testing.T) {
	inLoop(t, map[string]code{"Durable": "wait write"}, nil, func(f *fixture) {
		for range maxRehearsed + 1 {
			f.start("Durable", "")
		}
		f.shows()
		f.save("Durable", "again wait write")
		f.shows("replays with the new code: ", ", …\n", "only the newest 20 open executions were replayed\n")
	})
}

// TestAliases lead to the newest build, wherever they led.
func TestAliases(t *testing.T) {
	withAlias := func(o *Options) { o.Project.Programs[0].Spec = &template.Function{Aliases: []string{"live"}} }
	inLoop(t, map[string]code{"A": "one"}, withAlias, func(f *fixture) {
		if err := f.engine.Functions().RunVersions(f.Context(), museum{}); err != nil {
			f.Fatal(err)
		}
		published, err := f.engine.Functions().PublishVersion(f.Context(), &engine.PublishRequest{Function: "A"})
		if err != nil {
			f.Fatalf("what is developed cannot be published: %v", err)
		}
		change := &engine.AliasChange{Function: "A", Name: "live", Version: &published.Version}
		if _, err := f.engine.Functions().UpdateAlias(f.Context(), change); err != nil {
			f.Fatal(err)
		}
		f.shows()
		f.save("A", "two")
		f.shows("the alias live led to version 1; here it leads to the newest build\n")
		if got := f.call("A:live"); got != "two" {
			f.Errorf("got %q, want two", got)
		}
	})
}

// museum keeps published versions, and runs none.
type museum struct{}

func (museum) Open(engine.Function, *engine.Image) (engine.Invoker, error) { return &running{}, nil }
func (museum) Sweep(context.Context, []engine.PublishedImage)              {}

// TestTemplate: what changes in it is taken in; with a mistake, nothing does.
func TestTemplate(t *testing.T) {
	var read *project.Project
	var mistake error
	inLoop(t, map[string]code{"A": "one", "B": "two"}, func(o *Options) {
		o.Project.Files = []string{o.Project.Path}
		o.Reread = func() (*project.Project, error) { return read, mistake }
	}, func(f *fixture) {
		again := func() {
			f.Helper()
			f.written++
			if err := os.WriteFile(f.loop.Project.Path, make([]byte, f.written), 0o644); err != nil {
				f.Fatal(err)
			}
			f.changes <- []string{f.loop.Project.Path}
			synctest.Wait()
		}
		if !slices.Contains(f.watched, f.dir) || !slices.Contains(f.watched, filepath.Join(f.dir, "B")) {
			f.Errorf("watched is %q, want the directories of the template and of B in it", f.watched)
		}
		f.shows()
		mistake = errors.New("no template")
		again()
		f.shows("template.yaml cannot be used as it is; what was read before goes on\n", "  no template\n")

		// A is gone, B has other settings, and C is new.
		mistake, read = nil, &project.Project{Path: f.loop.Project.Path, Files: f.loop.files}
		b := f.program("B")
		b.Spec = &template.Function{Timeout: time.Minute}
		f.write("C", "three")
		read.Programs = []project.Program{b, f.program("C")}
		again()
		f.shows("template.yaml was read again\n", "A            | is not in the template any more", "C            | built")
		if diff := cmp.Diff([]string{"three", "two"}, f.alive()); diff != "" {
			f.Errorf("builds with processes (-want +got):\n%s", diff)
		}
		if fn, _, err := f.engine.Functions().Lookup(t.Context(), "B", ""); err != nil || fn.Timeout != time.Minute {
			f.Errorf("B is known with %v, %v, want a timeout of a minute", fn.Timeout, err)
		}

		// Nothing is built anew for a template that says the same.
		again()
		f.shows("template.yaml was read again\n")
		if len(f.runs) != 4 {
			f.Errorf("%d builds ran, want 4", len(f.runs))
		}

		// A mistake in one function leaves that one as it was.
		read = &project.Project{Path: read.Path, Files: read.Files, Programs: []project.Program{f.program("C")}}
		read.Warnings = []*template.Warning{{Kind: template.KindFunction, Subject: b.Spec.LogicalID, Position: b.Spec.Position}}
		again()
		f.shows("B            | cannot be used as the template is now; what was read before goes on\n")
		if got := f.call("B"); got != "two" {
			f.Errorf("got %q, want two", got)
		}
	})
}

// TestDebugger: the function that is debugged has one process, which has no time
// limits, and which ends before that of the next build begins.
func TestDebugger(t *testing.T) {
	under := func(o *Options) { o.Debug, o.DebugListen = "A", "127.0.0.1:2345" }
	inLoop(t, map[string]code{"A": "one"}, under, func(f *fixture) {
		f.shows("A            | waits for a debugger: dlv connect 127.0.0.1:2345\n")
		first := f.runs[0].how
		command := []string{
			"dlv", "exec", "--headless", "--listen=127.0.0.1:2345", "--api-version=2", "--accept-multiclient", "--continue", "one", "--",
		}
		if diff := cmp.Diff(command, first.Process.Command); diff != "" {
			f.Errorf("command (-want +got):\n%s", diff)
		}
		if fn := first.Function; first.For != host.Debugging || fn.Timeout != debugged || fn.Concurrency != 1 || fn.MemoryMB != 0 {
			f.Errorf("it runs for %v with %+v", first.For, fn)
		}
		f.save("A", "two")
		if len(f.runs) != 2 || f.runs[1].beside != 0 {
			f.Error("the process that had the debugger's address was not ended")
		}
	})
}

// TestStop: the end of the loop is not held up by what is shown.
func TestStop(t *testing.T) {
	inLoop(t, map[string]code{"Durable": "wait write"}, nil, func(f *fixture) {
		f.start("Durable", "X")
		began := time.Now()
		f.stop()
		if took := time.Since(began); took != 0 {
			f.Errorf("it took %v", took)
		}
	})
}
