package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
)

func mustPut(t testing.TB, s store.Store, kind, key, value string) {
	t.Helper()
	given := []byte(value)
	if err := s.PutDocument(background, kind, key, given); err != nil {
		t.Fatalf("PutDocument(%q, %q): %v", kind, key, err)
	}
	spoil(given)
}

func wantDocument(t testing.TB, s store.Store, kind, key, want string) {
	t.Helper()
	for range 2 {
		got, err := s.Document(background, kind, key)
		if err != nil || string(got) != want {
			t.Errorf("Document(%q, %q): got %q, %v, want %q", kind, key, got, err, want)
		}
		spoil(got)
	}
}

// wantDocuments compares the documents of a kind, each as key=value.
func wantDocuments(t testing.TB, s store.Store, kind string, want ...string) {
	t.Helper()
	var got []string
	for d, err := range store.AllDocuments(background, s, kind) {
		if err != nil {
			t.Fatalf("Documents(%q): %v", kind, err)
		}
		got = append(got, d.Key+"="+string(d.Value))
		spoil(d.Value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Documents(%q) (-want +got):\n%s", kind, diff)
	}
}

func testDocuments(t *testing.T, s store.Store) {
	if _, err := s.Document(background, "alias", "f/live"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown document: got %v, want %v", err, store.ErrNotFound)
	}
	wantDocuments(t, s, "alias")

	mustPut(t, s, "alias", "f/live", "1")
	mustPut(t, s, "alias", "f/beta", "2")
	mustPut(t, s, "alias", "f/live", "3") // in place of the first
	mustPut(t, s, "version", "f/live", "another kind")
	mustPut(t, s, "version", "empty", "")
	for range 2 {
		wantDocument(t, s, "alias", "f/live", "3")
		wantDocument(t, s, "version", "f/live", "another kind")
		wantDocument(t, s, "version", "empty", "")
		wantDocuments(t, s, "alias", "f/beta=2", "f/live=3")
	}

	for range 2 { // an unknown document is not an error
		if err := s.DeleteDocument(background, "alias", "f/live"); err != nil {
			t.Fatalf("DeleteDocument: %v", err)
		}
	}
	wantDocuments(t, s, "alias", "f/beta=2")
	wantDocuments(t, s, "version", "empty=", "f/live=another kind")
	mustPut(t, s, "alias", "f/live", "4")
	wantDocument(t, s, "alias", "f/live", "4")
}

// testDocumentPages: each page begins behind a key, which need not be there, and nobody waits for who reads.
func testDocumentPages(t *testing.T, s store.Store) {
	var keys []string
	for i := range 70 {
		keys = append(keys, fmt.Sprintf("k%02d/\xc3\xa4 %c", i%35, 'A'+rune(i/35)*32)) // bytes order them, no language
	}
	slices.Sort(keys)
	for i := range keys {
		mustPut(t, s, "kind", keys[(i*31)%len(keys)], "v")
	}
	mustPut(t, s, "kin", "k00", "of the kind before")
	mustPut(t, s, "kind2", "k00", "of the kind behind")
	for _, test := range []struct {
		after    string
		limit    int
		from, to int
	}{
		{"", 1, 0, 1}, {"", 70, 0, 70}, {"", 1000, 0, 70}, {keys[9], 5, 10, 15}, {keys[9] + "\x01", 5, 10, 15},
		{keys[66], 5, 67, 70}, {keys[69], 5, 70, 70}, {"z", 5, 70, 70},
	} {
		docs, err := s.Documents(background, "kind", test.after, test.limit)
		var got []string
		for _, d := range docs {
			got = append(got, d.Key)
		}
		if err != nil || !slices.Equal(got, keys[test.from:test.to]) {
			t.Errorf("Documents(after %q, limit %d): got %q, %v, want %q", test.after, test.limit, got, err,
				keys[test.from:test.to])
		}
	}
	var got []string
	for d, err := range store.AllDocuments(background, s, "kind") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.Key)
		if err := s.DeleteDocument(background, "kind", d.Key); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, keys) {
		t.Errorf("got %d documents while they are deleted, want %d", len(got), len(keys))
	}
	wantDocuments(t, s, "kind")
}

func testDocumentBounds(t *testing.T, s store.Store) {
	long, large := strings.Repeat("k", store.MaxDocumentName), strings.Repeat("\x00v", store.MaxDocument/2)
	mustPut(t, s, long, long, large)
	wantDocument(t, s, long, long, large)
	for name, d := range map[string]struct{ kind, key, value string }{
		"no kind": {"", "k", "v"}, "no key": {"kind", "", "v"},
		"long kind": {long + "x", "k", "v"}, "long key": {"kind", long + "x", "v"},
		"large value": {"kind", "k", large + "x"},
	} {
		put := s.PutDocument(background, d.kind, d.key, []byte(d.value))
		_, ensured := s.EnsureDocument(background, d.kind, d.key, []byte(d.value))
		if put == nil || ensured == nil {
			t.Errorf("%s: got %v, %v, want refusals", name, put, ensured)
		}
	}
	wantDocuments(t, s, "kind")
}

func testEnsureDocument(t *testing.T, s store.Store) {
	mustPut(t, s, "kind", "put", "there")
	for _, test := range []struct{ key, value, want string }{
		{"k", "first", "first"}, {"k", "second", "first"}, {"other", "third", "third"},
		{"empty", "", ""}, {"empty", "late", ""}, {"put", "late", "there"},
	} {
		given := []byte(test.value)
		got, err := s.EnsureDocument(background, "kind", test.key, given)
		if err != nil || string(got) != test.want {
			t.Errorf("EnsureDocument(%q, %q): got %q, %v, want %q", test.key, test.value, got, err, test.want)
		}
		spoil(given)
		spoil(got)
	}
	wantDocuments(t, s, "kind", "empty=", "k=first", "other=third", "put=there")
}

func testEnsureDocumentRace(t *testing.T, s store.Store) {
	const callers = 50
	var got [callers][]byte
	together(callers, func(i int) {
		var err error
		if got[i], err = s.EnsureDocument(background, "kind", "key", fmt.Append(nil, "value ", i)); err != nil {
			t.Errorf("EnsureDocument: %v", err)
		}
	})
	for _, value := range got {
		if len(value) == 0 || !bytes.Equal(value, got[0]) {
			t.Errorf("callers disagree: %q and %q", got[0], value)
		}
	}
}
