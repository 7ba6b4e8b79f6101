package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// jobDocument is a job as it was asked for. It does not change.
type jobDocument struct {
	JobRequest
	// Selects is the filter, restricted to what was there when the job began, and on which the action is possible.
	Selects Filter
	Created protocol.Timestamp
	Total   int
	Chunks  int `json:",omitempty"` // of named executions, which are written before the job
}

// progressDocument is how far a job has come.
type progressDocument struct {
	JobProgress
	Chunks int    // whose results are written
	Next   string // marker of the page of executions behind them; empty is the first
}

const (
	progressSuffix = "/progress"
	cancelSuffix   = "/cancel"
)

// read returns all jobs, the newest first.
func (j *Jobs) read(ctx context.Context) (all []*jobState, err error) {
	for after, more := "", true; more; {
		var page []store.Document
		if page, more, err = j.page(ctx, after); err != nil {
			return nil, err
		}
		for _, doc := range page { // a job stands before what belongs to it
			after = doc.Key
			id, suffix := jobOf(doc.Key)
			if doc.Damaged {
				j.tellDamaged(id)
				continue
			}
			if suffix == "" {
				all = append(all, &jobState{id: id})
			}
			if len(all) == 0 || all[len(all)-1].id != id {
				continue // it is being forgotten
			}
			if err := all[len(all)-1].take(suffix, doc.Value); err != nil {
				return nil, err
			}
		}
	}
	slices.Reverse(all)
	return all, nil
}

// jobDocumentsAtOnce bounds what is read of jobs at one time.
const jobDocumentsAtOnce = 60

// page returns documents behind a key, and whether there are more. Those of one job are of one moment: otherwise one
// that is being forgotten could look like one that has not begun.
func (j *Jobs) page(ctx context.Context, after string) (page []store.Document, more bool, err error) {
	page, err = j.store.Documents(ctx, store.JobKind, after, jobDocumentsAtOnce)
	if err != nil || len(page) < jobDocumentsAtOnce {
		return page, false, err
	}
	last, _ := jobOf(page[len(page)-1].Key)
	return slices.DeleteFunc(page, func(d store.Document) bool {
		id, _ := jobOf(d.Key)
		return id == last // some of it may be behind the page
	}), true, nil
}

// jobOf takes the key of a job's document apart: the job's id, and what it says of the job.
func jobOf(key string) (id, suffix string) {
	id, _, _ = strings.Cut(key, "/")
	return id, key[len(id):]
}

// jobState is a job with all that is known of it.
type jobState struct {
	id string
	jobDocument
	progress progressDocument
	cancel   bool // somebody wants it to end
}

// take reads one of its documents, whose key ends with suffix.
func (s *jobState) take(suffix string, value []byte) (err error) {
	switch suffix {
	case "":
		err = json.Unmarshal(value, &s.jobDocument)
	case progressSuffix:
		err = json.Unmarshal(value, &s.progress)
	case cancelSuffix:
		s.cancel = true
	}
	if err != nil {
		return fmt.Errorf("reading the job %s: %w", s.id, err)
	}
	return nil
}

func (j *Jobs) tellDamaged(id string) {
	j.log.Error("what is known of a job is not what was written", "job", id)
}

func (s *jobState) ended() bool { return s.progress.Ended != 0 }

func (s *jobState) job() *Job {
	return &Job{
		ID: s.id, JobRequest: s.JobRequest, Created: s.Created, Total: s.Total, JobProgress: s.progress.JobProgress,
		Canceling: s.cancel && !s.ended(),
	}
}

// find returns one job, or a ResourceNotFoundException.
func (j *Jobs) find(ctx context.Context, id string) (*jobState, error) {
	if uuid.Validate(id) != nil { // keys of other documents have more behind the id
		return nil, unknownJob(id)
	}
	one := &jobState{id: id}
	for _, suffix := range []string{progressSuffix, cancelSuffix, ""} { // the reverse of how they are deleted
		value, err := j.store.Document(ctx, store.JobKind, id+suffix)
		_, damaged := errors.AsType[*store.DamagedError](err)
		if damaged {
			j.tellDamaged(id)
		}
		switch missing := damaged || errors.Is(err, store.ErrNotFound); {
		case missing && suffix == "":
			return nil, unknownJob(id)
		case missing:
		case err != nil:
			return nil, err
		default:
			if err := one.take(suffix, value); err != nil {
				return nil, err
			}
		}
	}
	return one, nil
}

func unknownJob(id string) error {
	return protocol.Errorf(protocol.CodeNotFound, "There is no job %s", protocol.Clip(id, 80))
}

// write makes a job durable. One that names executions has their chunks first.
func (j *Jobs) write(ctx context.Context, one *jobState) error {
	doc := one.jobDocument
	for chosen := range slices.Chunk(doc.ARNs, chunkLength) {
		doc.Chunks++
		chunk := &chunkDocument{}
		for _, arn := range chosen {
			chunk.Results = append(chunk.Results, JobResult{ARN: arn})
		}
		if err := j.putChunk(ctx, one.id, doc.Chunks, chunk); err != nil {
			return err
		}
	}
	doc.ARNs = nil
	one.Chunks = doc.Chunks
	return j.store.PutDocument(ctx, store.JobKind, one.id, encodeDocument(doc))
}

// delete deletes a job that has ended. Its results come first, so that none is left behind, and the job before its
// progress, so that it never looks like one that has not begun.
func (j *Jobs) delete(ctx context.Context, one *jobState) error {
	written := max(one.Chunks, one.progress.Chunks+1) // of one that was canceled, more than are counted
	for n := 1; n <= written; n++ {
		if err := j.store.DeleteDocument(ctx, store.JobResultKind, chunkKey(one.id, n)); err != nil {
			return err
		}
	}
	for _, suffix := range []string{cancelSuffix, "", progressSuffix} {
		if err := j.store.DeleteDocument(ctx, store.JobKind, one.id+suffix); err != nil {
			return err
		}
	}
	return nil
}
