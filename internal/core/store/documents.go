package store

import (
	"context"
	"iter"
)

// documentsAtOnce bounds what is read at one time; with [MaxDocument] it is 8 MB.
const documentsAtOnce = 32

// AllDocuments yields the documents of a kind, ordered by key, with a bounded part of them in memory. Between two reads
// it holds nothing, so the caller may change documents; it yields some as they are before such a change and some as
// they are after it. An error ends the sequence.
func AllDocuments(ctx context.Context, from interface {
	Documents(ctx context.Context, kind, after string, limit int) ([]Document, error)
}, kind string) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		for after := ""; ; {
			page, err := from.Documents(ctx, kind, after, documentsAtOnce)
			if err != nil {
				yield(Document{}, err)
				return
			}
			for _, d := range page {
				if !yield(d, nil) {
					return
				}
				after = d.Key
			}
			if len(page) < documentsAtOnce {
				return
			}
		}
	}
}
