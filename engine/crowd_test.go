package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// crowdID is the id of one of a crowd. They are older than all others.
func crowdID(i int) string { return fmt.Sprintf("00000000-%04x-7000-8000-%012x", i>>16, i) }

// crowd stores n executions that one makes, without an engine.
func (f *fixture) crowd(n int, one func(i int) store.Write) {
	f.t.Helper()
	for i := 0; i < n; {
		var writes []store.Write
		for ; i < n && len(writes) < 1000; i++ {
			writes = append(writes, one(i))
		}
		if err := f.store.Commit(context.Background(), writes...); err != nil {
			f.t.Fatal(err)
		}
	}
}

// bare is the row of an execution that no engine has a reason to read.
func bare(i int, function string) store.Write {
	id := crowdID(i)
	return store.Write{
		ID: id, Entry: store.Entry{Seq: 1},
		Row: &store.Row{ID: id, Function: function, Version: protocol.LatestVersion, Name: id,
			Status: protocol.ExecutionRunning, Started: 1},
	}
}

// genuine is an execution that did what do says.
func genuine(i int, function, parent string, do func(d *machine.Draft)) store.Write {
	id := crowdID(i)
	identity := machine.Identity{
		ARN: protocol.ARN{
			Partition: "aws", Region: "us-east-1", Account: "000000000000", Function: function, Version: protocol.LatestVersion,
			Name: id, ID: id,
		},
		ExecutionTimeout: 366 * 24 * 3600, RetentionDays: 7,
	}
	if parent != "" {
		identity.ParentARN, identity.ParentOperation = parent, "1"
	}
	d := machine.Start(identity, nil, anHourAgo(), nil)
	do(d)
	return store.Write{ID: id, Entry: store.Entry{Seq: 1, Data: machine.Encode(d.Records())}, Row: &store.Row{
		ID: id, ARN: identity.ARN.String(), Function: function, Version: protocol.LatestVersion, Name: id,
		Status: d.Status(), Started: d.Started(), Closed: d.Closed(), Due: d.Due(), Wanted: d.Wanted(), Expires: d.Expires(),
		Doing: uint32(d.Doing()), Since: d.Since(), InputHash: d.InputHash(),
	}}
}

func anHourAgo() protocol.Timestamp { return protocol.TimestampOf(time.Now().Add(-time.Hour)) }

// stubborn is a store that does not give the journals of a crowd.
type stubborn struct {
	*memstore.Store
	reads atomic.Int64
}

func (s *stubborn) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	if !strings.HasPrefix(id, "00000000-") {
		return s.Store.Journal(ctx, id, part)
	}
	s.reads.Add(1)
	return func(yield func(store.Entry, error) bool) {
		yield(store.Entry{}, errors.New("input/output error"))
	}
}

// million is how many rows the tests have that are about a million. So few tell
// a cost for each of them from none; with all of them it is seen how long they take.
var million = flag.Int("million", 100_000, "rows that stand for a million")

// many is how many a crowd is: more than anybody keeps in memory, and in short
// tests not more than it takes.
func many(n int) int {
	if testing.Short() {
		return n / 5
	}
	return n
}

// crowds are kinds of work that cannot be done, or not now.
var crowds = map[string]func(i int) store.Write{
	"function not registered": func(i int) store.Write {
		w := bare(i, "gone")
		w.Row.Wanted = anHourAgo()
		return w
	},
	"no free place": func(i int) store.Write {
		w := bare(i, "busy")
		w.Row.Wanted = anHourAgo()
		return w
	},
	"calls of a function that is not registered": func(i int) store.Write {
		w := bare(i, "caller")
		w.Calls = []store.Call{{Operation: "1", Function: "gone", Version: protocol.LatestVersion, Wanted: anHourAgo()}}
		return w
	},
	"calls without a free place": func(i int) store.Write {
		w := bare(i, "caller")
		w.Calls = []store.Call{{Operation: "1", Function: "busy", Version: protocol.LatestVersion, Wanted: anHourAgo()}}
		return w
	},
	"retention over": func(i int) store.Write {
		w := bare(i, "order")
		w.Row.Status, w.Row.Closed, w.Row.Expires = protocol.ExecutionSucceeded, 1, anHourAgo()
		return w
	},
	"not readable, a timer": func(i int) store.Write {
		w := bare(i, "order")
		w.Row.Due = anHourAgo()
		return w
	},
	"not readable, an invocation": func(i int) store.Write {
		w := bare(i, "order")
		w.Row.Wanted = anHourAgo()
		return w
	},
	"paused": func(i int) store.Write {
		w := bare(i, "order")
		w.Row.Status, w.Row.Due = protocol.ExecutionPaused, protocol.TimestampOf(time.Now().Add(366*24*time.Hour))
		return w
	},
}

