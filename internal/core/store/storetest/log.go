package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
)

func mustLog(t testing.TB, s store.Store, id string, texts ...string) {
	t.Helper()
	w := store.LogWrite{ID: id}
	for _, text := range texts {
		w.Lines = append(w.Lines, store.LogLine{Time: 1234, RequestID: "r", Stream: "stdout", Text: text})
	}
	if err := s.AppendLog(background, w); err != nil {
		t.Fatalf("AppendLog: %v", err)
	}
}

func readLog(t testing.TB, s store.Store, id string, after int64, limit int) []store.LogLine {
	t.Helper()
	lines, err := s.Log(background, id, after, limit)
	if err != nil {
		t.Fatalf("Log(%q, %d, %d): %v", id, after, limit, err)
	}
	return lines
}

// wantLog compares the whole log of id with its lines, as "seq text".
func wantLog(t testing.TB, s store.Store, id string, want ...string) {
	t.Helper()
	var got []string
	for _, line := range readLog(t, s, id, 0, 1000) {
		got = append(got, fmt.Sprint(line.Seq, " ", line.Text))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Log(%q) (-want +got):\n%s", id, diff)
	}
}

func testLog(t *testing.T, s store.Store) {
	mustCreate(t, s, "a", "b")
	wantLog(t, s, "a")
	whole := store.LogLine{Time: 1234, RequestID: "r-1", Operation: "1-2", Stream: "stderr", Text: "böok\n\"x\"\x00"}
	err := s.AppendLog(background,
		store.LogWrite{ID: "a", Lines: []store.LogLine{whole, {Text: ""}}},
		store.LogWrite{ID: "b", Lines: []store.LogLine{{Text: "b"}}},
		store.LogWrite{ID: "nobody", Lines: []store.LogLine{{Text: "lost"}}},
		store.LogWrite{ID: "a"},
	)
	if err != nil {
		t.Fatal(err)
	}
	mustLog(t, s, "a", "three", "four")
	mustLog(t, s, "a", "five")
	wantLog(t, s, "a", "1 "+whole.Text, "2 ", "3 three", "4 four", "5 five")
	wantLog(t, s, "b", "1 b")
	wantLog(t, s, "nobody")
	if err := s.AppendLog(background); err != nil {
		t.Errorf("AppendLog of nothing: %v", err)
	}

	whole.Seq = 1
	if diff := cmp.Diff([]store.LogLine{whole}, readLog(t, s, "a", 0, 1)); diff != "" {
		t.Errorf("the first line (-want +got):\n%s", diff)
	}
	for after, want := range map[int64]string{0: "1 2", 1: "2 3", 2: "3 4", 3: "4 5", 4: "5", 5: "", 9: ""} {
		var got []string
		for _, line := range readLog(t, s, "a", after, 2) {
			got = append(got, fmt.Sprint(line.Seq))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("two lines after %d: got %q, want %q", after, got, want)
		}
	}
}

func testLogIsBounded(t *testing.T, s store.Store) {
	mustCreate(t, s, "a", "b")
	mustLog(t, s, "b", "small")
	block := strings.Repeat("x", 100_000)
	const writes = 60
	for range writes {
		mustLog(t, s, "a", block, "short")
	}
	size, last := 0, int64(0)
	for _, line := range readLog(t, s, "a", 0, 1000) {
		if last != 0 && line.Seq != last+1 {
			t.Errorf("line %d follows line %d", line.Seq, last)
		}
		size, last = size+line.Size(), line.Seq
	}
	if last != 2*writes {
		t.Errorf("the last line is %d, want %d", last, 2*writes)
	}
	if size < store.MaxLog*3/4 || size > store.MaxLog*3/2 {
		t.Errorf("%d bytes are kept, want about %d", size, store.MaxLog)
	}
	wantLog(t, s, "b", "1 small")
}

func testLogIsDeleted(t *testing.T, s store.Store) {
	mustCreate(t, s, "a", "b")
	mustLog(t, s, "a", "one")
	mustLog(t, s, "b", "one")
	if err := s.Delete(background, "a"); err != nil {
		t.Fatal(err)
	}
	mustLog(t, s, "a", "late")
	mustCreate(t, s, "a")
	wantLog(t, s, "a")
	wantLog(t, s, "b", "1 one")
}
