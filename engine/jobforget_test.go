package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
)

// documents returns the keys of the documents of a kind.
func documents(t *testing.T, st store.Store, kind string) (keys []string) {
	t.Helper()
	for d, err := range store.AllDocuments(t.Context(), st, kind) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, d.Key)
	}
	return keys
}

// put stores a document.
func put(t *testing.T, st store.Store, kind, key string, value any) {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.PutDocument(t.Context(), kind, key, data); err != nil {
		t.Fatal(err)
	}
}

// outnumber stores so many jobs that have ended that all before them are too many.
func outnumber(t *testing.T, st store.Store) {
	t.Helper()
	for range engine.MaxJobs {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		put(t, st, store.JobKind, id.String(), map[string]any{"Action": "pause", "Created": 1})
		put(t, st, store.JobKind, id.String()+"/progress", map[string]any{"Ended": 2, "Done": 7})
		put(t, st, store.JobKind, id.String()+"/cancel", map[string]any{})
	}
}

// The oldest jobs are forgotten with their results.
func TestJobsAreForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		jobCases[0].prepare(f)
		var first string
		for i := range engine.MaxJobs + 3 {
			action := engine.JobPause
			if i%2 == 1 {
				action = engine.JobResume
			}
			j := f.job(&engine.JobRequest{Action: action, Filter: engine.Filter{Function: "sleeper"}})
			if i == 0 {
				first = j.ID
			}
		}
		time.Sleep(time.Second)
		jobs, err := f.Jobs().List(t.Context())
		if err != nil || len(jobs) != engine.MaxJobs {
			t.Errorf("got %d jobs, %v, want %d", len(jobs), err, engine.MaxJobs)
		}
		for _, j := range jobs {
			if j.Done != inJob || j.Ended == 0 {
				t.Errorf("got %+v, want one that has ended", j)
			}
		}
		_, err = f.Jobs().Get(t.Context(), first)
		wantRefusal(t, err, "There is no job")
		_, _, err = f.Jobs().Results(t.Context(), first, "", 0)
		wantRefusal(t, err, "There is no job")
		if got := documents(t, f.store, store.JobResultKind); len(got) != engine.MaxJobs {
			t.Errorf("got %d pieces of results, want %d", len(got), engine.MaxJobs)
		}
		if got := documents(t, f.store, store.JobKind); len(got) != 2*engine.MaxJobs {
			t.Errorf("got %d documents of jobs, want %d", len(got), 2*engine.MaxJobs)
		}
	})
}

// forgetful dies only of deleting documents.
type forgetful struct{ *mortal }

func (m *forgetful) PutDocument(ctx context.Context, kind, key string, value []byte) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.PutDocument(ctx, kind, key, value)
}

func (m *forgetful) EnsureDocument(ctx context.Context, kind, key string, value []byte) ([]byte, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.Store.EnsureDocument(ctx, kind, key, value)
}

// A job of which a part is deleted never begins again, whatever its process dies of.
func TestForgettingAJobOutlivesEngines(t *testing.T) {
	for _, after := range []bool{false, true} {
		for change := int64(0); ; change++ {
			if change == 20 {
				t.Fatal("forgetting a job makes too many changes")
			}
			if !forgets(t, change, after) {
				break // it died of nothing
			}
		}
	}
}

// forgets has a process die with one change while it forgets a job, and reports whether it did.
func forgets(t *testing.T, change int64, after bool) (died bool) {
	inBubble(t, func(t *testing.T, f *fixture) {
		jobCases[0].prepare(f)
		j := f.job(&engine.JobRequest{Action: engine.JobPause, Filter: engine.Filter{Function: "sleeper"}})
		f.close()
		outnumber(t, f.store)
		m := &mortal{Store: f.store, after: after}
		m.left.Store(change)
		f.front = &forgetful{m}
		f.open()
		time.Sleep(time.Minute)
		died = m.dead.Load()
		if one, err := f.Jobs().Get(t.Context(), j.ID); err == nil && one.Ended == 0 {
			t.Errorf("change %d, after=%t: half forgotten, it looks like one that has not ended", change, after)
		}
		if err := f.Close(t.Context()); err != nil {
			t.Error(err)
		}
		f.front = nil
		f.open()
		time.Sleep(time.Minute)
		_, err := f.Jobs().Get(t.Context(), j.ID)
		wantRefusal(t, err, "There is no job")
		if got := documents(t, f.store, store.JobResultKind); len(got) != 0 {
			t.Errorf("change %d, after=%t: %q are left of its results", change, after, got)
		}
	})
	return died
}

