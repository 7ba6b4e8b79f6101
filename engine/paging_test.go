package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// What a page may have as JSON, and what must fit on one: what the engine
// counts, give or take a little.
const (
	mostBytes  = 5<<20 + 64<<10
	leastBytes = 5<<20 - 64<<10
)

// sizes are those of payloads: small ones, and such that few make a page.
var sizes = []int{0, 1, 1000, 300_000, 700_000, protocol.MaxPayload - 1, protocol.MaxPayload}

// payload is as long as asked for, and longer in JSON.
func payload(r *rand.Rand, size int) string {
	letters := []string{"x", `"`, "ä"}
	return strings.Repeat(letters[r.IntN(len(letters))], size)[:size]
}

// grown starts an execution with steps of every size whose invocation is in
// flight, and returns its ARN, its current token and the ids of its operations.
// The function ends when the test releases it.
func grown(f *fixture, r *rand.Rand, release chan struct{}) (arn, token string, ids []string) {
	steps := make([]protocol.Update, 7+r.IntN(6))
	for i := range steps {
		text := payload(r, sizes[r.IntN(len(sizes))])
		steps[i] = protocol.Update{ID: fmt.Sprint("step-", i), Type: protocol.TypeStep, Action: protocol.ActionSucceed, Payload: &text}
	}
	tokens := make(chan string)
	f.durable("grown", func(c *call) engine.Outcome {
		if c.op("step-0").ID == "" {
			for batch := range slices.Chunk(steps, 2) {
				c.checkpoint(batch...)
			}
		}
		tokens <- c.token
		<-release
		return succeed("1")
	})
	arn = f.start("grown", "", "")
	token = <-tokens
	ids = []string{arn[strings.LastIndexByte(arn, '/')+1:]}
	for i := range steps {
		ids = append(ids, steps[i].ID)
	}
	return arn, token, ids
}

// seeds is how many executions are read.
func seeds() uint64 {
	if testing.Short() {
		return 1
	}
	return 3
}

// everyPage reads pages until the last one.
func everyPage[T any](t *testing.T, read func(marker string) (items []T, next string, err error)) (pages [][]T) {
	t.Helper()
	for marker := ""; ; {
		items, next, err := read(marker)
		if err != nil {
			t.Fatalf("page %d: %v", len(pages)+1, err)
		}
		pages = append(pages, items)
		if marker = next; marker == "" {
			return pages
		}
		if len(items) == 0 || len(pages) > 10_000 {
			t.Fatalf("page %d has %d items, and is not the last one", len(pages), len(items))
		}
	}
}

// checkPages fails the test unless the pages have all items once, in order, and
// none is larger than it may be, nor smaller than it must.
func checkPages[T any](t *testing.T, pages [][]T, max int, name func(T) string, encode func([]T) []byte, want []string) {
	t.Helper()
	var got []string
	for i, page := range pages {
		for _, item := range page {
			got = append(got, name(item))
		}
		if max == 1 {
			continue // it says nothing about sizes
		}
		size := len(encode(page))
		if len(page) > max || len(page) > 1 && size > mostBytes {
			t.Errorf("page %d has %d items and %d bytes", i+1, len(page), size)
		}
		if i+1 < len(pages) && len(page) < max && size+len(encode(pages[i+1][:1])) < leastBytes {
			t.Errorf("page %d was cut at %d items and %d bytes", i+1, len(page), size)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items of %d pages (-want +got):\n%s", len(pages), diff)
	}
}

func TestStatePages(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		for seed := range seeds() {
			r := rand.New(rand.NewPCG(seed, 0))
			release := make(chan struct{})
			arn, token, want := grown(f, r, release)
			for _, max := range []int{1, 3, 0} {
				pages := everyPage(t, func(marker string) ([]*protocol.Operation, string, error) {
					return f.State(t.Context(), arn, token, marker, max)
				})
				checkPages(t, pages, mostItems(max), func(o *protocol.Operation) string { return o.ID }, encodeOperations, want)
			}
			close(release)
			f.result(arn)
		}
	})
}

// An envelope is a first page: with the pages behind its marker it is all.
func TestEnvelopePages(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		r := rand.New(rand.NewPCG(1, 1))
		big := payload(r, protocol.MaxPayload)
		got := make(chan []string, 1)
		f.durable("resumed", func(c *call) engine.Outcome {
			if c.op("0").ID == "" {
				for i := range 12 {
					c.checkpoint(protocol.Update{ID: fmt.Sprint(i), Type: protocol.TypeStep, Action: protocol.ActionSucceed, Payload: &big})
				}
				c.wait("wait", 1)
				return pending()
			}
			if len(c.Payload) > protocol.MaxSyncPayload {
				t.Errorf("the envelope has %d bytes", len(c.Payload))
			}
			all := c.in.InitialExecutionState.Operations
			for marker := c.in.InitialExecutionState.NextMarker; marker != ""; {
				ops, next, err := c.engine.State(c.ctx, c.ExecutionARN, c.token, marker, 1000)
				if err != nil {
					t.Error(err)
					break
				}
				all, marker = append(all, ops...), next
			}
			var ids []string
			for _, o := range all[1:] {
				ids = append(ids, o.ID)
			}
			got <- ids
			return succeed("1")
		})
		f.result(f.start("resumed", "", ""))
		if diff := cmp.Diff(strings.Fields("0 1 2 3 4 5 6 7 8 9 10 11 wait"), <-got); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
	})
}