// Whatever else is stored that cannot be done, what can is done in time: before
// a restart and after it, and for functions that were there and that come.
func TestACrowdIsInNobodysWay(t *testing.T) {
	for name, one := range crowds {
		t.Run(name, func(t *testing.T) {
			inCrowd(t, many(10_500), one, func(t *testing.T, f *fixture) {
				for range 2 {
					begin := time.Now()
					arn := f.start("order", "", "{}")
					if r := f.result(arn); r.Status != protocol.ExecutionSucceeded {
						t.Errorf("got %s", r.Status)
					}
					if took := time.Since(begin); took != 5*time.Second {
						t.Errorf("an order took %v, want the wait's 5s", took)
					}
					begin = time.Now()
					arn = f.start("order", "", "{}")
					time.Sleep(time.Second)
					f.restart()
					f.result(arn)
					if took := time.Since(begin); took != 5*time.Second {
						t.Errorf("an order with a restart took %v, want the wait's 5s", took)
					}
				}
			})
		})
	}
}

// inCrowd runs a test with a crowd in the store.
func inCrowd(t *testing.T, n int, one func(i int) store.Write, test func(t *testing.T, f *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New(), damaged: true}
		f.front = &stubborn{Store: f.store}
		f.crowd(n, one)
		f.open()
		defer f.close()
		f.register(engine.Function{Name: "busy", Concurrency: 1, Timeout: time.Hour,
			Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}, Invoker: never{}})
		f.durable("order", order)
		f.start("busy", "", "{}")
		test(t, f)
	})
}

// never is a function to which nobody attaches.
type never struct{}

func (never) Await(ctx context.Context) { <-ctx.Done() }
func (never) Present() bool             { return false }
func (never) Invoke(context.Context, *engine.Invocation) engine.Outcome {
	return crash("nobody can be here")
}

// A million rows that cannot be done take memory in the store, and none in the
// engine.
func TestAMillionThatCannotRun(t *testing.T) {
	kinds := []string{"function not registered", "no free place", "calls without a free place", "retention over", "paused"}
	one := func(i int) store.Write { return crowds[kinds[i%len(kinds)]](i) }
	n := *million
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New(), damaged: true}
		f.crowd(n, one)
		before := heap()
		f.open()
		defer f.close()
		f.register(engine.Function{Name: "busy", Concurrency: 1, Timeout: time.Hour,
			Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}, Invoker: never{}})
		f.durable("order", order)
		begin := time.Now()
		f.result(f.start("order", "", "{}"))
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("an order took %v, want the wait's 5s", took)
		}
		if grown := int64(heap()) - int64(before); grown > 2<<20 {
			t.Errorf("the engine holds %d KB, want less than 2048, however many rows there are", grown>>10)
		}
		if s := f.Stats(); s.InMemory > 10 || s.Waiting > 1000 {
			t.Errorf("got %d executions in memory and %d that wait there", s.InMemory, s.Waiting)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// After an outage what is overdue is done as fast as the machine allows.
func TestABacklogIsDoneAtOnce(t *testing.T) {
	n := many(15_000)
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New()}
		f.crowd(n, func(i int) store.Write { return sleeping(i, "order", 5) })
		f.open()
		defer f.close()
		f.durable("order", func(c *call) engine.Outcome {
			if !c.wait("3", 5) {
				return pending()
			}
			return succeed("")
		})
		time.Sleep(time.Second)
		if s := f.Stats(); s.Closed[protocol.ExecutionSucceeded] != uint64(n) || s.Backlog != 0 {
			t.Errorf("after a second %d of %d are done, and %d in the backlog", s.Closed[protocol.ExecutionSucceeded], n, s.Backlog)
		}
	})
}