// A job that was canceled has pieces of executions to which it did not come. They are forgotten, too.
func TestCanceledJobIsForgottenWhole(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		arn := jobCases[0].prepare(f)[0]
		req := &engine.JobRequest{Action: engine.JobPause, Rate: 1}
		for i := range 250 {
			req.ARNs = append(req.ARNs, strings.Replace(arn, "/x-0/", fmt.Sprintf("/nobody-%d/", i), 1))
		}
		j := f.jobBegin(req)
		time.Sleep(2 * time.Second)
		if err := f.Jobs().Cancel(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		if j = f.jobEnd(j.ID); !j.Canceled || j.Acted() == 0 || j.Acted() > 10 {
			t.Fatalf("got %+v, want one that was canceled soon", j)
		}
		outnumber(t, f.store)
		f.close()
		f.open()
		time.Sleep(time.Minute)
		if got := documents(t, f.store, store.JobResultKind); len(got) != 0 {
			t.Errorf("%q are left of it", got)
		}
	})
}

// measured looks how much memory is in use when documents are read and deleted.
type measured struct {
	store.Store
	before uint64
	calls  atomic.Int64
	most   atomic.Uint64
}

func (m *measured) look() {
	if m.calls.Add(1)%100 == 0 {
		m.most.Store(max(m.most.Load(), max(heap(), m.before)-m.before))
	}
}

func (m *measured) Document(ctx context.Context, kind, key string) ([]byte, error) {
	defer m.look()
	return m.Store.Document(ctx, kind, key)
}

func (m *measured) DeleteDocument(ctx context.Context, kind, key string) error {
	defer m.look()
	return m.Store.DeleteDocument(ctx, kind, key)
}

// What a job of 200,000 executions takes of memory does not depend on their number: while it is resumed, listed, read
// and forgotten.
func TestHugeJobTakesLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures memory, and writes 30 MB")
	}
	const chunks, each, bound = 400, 500, 8 << 20
	f := onDisk(t, 0)
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := &measured{Store: f.front}
	id := uuid.Must(uuid.NewV7()).String()
	var results []engine.JobResult
	for i := range each {
		results = append(results, engine.JobResult{Outcome: engine.JobDone, ARN: fmt.Sprintf(
			"arn:aws:lambda:us-east-1:123456789012:function:orders:$LATEST/durable-execution/order-%08d/0198", i)})
	}
	for n := range chunks { // as an engine leaves it whose progress was lost
		put(t, m.Store, store.JobResultKind, fmt.Sprintf("%s/%08d", id, n+1),
			map[string]any{"Results": results, "Next": "more", "Acted": true})
	}
	put(t, m.Store, store.JobKind, id, map[string]any{"Action": "pause", "Created": 1, "Total": chunks * each, "Chunks": chunks})
	f.front = m
	m.before = heap()
	f.open()
	if j := f.jobEnd(id); j.Done != chunks*each || j.Fault != "" {
		t.Errorf("got %+v, want %d done", j, chunks*each)
	}
	if _, err := f.Jobs().List(t.Context()); err != nil {
		t.Error(err)
	}
	count := 0
	for after := 0; ; {
		page, next, err := f.Jobs().Results(t.Context(), id, "", after)
		if err != nil {
			t.Fatal(err)
		}
		count += len(page)
		if after = next; after == 0 {
			break
		}
	}
	if count != chunks*each {
		t.Errorf("got %d results, want %d", count, chunks*each)
	}
	outnumber(t, m.Store)
	_ = f.job(&engine.JobRequest{Action: engine.JobPause, Filter: engine.Filter{Name: "*"}})
	for known := true; known; time.Sleep(10 * time.Millisecond) { // its results go before it does
		_, err := f.Jobs().Get(t.Context(), id)
		known = err == nil
	}
	if left := documents(t, m.Store, store.JobResultKind); len(left) != 0 {
		t.Errorf("%d documents of it are left", len(left))
	}
	if most, calls := m.most.Load(), m.calls.Load(); most > bound || calls < 3*chunks {
		t.Errorf("it took %d bytes of memory, seen at %d calls, want at most %d", most, calls, bound)
	}
}