func TestHistoryPages(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		for seed := range seeds() {
			r := rand.New(rand.NewPCG(seed, 2))
			release := make(chan struct{})
			arn, _, ids := grown(f, r, release)
			close(release)
			f.result(arn)
			var want []string
			for i := range len(ids) + 2 { // the steps' ends, and three of the execution
				want = append(want, fmt.Sprint(i+1))
			}
			for _, max := range []int{1, 3, 0} {
				for _, newestFirst := range []bool{false, true} {
					pages := everyPage(t, func(marker string) ([]*protocol.Event, string, error) {
						return f.History(t.Context(), &engine.HistoryRequest{ARN: arn, Marker: marker, MaxItems: max,
							NewestFirst: newestFirst})
					})
					want := slices.Clone(want)
					if newestFirst {
						slices.Reverse(want)
					}
					checkPages(t, pages, mostItems(max), func(ev *protocol.Event) string { return fmt.Sprint(ev.ID) }, encodeEvents, want)
				}
			}
		}
	})
}

// What begins or ends between two pages neither hides nor repeats what was there.
func TestListPages(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		f.durable("other", order)
		var want []string
		for range 23 {
			want = append(want, f.start("order", "", ""))
			f.start("other", "", "")
			time.Sleep(time.Second)
		}
		for _, max := range []int{1, 5, 23, 0} {
			for _, oldestFirst := range []bool{false, true} {
				want := slices.Clone(want)
				before := slices.Clone(want)
				pages := everyPage(t, func(marker string) ([]engine.Summary, string, error) {
					if len(want) < 26 {
						want = append(want, f.start("order", "", ""))
					}
					return f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "order"}, Marker: marker, MaxItems: max,
						OldestFirst: oldestFirst})
				})
				var got []string
				for _, page := range pages {
					for _, s := range page {
						if slices.Contains(before, s.ARN) {
							got = append(got, s.ARN)
						}
					}
				}
				if !oldestFirst {
					slices.Reverse(before)
				}
				if diff := cmp.Diff(before, got); diff != "" {
					t.Errorf("pages of %d (-want +got):\n%s", max, diff)
				}
			}
		}
	})
}

func TestForeignMarkersAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		release := make(chan struct{})
		defer close(release)
		r := rand.New(rand.NewPCG(3, 3))
		arn, token, _ := grown(f, r, release)
		other, otherToken, _ := grown(f, r, release)
		ask := map[string]func(marker string) (string, error){
			"state": func(m string) (string, error) {
				_, next, err := f.State(t.Context(), arn, token, m, 1)
				return next, err
			},
			"another state": func(m string) (string, error) {
				_, next, err := f.State(t.Context(), other, otherToken, m, 1)
				return next, err
			},
			"history": func(m string) (string, error) {
				_, next, err := f.History(t.Context(), &engine.HistoryRequest{ARN: arn, Marker: m, MaxItems: 1})
				return next, err
			},
			"the history backwards": func(m string) (string, error) {
				_, next, err := f.History(t.Context(), &engine.HistoryRequest{ARN: arn, Marker: m, MaxItems: 1, NewestFirst: true})
				return next, err
			},
			"another history": func(m string) (string, error) {
				_, next, err := f.History(t.Context(), &engine.HistoryRequest{ARN: other, Marker: m, MaxItems: 1})
				return next, err
			},
			"list": func(m string) (string, error) {
				_, next, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "grown"}, Marker: m, MaxItems: 1})
				return next, err
			},
			"the list backwards": func(m string) (string, error) {
				_, next, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "grown"}, Marker: m, MaxItems: 1,
					OldestFirst: true})
				return next, err
			},
			"all executions": func(m string) (string, error) {
				_, next, err := f.List(t.Context(), &engine.ListRequest{Marker: m, MaxItems: 1})
				return next, err
			},
		}
		synctest.Wait()
		markers := map[string]string{"garbage": "garbage", "a number": "1", "a place": "1.0", "a token": token,
			"base64": "AAAA", "an id": arn[strings.LastIndexByte(arn, '/')+1:]}
		for name, next := range ask {
			marker, err := next("")
			if err != nil || marker == "" {
				t.Fatalf("%s: got marker %q and error %v", name, marker, err)
			}
			markers[name] = marker
			markers["a piece of that of "+name] = marker[:len(marker)-4]
		}
		for name, next := range ask {
			for of, marker := range markers {
				_, err := next(marker)
				if of == name && err != nil {
					t.Errorf("%s: its own marker is refused: %v", name, err)
				}
				if of != name && (err == nil || !strings.HasPrefix(strings.ToLower(err.Error()),
					"invalidparametervalueexception: invalid marker")) {
					t.Errorf("%s with the marker of %s: got error %v", name, of, err)
				}
			}
		}
	})
}

func encodeOperations(ops []*protocol.Operation) []byte {
	return protocol.AppendOperations(nil, ops, protocol.API)
}

func encodeEvents(events []*protocol.Event) (all []byte) {
	for _, ev := range events {
		all = protocol.AppendEvent(all, ev, true)
	}
	return all
}

func mostItems(asked int) int {
	if asked == 0 {
		return protocol.DefaultPage
	}
	return asked
}

func TestListPagesNewestFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		var want []string
		for i := range 7 {
			want = append([]string{f.start("order", fmt.Sprintf("n%d", i), "")}, want...)
			time.Sleep(time.Second)
		}
		time.Sleep(500 * time.Millisecond)
		var got []string
		req := &engine.ListRequest{Filter: engine.Filter{Function: "order"}, MaxItems: 3}
		for {
			items, next, err := f.List(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range items {
				got = append(got, s.ARN)
			}
			if req.Marker = next; next == "" {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		items, _, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "order",
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionRunning}}})
		if err != nil || len(items) != 4 {
			t.Errorf("running: got %d, %v; want the 4 that wait", len(items), err)
		}
		if _, _, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "nobody"}}); err == nil {
			t.Error("an unknown function: got no error")
		}
	})
}
