package engine_test

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// withCache runs a test with an engine that keeps executions of so many bytes.
func withCache(t *testing.T, bytes int, test func(t *testing.T, f *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: memstore.New(), opts: engine.Options{Cache: bytes}}
		f.open()
		defer f.close()
		test(t, f)
	})
}

const large = 1 << 20

func largeEvent() string { return `"` + strings.Repeat("x", large) + `"` }

// Executions in memory are bounded by what they take, whatever that is made of.
func TestCacheIsBoundedInBytes(t *testing.T) {
	for name, event := range map[string]string{"small": "{}", "large": largeEvent()} {
		t.Run(name, func(t *testing.T) {
			withCache(t, 8*large, func(t *testing.T, f *fixture) {
				f.durable("waits", func(c *call) engine.Outcome {
					if !c.wait("1", 60) {
						return pending()
					}
					return succeed("")
				})
				f.start("waits", "", event)
				synctest.Wait()
				one := f.Stats().MemoryBytes
				for range 40 {
					f.start("waits", "", event)
				}
				synctest.Wait()
				s, want := f.Stats(), min(41, 8*large/one)
				if s.InMemory != want || s.MemoryBytes > 8*large || one < len(event) {
					t.Errorf("got %d executions of %d bytes in memory, want %d; one takes %d", s.InMemory, s.MemoryBytes, want, one)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if s := f.Stats(); s.Closed[protocol.ExecutionSucceeded] != 41 {
					t.Errorf("got %d that succeeded", s.Closed[protocol.ExecutionSucceeded])
				}
			})
		})
	}
}

// An execution does not keep the whole head of the request that started it: its texts are parts of that.
func TestExecutionKeepsItsTextsAlone(t *testing.T) {
	withCache(t, large, func(t *testing.T, f *fixture) {
		f.durable("waits", func(c *call) engine.Outcome {
			c.wait("1", 60)
			return pending()
		})
		for text, set := range map[string]func(*engine.InvokeRequest, string){
			"waits":  func(r *engine.InvokeRequest, text string) { r.Function = text },
			"name":   func(r *engine.InvokeRequest, text string) { r.Name = text },
			"Root=1": func(r *engine.InvokeRequest, text string) { r.TraceHeader = text },
			"tenant": func(r *engine.InvokeRequest, text string) { r.TenantID = text },
		} {
			head, req := new([4096]byte), &engine.InvokeRequest{Function: "waits"}
			set(req, unsafe.String(&head[64], copy(head[64:], text)))
			if _, err := f.Start(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			kept := weak.Make(head)
			head, req = nil, nil
			if runtime.GC(); kept.Value() != nil {
				t.Errorf("the head with %q is still in memory", text)
			}
		}
	})
}

// Who reads what is over does not have it kept.
func TestReadingAClosedExecutionDoesNotKeepIt(t *testing.T) {
	withCache(t, 64*large, func(t *testing.T, f *fixture) {
		f.durable("quick", func(*call) engine.Outcome { return succeed("") })
		var arns []string
		for range 5 {
			arns = append(arns, f.start("quick", "", largeEvent()))
		}
		for range 2 {
			for _, arn := range arns {
				f.result(arn)
				f.history(arn)
				if _, err := f.Describe(t.Context(), arn); err != nil {
					t.Fatal(err)
				}
				if _, err := f.Stop(t.Context(), &engine.StopRequest{ARN: arn}); err != nil {
					t.Fatal(err)
				}
			}
			if s := f.Stats(); s.InMemory != 0 || s.MemoryBytes != 0 {
				t.Errorf("got %d executions of %d bytes in memory", s.InMemory, s.MemoryBytes)
			}
		}
	})
}

// An execution whose invocation takes long need not be in memory meanwhile.
func TestRunningExecutionsLeaveMemory(t *testing.T) {
	withCache(t, 3*large, func(t *testing.T, f *fixture) {
		f.durable("slow", func(c *call) engine.Outcome {
			time.Sleep(30 * time.Second)
			if !c.step("1", `1`) {
				return crash(c.err.Error())
			}
			return succeed("2")
		})
		var arns []string
		for range 10 {
			arns = append(arns, f.start("slow", "", largeEvent()))
		}
		time.Sleep(time.Second)
		if s := f.Stats(); s.MemoryBytes > 3*large || s.Invoking != 10 {
			t.Errorf("got %d bytes in memory, %d invocations", s.MemoryBytes, s.Invoking)
		}
		for _, arn := range arns {
			if r := f.result(arn); r.Status != protocol.ExecutionSucceeded {
				t.Errorf("got %s", r.Status)
			}
			want := "ExecutionStarted StepStarted StepSucceeded InvocationCompleted ExecutionSucceeded"
			if got := f.history(arn); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}