// A function that comes finds all executions that waited for it.
func TestARegistrationWakesWhatWaitsForIt(t *testing.T) {
	n := many(12_000)
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New()}
		f.crowd(n, func(i int) store.Write {
			return genuine(i, fmt.Sprint("f", i%2), "", func(*machine.Draft) {})
		})
		f.open()
		defer f.close()
		f.durable("f0", func(*call) engine.Outcome { return succeed("") })
		time.Sleep(time.Second)
		if s := f.Stats(); s.Closed[protocol.ExecutionSucceeded] != uint64(n/2) {
			t.Errorf("got %d, want %d", s.Closed[protocol.ExecutionSucceeded], n/2)
		}
		f.durable("f1", func(*call) engine.Outcome { return succeed("") })
		time.Sleep(time.Second)
		if s := f.Stats(); s.Closed[protocol.ExecutionSucceeded] != uint64(n) {
			t.Errorf("with the other function: got %d, want %d", s.Closed[protocol.ExecutionSucceeded], n)
		}
	})
}

// What cannot be read is tried again, and done when it can, however much there
// is.
func TestWhatFailedIsTriedAgain(t *testing.T) {
	n := many(5_000)
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New()}
		f.crowd(n, func(i int) store.Write {
			return genuine(i, "quick", "", func(*machine.Draft) {})
		})
		front := &stubborn{Store: f.store}
		f.front = front
		f.open()
		f.durable("quick", func(*call) engine.Outcome { return succeed("") })
		time.Sleep(time.Minute)
		if reads := front.reads.Load(); reads < int64(n) || reads > 20*int64(n) {
			t.Errorf("got %d reads in a minute", reads)
		}
		if s := f.Stats(); s.InMemory > 1000 || s.Scheduled > 5000 {
			t.Errorf("got %d in memory and %d scheduled", s.InMemory, s.Scheduled)
		}
		f.close()
		f.front = nil
		f.open()
		defer f.close()
		time.Sleep(time.Second)
		if s := f.Stats(); s.Closed[protocol.ExecutionSucceeded] != uint64(n) {
			t.Errorf("got %d done, want %d", s.Closed[protocol.ExecutionSucceeded], n)
		}
	})
}

// Executions that invoke each other: thousands of children end at once, and
// their parent cannot be read.
func TestOrphansAreInNobodysWay(t *testing.T) {
	n := many(12_000)
	parent := "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/p/" + crowdID(n)
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New(), damaged: true}
		f.crowd(n, func(i int) store.Write {
			return genuine(i, "child", parent, func(d *machine.Draft) { d.Stop(nil) })
		})
		f.front = &unreadable{f.store, crowdID(n)}
		f.open()
		defer f.close()
		f.durable("order", order)
		time.Sleep(time.Second)
		begin := time.Now()
		f.result(f.start("order", "", "{}"))
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("an order took %v, want the wait's 5s", took)
		}
	})
}

// unreadable does not give one journal.
type unreadable struct {
	*memstore.Store
	id string
}

func (s *unreadable) Journal(ctx context.Context, id string, part store.Range) iter.Seq2[store.Entry, error] {
	if id != s.id {
		return s.Store.Journal(ctx, id, part)
	}
	return func(yield func(store.Entry, error) bool) {
		yield(store.Entry{}, errors.New("input/output error"))
	}
}

// What a damaged index gives to another function is not given to it.
func TestNobodyElseGetsAnInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New(), damaged: true}
		f.crowd(1, func(i int) store.Write {
			w := genuine(i, "mine", "", func(*machine.Draft) {})
			w.Row.Function = "theirs"
			return w
		})
		f.open()
		defer f.close()
		f.durable("theirs", func(c *call) engine.Outcome {
			t.Errorf("it was invoked for %s", c.ExecutionARN)
			return succeed("")
		})
		time.Sleep(time.Minute)
	})
}

// sleeping is an execution that waits since an hour ago, for so many seconds.
func sleeping(i int, function string, seconds int64) store.Write {
	return genuine(i, function, "", func(d *machine.Draft) {
		d.BeginInvocation("r")
		_, err := d.Checkpoint(&machine.Checkpoint{Fence: d.Fence(), Updates: []protocol.Update{{
			ID: "3", Type: protocol.TypeWait, SubType: "Wait", Action: protocol.ActionStart,
			WaitOptions: &protocol.WaitOptions{WaitSeconds: seconds},
		}}})
		if err != nil {
			panic(err)
		}
		d.EndInvocation("r", machine.Ending{Answer: []byte(`{"Status":"PENDING"}`)}, machine.CrashLimit{})
	})
}

