package store

import (
	"context"
	"fmt"
	"iter"
)

// documentsAtOnce bounds what is read at one time; with [MaxDocument] it is 8 MB.
const documentsAtOnce = 32

// documentReader is what documents are read from, as [Store.Documents] says.
type documentReader interface {
	Documents(ctx context.Context, kind, after string, limit int) ([]Document, error)
}

// AllDocuments yields the documents of a kind, ordered by key, with a bounded part of them in memory. Between two reads
// it holds nothing, so the caller may change documents; it yields some as they are before such a change and some as
// they are after it. An error ends the sequence.
func AllDocuments(ctx context.Context, from documentReader, kind string) iter.Seq2[Document, error] {
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

// MaxFindings bounds how many contradictions of one sort, or damaged documents, a check of a store names.
const MaxFindings = 100

// DamagedDocuments returns a sentence for each document of these kinds that is damaged, up to [MaxFindings].
func DamagedDocuments(ctx context.Context, from documentReader, kinds []string) (wrong []string, err error) {
	for _, kind := range kinds {
		for d, err := range AllDocuments(ctx, from, kind) {
			if err != nil {
				return wrong, err
			}
			if d.Damaged {
				wrong = append(wrong, DamagedDocument(kind, d.Key).Error())
			}
			if len(wrong) == MaxFindings {
				return wrong, nil
			}
		}
	}
	return wrong, nil
}

// DamagedDocument is the error of a document that is not what was written.
func DamagedDocument(kind, key string) *DamagedError {
	return &DamagedError{What: fmt.Sprintf("document %q of kind %q", key, kind)}
}
