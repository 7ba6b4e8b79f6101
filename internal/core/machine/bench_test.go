package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// grown is a run whose execution has n operations, with an invocation in flight.
func grown(tb testing.TB, n int) *run {
	r := invoked(tb)
	for i := 1; i < n; i++ {
		r.must(r.checkpoint(oneStep(i)...))
	}
	return r
}

// oneStep is what an SDK sends for a short step.
func oneStep(i int) []protocol.Update {
	id := fmt.Sprint(i)
	start, end := step(protocol.ActionStart, id), succeed(id, `{"id":"p-1","amount":7}`)
	start.Name, start.SubType = "process_payment", "Step"
	return []protocol.Update{start, end}
}

// BenchmarkCheckpoint is a step's checkpoint from the request to the published
// state. Its cost must not grow with the operations behind it.
func BenchmarkCheckpoint(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			entries := grown(b, n).journal
			var r *run
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%max(n, 100) == 0 { // the number of operations stays within 2n
					b.StopTimer()
					r = &run{t: b, now: epoch, journal: entries}
					r.x = r.reload()
					b.StartTimer()
				}
				d := r.x.Draft(r.now)
				req := r.request(r.x.Fence(), "token", oneStep(n+i))
				if _, err := d.Checkpoint(req); err != nil {
					b.Fatal(err)
				}
				if d.Due() != r.x.Due() {
					b.Fatal("a step changed what is due")
				}
				r.x = d.Publish()
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	r := grown(b, 10)
	d := r.x.Draft(r.now)
	if _, err := d.Checkpoint(r.request(r.fence, "token", oneStep(10))); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		machine.Encode(d.Records())
	}
}

func BenchmarkDecode(b *testing.B) {
	journal := grown(b, 10).journal
	b.ReportAllocs()
	for b.Loop() {
		if _, err := machine.Decode(journal[len(journal)-1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	r := grown(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		r.reload()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(r.journal)), "ns/entry")
}

// BenchmarkManyTimers is a checkpoint beside a thousand waits.
func BenchmarkManyTimers(b *testing.B) {
	r := invoked(b)
	for i := range 1000 {
		r.must(r.checkpoint(wait(fmt.Sprint("w-", i), int64(1000+i))))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d := r.x.Draft(r.now)
		if _, err := d.Checkpoint(r.request(r.x.Fence(), "", nil)); err != nil {
			b.Fatal(err)
		}
		d.Due()
		r.x = d.Publish()
	}
}

// BenchmarkPage is the state of an envelope.
func BenchmarkPage(b *testing.B) {
	r := invoked(b)
	for i := range 100 {
		r.must(r.checkpoint(succeed(fmt.Sprint(i), strings.Repeat("x", 1000))))
	}
	b.ReportAllocs()
	for b.Loop() {
		r.x.Page(0, 1000, 5<<20)
	}
}
