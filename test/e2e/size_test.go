package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/protocol"
)

// generous is by how much slower this machine may be than one that does nothing else.
const generous = 4

// opens is how long the browser took until the page was loaded.
func (b *tab) opens(path string) time.Duration {
	b.t.Helper()
	b.open(path)
	b.until("the page is loaded", "performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
	ms := eval[float64](b, "performance.getEntriesByType('navigation')[0].loadEventEnd")
	return time.Duration(ms * float64(time.Millisecond))
}

// fast opens a page a few times and fails the test if it is slow each time.
func (b *tab) fast(path string, goal time.Duration) {
	b.t.Helper()
	best := time.Hour
	for range 3 {
		best = min(best, b.opens(path))
	}
	b.t.Logf("%s opens in %v (the goal is %v)", path, best.Round(time.Millisecond), goal)
	if best > generous*goal {
		b.t.Errorf("%s opens in %v, want %v", path, best, goal)
	}
}

// Of 10,000 operations one sees some, and only these are there, wherever one scrolls.
func TestTenThousandOperations(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("many", event{Do: "many", N: 10_000})
	s.waits(arn, "manager")
	b.fast(pageOf(arn), time.Second)
	b.fast(pageOf(arn, "fold", "none"), time.Second)
	total := eval[int](b, `Number(document.querySelector(".timeline").dataset.total)`)
	if total < 10_000 {
		t.Fatalf("there are %d rows, want 10,000", total)
	}
	const seen = `[...document.querySelectorAll(".timeline .row")].filter(e => {
		const r = e.getBoundingClientRect();
		return r.bottom > 60 && r.top < innerHeight;
	})`
	rows := func() int { return eval[int](b, `document.querySelectorAll(".timeline .row").length`) }
	for _, part := range []float64{0.25, 0.5, 1, 0} {
		eval[any](b, fmt.Sprintf(`scrollTo({top: document.querySelector(".rows").getBoundingClientRect().top + scrollY
			+ %g * document.querySelector(".rows").offsetHeight - innerHeight / 2, behavior: "instant"})`, part))
		b.until(fmt.Sprintf("the rows at %g of all are there", part), seen+".length >= 10")
		if n := rows(); n > 300 {
			t.Errorf("at %g of all there are %d rows in the page", part, n)
		}
	}
	if n := eval[int](b, "document.querySelectorAll('*').length"); n > 15_000 {
		t.Errorf("the page has %d elements", n)
	}
	b.picture("ten-thousand-light")
}

// crowd fills a store with executions that have ended.
func crowd(t *testing.T, n int) func(dir string) {
	return func(dir string) {
		st, err := sqlitestore.Open(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		begin := time.Now().Add(-24 * time.Hour)
		for i := 0; i < n; {
			var writes []store.Write
			for ; i < n && len(writes) < 1000; i++ {
				writes = append(writes, ended(i, protocol.TimestampOf(begin.Add(time.Duration(i)*time.Millisecond))))
			}
			if err := st.Commit(context.Background(), writes...); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ended is an execution that has ended, one in a thousand of them badly.
func ended(i int, at protocol.Timestamp) store.Write {
	id := fmt.Sprintf("00000000-%04x-7000-8000-%012x", i>>16, i)
	name := fmt.Sprintf("old-%07d", i)
	identity := machine.Identity{ARN: protocol.ARN{Partition: "aws", Region: "us-east-1", Account: "000000000000",
		Function: "shop", Version: protocol.LatestVersion, Name: name, ID: id}, ExecutionTimeout: 3600, RetentionDays: 7}
	d := machine.Start(identity, nil, at, nil)
	row := &store.Row{ID: id, ARN: identity.ARN.String(), Function: "shop", Version: protocol.LatestVersion, Name: name,
		Status: protocol.ExecutionSucceeded, Started: at, Closed: at + 5, InputHash: sha256.Sum256(nil),
		Tags: map[string]string{"shard": fmt.Sprint(i % 16)}}
	if i%1000 == 7 {
		row.Status, row.Error, row.Message = protocol.ExecutionFailed, "PaymentDeclined", "card declined: no funds"
	}
	return store.Write{ID: id, Entry: store.Entry{Seq: 1, Data: machine.Encode(d.Records())}, Row: row}
}

// Beside a million executions each list opens as fast as beside ten, and what is stuck is on top.
func TestListsOfAMillion(t *testing.T) {
	s := newSite(t, crowd(t, *rows))
	b := s.tab()
	arn := s.start("order-stuck", event{Do: "approval"}, "customer=acme")
	s.waits(arn, "manager")
	b.fast("/ui/", time.Second)
	b.shows("order-stuck", "manager")
	b.until("all are counted", fmt.Sprintf(`document.getElementById("matches").innerText.replace(/\D/g, "").startsWith("%d")`, *rows+1))
	for _, path := range []string{"/ui/?Status=FAILED", "/ui/?Name=*999", "/ui/?Tag=shard=3", "/ui/?Tag=customer=acme",
		"/ui/?Order=oldest", "/ui/?Error=PaymentDeclined", "/ui/?Doing=callback&LongerThan=1", "/ui/functions", "/ui/function?name=shop"} {
		b.fast(path, time.Second)
	}
	b.open("/ui/?Status=SUCCEEDED&Order=newest")
	for range 3 {
		first := eval[string](b, `document.querySelector("tr[data-row] [data-open]").innerText`)
		b.click(".pager a", "Next →")
		b.until("the next page is shown", `document.querySelector("tr[data-row] [data-open]")?.innerText !== `+quote(first))
	}
	if n := s.count(engine.Filter{Error: "PaymentDeclined"}); n < *rows/1000 {
		t.Errorf("%d failed, want %d", n, *rows/1000)
	}
	b.picture("million-light")
}
