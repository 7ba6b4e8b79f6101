//go:build unix

package sandbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// places lets a process run so many invocations at one time.
func places(n int) func(*sandbox.Config) {
	return func(c *sandbox.Config) { c.Concurrency = n }
}

// party is a meeting of size invocations, each of which answers with its process's id.
type party struct {
	f    *fixture
	dir  string
	size int
	pids chan int
}

func (f *fixture) party(size int) *party {
	return &party{f, f.t.TempDir(), size, make(chan int, size)}
}

// join lets n invocations come, for a tenant.
func (p *party) join(n int, tenant string) {
	for range n {
		go func() {
			inv := invocation(gathering{Dir: p.dir, Size: p.size})
			inv.TenantID = tenant
			out := p.f.Invoke(p.f.t.Context(), inv)
			if out.Error != nil {
				p.f.t.Errorf("got error %+v, want an answer", out.Error)
			}
			var pid int
			fmt.Sscan(string(out.Payload), &pid)
			p.pids <- pid
		}()
	}
}

// processes returns how many invocations each process ran.
func (p *party) processes() map[int]int {
	ran := map[int]int{}
	for range p.size {
		ran[<-p.pids]++
	}
	return ran
}

// One process runs as many invocations at one time as it has places; it is filled before another is started.
func TestProcessIsFilled(t *testing.T) {
	f := newFixture(t, "gather", places(4))
	f.pid(gathering{Dir: t.TempDir(), Size: 1})
	f.until("the process is idle", func(all, idle int) bool { return all == 1 && idle == 1 })
	p := f.party(4)
	p.join(4, "")
	if ran := p.processes(); len(ran) != 1 {
		t.Errorf("4 invocations at 4 places ran in processes %v, want one", ran)
	}
	f.until("the process is idle again", func(all, idle int) bool { return all == 1 && idle == 1 })
	p = f.party(6)
	p.join(6, "")
	ran := p.processes()
	var counts []int
	for _, n := range ran {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	if !slices.Equal(counts, []int{2, 4}) {
		t.Errorf("6 invocations at 4 places ran as %v, want 4 in one process and 2 in another", ran)
	}
	f.until("every process is idle", func(all, idle int) bool { return all == 2 && idle == 2 })
}

// All that come while the first process starts find a place in it.
func TestBurstStartsOneProcess(t *testing.T) {
	f := newFixture(t, "gather", places(8))
	p := f.party(8)
	p.join(8, "")
	if ran := p.processes(); len(ran) != 1 {
		t.Errorf("8 invocations at 8 places ran in processes %v, want one", ran)
	}
}

// Beyond the limit of processes an invocation waits for a place, and gets it.
func TestPlacesAreBounded(t *testing.T) {
	f := newFixture(t, "gather", func(c *sandbox.Config) { c.Concurrency, c.MaxProcesses = 2, 1 })
	var peak sync.Map
	dir := t.TempDir()
	var done sync.WaitGroup
	for range 12 {
		done.Go(func() {
			out := f.Invoke(t.Context(), invocation(gathering{Dir: dir, Size: 1, Count: true}))
			peak.Store(string(out.Payload), true)
		})
	}
	done.Wait()
	if _, ok := peak.Load("3"); ok {
		t.Error("3 invocations ran at one time at 2 places")
	}
	if all := f.Processes().All(); all != 1 {
		t.Errorf("got %d processes, want 1", all)
	}
}

// What a client that knows nothing of places does not poll for is not there: other processes are started.
func TestClientWithOnePoll(t *testing.T) {
	f := newFixture(t, "gather alone", places(8))
	f.WaitAsUsual()
	p := f.party(3)
	p.join(3, "")
	if ran := p.processes(); len(ran) != 3 {
		t.Errorf("3 invocations ran in processes %v, want one each", ran)
	}
}

// When a process dies all invocations in it have failed, and nothing else has.
func TestCrashEndsAllInTheProcess(t *testing.T) {
	f := newFixture(t, "gather", places(3))
	p := f.party(3)
	outcomes := make(chan engine.Outcome, 2)
	for range 2 {
		go func() { outcomes <- f.Invoke(t.Context(), invocation(gathering{Dir: p.dir, Size: 3})) }()
	}
	eventually(t, "two are there", func() bool { return arrived(p.dir) == 2 })
	inv, out := f.fail(protocol.ErrorTypeExit, gathering{Exit: true})
	if want := "RequestId: " + inv.RequestID + " Error: Runtime exited with error: exit status 3"; out.Error.ErrorMessage != want {
		t.Errorf("got %q, want %q", out.Error.ErrorMessage, want)
	}
	for range 2 {
		if out := <-outcomes; out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeExit || out.Unstarted {
			t.Errorf("got %+v, want Runtime.ExitError of an invocation that was started", out)
		}
	}
	f.pid(gathering{Dir: t.TempDir(), Size: 1}) // in a new process
}

// The timeout of one invocation ends no other, and the process gets no more until the late one has ended; if it does
// not, it is killed when the others have ended. Meanwhile another takes its place, also if one is all that may be.
func TestTimeoutOfOne(t *testing.T) {
	f := newFixture(t, "gather", func(c *sandbox.Config) { c.Concurrency, c.MaxProcesses = 4, 1 })
	first := f.pid(gathering{Dir: t.TempDir(), Size: 1})
	p := f.party(2)
	p.join(1, "")
	eventually(t, "the other is there", func() bool { return arrived(p.dir) == 1 })
	inv := invocation(gathering{Hang: true})
	inv.Timeout = 50 * time.Millisecond
	out := f.Invoke(t.Context(), inv)
	if out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeTimedOut {
		t.Fatalf("got %+v, want that it timed out", out)
	}
	if !running(first) {
		t.Fatal("the process was killed under the other invocation")
	}
	if pid := f.pid(gathering{Dir: t.TempDir(), Size: 1}); pid == first {
		t.Error("the process got another invocation while one was late in it")
	}
	if err := os.WriteFile(filepath.Join(p.dir, "test"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if pid := <-p.pids; pid != first {
		t.Errorf("the other answered from process %d, want %d", pid, first)
	}
	wantGone(t, first)
}

// The caller's end of one invocation is like its timeout.
func TestCancelOfOne(t *testing.T) {
	f := newFixture(t, "gather", places(4))
	p := f.party(2)
	p.join(1, "")
	eventually(t, "the other is there", func() bool { return arrived(p.dir) == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	done := make(chan engine.Outcome, 1)
	go func() { done <- f.Invoke(ctx, invocation(gathering{Dir: dir, Size: 2})) }()
	eventually(t, "it runs", func() bool { return arrived(dir) == 1 })
	cancel()
	if out := <-done; out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeSandboxFailure || out.Unstarted {
		t.Errorf("got %+v, want Sandbox.Failure", out)
	}
	p.join(1, "")
	p.processes()
}

// A late invocation that ends after all does no harm: its process serves on if its client does.
func TestLateInvocationEnds(t *testing.T) {
	f := newFixture(t, "two loops", places(2))
	gate := filepath.Join(t.TempDir(), "gate")
	other := filepath.Join(t.TempDir(), "other")
	beside := f.begin(other, time.Hour)
	late := invocation(gate)
	late.Timeout = 100 * time.Millisecond
	out := f.Invoke(t.Context(), late)
	if out.Error == nil || out.Error.ErrorType != protocol.ErrorTypeTimedOut {
		t.Fatalf("got %+v, want that it timed out", out)
	}
	openGate(t, gate)
	eventually(t, "the client has heard that it is late", func() bool {
		return strings.Contains(strings.Join(f.output(), "\n"), "answered 410")
	})
	eventually(t, "it asks for another", func() bool { return f.Overdue() == 0 })
	first := f.pid("/") // on the place that was late
	openGate(t, other)
	if out := <-beside; out.Error != nil || string(out.Payload) != fmt.Sprint(first) {
		t.Errorf("got %s %+v, want the answer of process %d", out.Payload, out.Error, first)
	}
}

// Tenants are kept apart, however many places a process has.
func TestTenantsDoNotShareAProcess(t *testing.T) {
	f := newFixture(t, "gather", func(c *sandbox.Config) { c.PerTenant, c.Concurrency = true, 4 })
	p := f.party(6)
	seen := map[int]string{}
	p.join(3, "red")
	p.join(3, "blue")
	ran := p.processes()
	for pid, n := range ran {
		if n != 3 {
			t.Errorf("process %d ran %d invocations, want the 3 of a tenant", pid, n)
		}
	}
	for _, tenant := range []string{"red", "blue", "red"} {
		inv := invocation(gathering{Dir: t.TempDir(), Size: 1})
		inv.TenantID = tenant
		pid := string(f.Invoke(t.Context(), inv).Payload)
		var n int
		fmt.Sscan(pid, &n)
		if owner, ok := seen[n]; ok && owner != tenant || ran[n] == 0 {
			t.Errorf("tenant %s got process %d of %q in %v", tenant, n, owner, ran)
		}
		seen[n] = tenant
	}
}

// With the pool full of processes of other tenants, those that are idle give way, and others are waited for.
func TestTenantsGiveWayWithPlaces(t *testing.T) {
	f := newFixture(t, "gather", func(c *sandbox.Config) {
		c.PerTenant, c.Concurrency, c.MaxProcesses = true, 2, 2
	})
	p := f.party(3)
	p.join(1, "red")
	p.join(1, "blue")
	eventually(t, "two are there", func() bool { return arrived(p.dir) == 2 })
	green := make(chan engine.Outcome, 1)
	go func() {
		inv := invocation(gathering{Dir: t.TempDir(), Size: 1})
		inv.TenantID = "green"
		green <- f.Invoke(t.Context(), inv)
	}()
	select {
	case out := <-green:
		t.Fatalf("a third tenant got in: %+v", out)
	case <-time.After(100 * time.Millisecond):
	}
	p.join(1, "red")
	p.processes()
	if out := <-green; out.Error != nil {
		t.Errorf("got %+v, want an answer when others were idle", out.Error)
	}
}

// Close waits for all invocations in a process.
func TestCloseDrainsPlaces(t *testing.T) {
	f := newFixture(t, "gather", places(4))
	p := f.party(4)
	p.join(3, "")
	eventually(t, "three are there", func() bool { return arrived(p.dir) == 3 })
	closed := make(chan error, 1)
	go func() { closed <- f.Close(t.Context()) }()
	eventually(t, "the pool refuses", func() bool { return f.Invoke(t.Context(), invocation(nil)).Unstarted })
	if err := os.WriteFile(filepath.Join(p.dir, "test"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-p.pids
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// A process that has been idle for too long is stopped, whatever it did before.
func TestIdleProcessWithPlaces(t *testing.T) {
	f := newFixture(t, "gather", func(c *sandbox.Config) { c.Concurrency, c.IdleTimeout = 4, time.Millisecond })
	p := f.party(4)
	p.join(4, "")
	for pid := range p.processes() {
		wantGone(t, pid)
	}
}

// A process that dies while some of its places are free costs those that come next nothing.
func TestProcessDiesBetweenInvocations(t *testing.T) {
	f := newFixture(t, "gather", places(4))
	for range 5 {
		pid := f.pid(gathering{Dir: t.TempDir(), Size: 1})
		syscall.Kill(pid, syscall.SIGKILL)
		eventually(t, "the process is reaped", func() bool { return syscall.Kill(pid, 0) != nil })
	}
}

// Lines that name their invocation are of that one; others are of the one that is alone in the process, or of none.
func TestLinesOfInvocationsAtOnce(t *testing.T) {
	f := newFixture(t, "gather", places(4))
	var mu sync.Mutex
	said := map[string]string{} // by request id, what it was told to say
	p := f.party(4)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			inv := invocation(gathering{Dir: p.dir, Size: 4, Say: fmt.Sprint("word ", i)})
			inv.ExecutionARN = "arn of " + inv.RequestID
			mu.Lock()
			said[inv.RequestID] = fmt.Sprint("word ", i)
			mu.Unlock()
			if out := f.Invoke(t.Context(), inv); out.Error != nil {
				t.Errorf("got %+v", out.Error)
			}
			if got := f.linesOf(inv.RequestID); !slices.Contains(got, `{"message":"word `+fmt.Sprint(i)+`","requestId":"`+inv.RequestID+`"}`) {
				t.Errorf("at the end of invocation %d its lines are %q, want the one that it has written", i, got)
			}
		})
	}
	all.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lines {
		switch word, named := said[l.RequestID]; {
		case strings.HasPrefix(l.Text, "{"):
			if !named || !strings.Contains(l.Text, word) || l.ExecutionARN != "arn of "+l.RequestID {
				t.Errorf("the line %s is said to be of %s, %s", l.Text, l.RequestID, l.ExecutionARN)
			}
		case strings.HasPrefix(l.Text, "plain") && (l.RequestID != "" || l.ExecutionARN != ""):
			t.Errorf("the line %q is said to be of %s: it may be of any", l.Text, l.RequestID)
		}
	}
}

// linesOf returns the lines of an invocation.
func (f *fixture) linesOf(requestID string) (lines []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lines {
		if l.RequestID == requestID {
			lines = append(lines, l.Text)
		}
	}
	return lines
}

// An invocation that is alone in its process has all lines, as with one place; a line cannot name another process's.
func TestLinesOfOneAlone(t *testing.T) {
	f := newFixture(t, "gather", places(4))
	for i := range 3 {
		inv := invocation(gathering{Dir: t.TempDir(), Size: 1, Say: fmt.Sprint("word ", i), Foreign: true})
		f.Invoke(t.Context(), inv)
		want := []string{
			`{"message":"word ` + fmt.Sprint(i) + `","requestId":"` + inv.RequestID + `"}`, "plain word " + fmt.Sprint(i),
			`{"requestId":"of another process"}`,
		}
		if got := f.linesOf(inv.RequestID); !slices.Equal(got, want) {
			t.Errorf("got lines %q, want %q", got, want)
		}
		f.until("the process is idle", func(all, idle int) bool { return all == 1 && idle == 1 })
	}
}

// What an invocation writes after its answer, while another is alone in the process, is not the other's.
func TestLinesAfterTheAnswer(t *testing.T) {
	f := newFixture(t, "gather", places(4))
	gate := filepath.Join(t.TempDir(), "gate")
	p := f.party(2)
	p.join(1, "")
	eventually(t, "one is there", func() bool { return arrived(p.dir) == 1 })
	first := invocation(gathering{Dir: t.TempDir(), Size: 1, Say: "late", After: gate})
	f.Invoke(t.Context(), first)
	openGate(t, gate)
	eventually(t, "the line is there", func() bool { return strings.Contains(strings.Join(f.output(), "\n"), "after the answer") })
	f.mu.Lock()
	for _, l := range f.lines {
		if l.Text == "plain after the answer" && l.RequestID != "" {
			t.Errorf("a line is said to be of %s, and may be of another", l.RequestID)
		}
		if strings.Contains(l.Text, "named after the answer") && l.RequestID != first.RequestID {
			t.Errorf("the line %s is said to be of %q", l.Text, l.RequestID)
		}
	}
	f.mu.Unlock()
	p.join(1, "")
	p.processes()
}

// The environment is that of Managed Instances.
func TestEnvironmentWithPlaces(t *testing.T) {
	f := newFixture(t, "environment", func(c *sandbox.Config) {
		c.Concurrency = 7
		c.Env["AWS_LAMBDA_LOG_FORMAT"] = "Text"
		c.Env["AWS_LAMBDA_MAX_CONCURRENCY"] = "1000"
	})
	env := f.call(nil)
	for _, want := range []string{`"AWS_LAMBDA_MAX_CONCURRENCY":"7"`, `"AWS_LAMBDA_LOG_FORMAT":"JSON"`,
		`"AWS_LAMBDA_INITIALIZATION_TYPE":"lambda-managed-instances"`} {
		if !strings.Contains(env, want) {
			t.Errorf("the environment lacks %s: %s", want, env)
		}
	}
}

func arrived(dir string) int {
	entries, _ := os.ReadDir(dir)
	return len(entries)
}

// BenchmarkPlaces is one of 64 invocations at one time, with so many places in a process.
func BenchmarkPlaces(b *testing.B) {
	for _, n := range []int{1, 8, 32, 64, 128} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := newFixture(b, "echo", func(c *sandbox.Config) { c.Concurrency = n })
			run := func(pb *testing.PB) {
				for pb.Next() {
					f.call(nil)
				}
			}
			b.SetParallelism((63 + runtime.GOMAXPROCS(0)) / runtime.GOMAXPROCS(0))
			b.RunParallel(run)
			b.ReportMetric(float64(f.Processes().All()), "processes")
		})
	}
}