// While a backlog is worked off that takes the engine long, what is due is done
// in time: after an outage, and when very much is due in one moment.
func TestABacklogIsInNobodysWay(t *testing.T) {
	for name, seconds := range map[string]int64{"overdue": 5, "due at once": 3600 + 10} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fixture{t: t, store: memstore.New(), damaged: true}
				f.crowd(20_000, func(i int) store.Write { return sleeping(i, "gone", seconds) })
				f.store.Intercept(slowly)
				f.open()
				defer f.close()
				f.durable("order", order)
				time.Sleep(time.Duration(max(0, seconds-3600)+1) * time.Second)
				arn := f.start("order", "", "{}") // waits for five seconds
				if s := f.Stats(); s.Backlog < 1000 {
					t.Errorf("got a backlog of %d, want a large one", s.Backlog)
				}
				f.result(arn)
				if late := lateOf(t, f.Engine, arn); late > 20*time.Millisecond {
					t.Errorf("the wait is %v late", late)
				}
				time.Sleep(time.Minute)
				if s := f.Stats(); s.Backlog != 0 || s.Events[protocol.EventWaitSucceeded] != 20_001 {
					t.Errorf("got a backlog of %d, and %d waits that ended", s.Backlog, s.Events[protocol.EventWaitSucceeded])
				}
			})
		})
	}
}

// slowly commits what is done for a crowd. Nobody else may wait for that, as for
// a lock: time would stand still.
func slowly(writes []store.Write, commit func() error) error {
	if strings.HasPrefix(writes[0].ID, "00000000-") {
		time.Sleep(50 * time.Millisecond)
	}
	return commit()
}

// lateOf is how long after its time an execution's last wait ended.
func lateOf(t testing.TB, e *engine.Engine, arn string) (late time.Duration) {
	t.Helper()
	events, _, err := e.History(context.Background(), &engine.HistoryRequest{ARN: arn})
	if err != nil {
		t.Fatal(err)
	}
	var due protocol.Timestamp
	for _, ev := range events {
		switch ev.Type {
		case protocol.EventWaitStarted:
			due = ev.ScheduledEnd
		case protocol.EventWaitSucceeded:
			late = ev.Time.Sub(due)
		}
	}
	return late
}

// Hundreds of children that end at once do not keep anything from waking, and
// their parent hears of all of them.
func TestManyChildrenEndAtOnce(t *testing.T) {
	const n = 900 // so that the parent sees all in one page
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New()}
		f.open()
		defer f.close()
		release := make(chan struct{})
		f.register(engine.Function{
			Name: "child", Timeout: time.Hour, Concurrency: n, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
			Invoker: invoker{f, func(*call) engine.Outcome { <-release; return succeed("1") }},
		})
		f.durable("parent", func(c *call) engine.Outcome {
			var updates []protocol.Update
			done := 0
			for i := range n {
				switch id := fmt.Sprint(i); c.op(id).Status {
				case "":
					updates = append(updates, protocol.Update{
						ID: id, Type: protocol.TypeChainedInvoke, SubType: "ChainedInvoke", Action: protocol.ActionStart,
						ChainedInvokeOptions: &protocol.ChainedInvokeOptions{FunctionName: "child:$LATEST"},
					})
				case protocol.StatusSucceeded:
					done++
				}
			}
			for len(updates) > 0 {
				batch := updates[:min(200, len(updates))]
				if updates = updates[len(batch):]; !c.checkpoint(batch...) {
					return crash(c.err.Error())
				}
			}
			if done < n {
				return pending()
			}
			return succeed("")
		})
		f.durable("order", order)
		parent := f.start("parent", "", "{}")
		synctest.Wait()
		close(release)
		time.Sleep(50 * time.Millisecond)
		arn := f.start("order", "", "{}")
		f.result(arn)
		if late := lateOf(t, f.Engine, arn); late > 20*time.Millisecond {
			t.Errorf("the wait is %v late", late)
		}
		if r := f.result(parent); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("got %s", r.Status)
		}
	})
}
