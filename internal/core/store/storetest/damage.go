package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
)

// Place is one thing in a store: an entry, a row, or a document.
type Place struct {
	ID  string // of the execution, for an entry or its row
	Seq int64  // of the entry; zero for the row
	// Kind and Key are those of a document.
	Kind, Key string
}

// RunDamage checks that a store notices a change behind its back, and that nothing else suffers. Damage flips one
// bit of the stored bytes of a place; it is called while the store is closed.
func RunDamage(t *testing.T, prepare func(t *testing.T) (open func() store.Store, damage func(Place))) {
	places := map[string]Place{
		"first entry": {ID: "b", Seq: 1}, "entry": {ID: "b", Seq: 2}, "last entry": {ID: "b", Seq: 3},
		"row": {ID: "b"}, "document": {Kind: "k", Key: "b"},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			open, damage := prepare(t)
			s := open()
			for _, id := range []string{"a", "b", "c"} {
				row := newRow(id)
				row.Due = 5
				mustCommit(t, s, start(row), next(id, 2), next(id, 3))
				if err := s.PutDocument(background, "k", id, []byte("value of "+id)); err != nil {
					t.Fatal(err)
				}
			}
			want := found(t, s)
			closeStore(t, s)
			damage(place)
			s = open()
			defer closeStore(t, s)
			got := found(t, s)
			changed := place.wanted(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if changed == 0 {
				t.Error("the test expects nothing")
			}
		})
	}
}

// wanted turns the findings in an intact store into those with p damaged, and returns how many changed.
func (p Place) wanted(all map[string]string) (changed int) {
	for _, reading := range p.readings() {
		if _, ok := all[reading]; ok {
			all[reading] = "damaged"
			changed++
		}
	}
	return changed
}

func (p Place) readings() []string {
	switch {
	case p.Kind != "":
		return []string{"document " + p.Key, "documents " + p.Key}
	case p.Seq == 0:
		return []string{"row " + p.ID, "named " + p.ID, "list " + p.ID, "due " + p.ID}
	}
	return []string{"journal " + p.ID, "reverse " + p.ID}
}

// found reads a store in every way, and returns the outcomes.
func found(t *testing.T, s store.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	tell := func(key string, value any, damaged bool, err error) {
		if errors.As(err, new(*store.DamagedError)) {
			damaged, err = true, nil
		}
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		all[key] = fmt.Sprintf("%+v", value)
		if damaged {
			all[key] = "damaged"
		}
	}
	for _, id := range []string{"a", "b", "c"} {
		row, err := s.Row(background, id)
		tell("row "+id, row, false, err)
		row, err = s.Named(background, "f", newRow(id).Name)
		tell("named "+id, row, false, err)
		value, err := s.Document(background, "k", id)
		tell("document "+id, value, false, err)
		for key, part := range map[string]store.Range{"journal ": {}, "reverse ": {Reverse: true}} {
			var entries []store.Entry
			var failure error
			for e, err := range s.Journal(background, id, part) {
				if entries, failure = append(entries, e), err; err != nil {
					break
				}
			}
			tell(key+id, entries, false, failure)
		}
	}
	tellRows := func(key string, rows []*store.Row, err error) {
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		for _, row := range rows {
			tell(key+row.ID, row, row.Damaged, nil)
		}
	}
	rows, err := s.List(background, store.Query{Limit: 10})
	tellRows("list ", rows, err)
	documents, err := s.Documents(background, "k", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents {
		tell("documents "+d.Key, d.Value, d.Damaged, nil)
	}
	return all
}
