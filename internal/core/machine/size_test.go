package machine_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// What an execution says it takes is what it takes, whatever it is made of.
func TestSize(t *testing.T) {
	many := func(n int, update func(id string) []protocol.Update) func(r *run) {
		return func(r *run) {
			for i := 0; i < n; i += 100 {
				var updates []protocol.Update
				for j := range min(100, n-i) {
					updates = append(updates, update(fmt.Sprint(i+j+1))...)
				}
				r.must(r.checkpoint(updates...))
			}
		}
	}
	text := func(n int) string { return strings.Repeat("x", n) }
	for name, do := range map[string]func(r *run){
		"nothing":     func(*run) {},
		"small steps": many(3000, func(id string) []protocol.Update { return []protocol.Update{succeed(id, "1")} }),
		"long names": many(1000, func(id string) []protocol.Update {
			u := succeed(id, "1")
			u.Name = text(256)
			return []protocol.Update{u}
		}),
		"large results": many(20, func(id string) []protocol.Update { return []protocol.Update{succeed(id, text(200_000))} }),
		"empty lines of stacks": many(8, func(id string) []protocol.Update {
			u := step(protocol.ActionFail, id)
			u.Error = &protocol.ErrorObject{ErrorType: "E", StackTrace: make([]string, 20_000)}
			return []protocol.Update{u}
		}),
		"waits": many(2000, func(id string) []protocol.Update { return []protocol.Update{wait(id, 60)} }),
		"calls": many(500, func(id string) []protocol.Update {
			u := invoke(id, "plain")
			u.Payload = str(text(2000))
			return []protocol.Update{u}
		}),
		"a large reply": many(100, func(id string) []protocol.Update { return []protocol.Update{succeed(id, text(5000))} }),
		"forks": func(r *run) {
			for i := range 20 {
				r.do(func(d *machine.Draft) error {
					d.KeepFork(&machine.Fork{ARN: forkARN(fmt.Sprint(i)), By: text(256)})
					return nil
				})
			}
		},
		"a large result": func(r *run) {
			u := finish(text(1_000_000))
			r.must(r.checkpoint(u))
			r.end(pending)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := invoked(t)
			do(r)
			const copies = 8
			kept := make([]*machine.Execution, copies)
			before := heap()
			for i := range kept {
				kept[i] = r.reload()
			}
			took := int(heap()-before) / copies
			for _, x := range []*machine.Execution{kept[0], r.x} {
				if got := x.Size(); got < took*8/10 || got > took*2+8192 {
					t.Errorf("it says that it takes %d bytes, and takes %d", got, took)
				}
			}
			runtime.KeepAlive(kept)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
