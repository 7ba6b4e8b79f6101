package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
)

// Sink takes records. Each owner of a sink calls it from one goroutine at a time; several owners may call it
// concurrently.
type Sink interface {
	// Deliver takes all records, or returns an error. Later all are delivered again; after a [*PartialError], only
	// those that were not taken. The slice belongs to the caller. ctx ends when there is no more time.
	Deliver(ctx context.Context, records []Record) error
}

// PartialError is returned by a [Sink] that took the first Taken records and no more.
type PartialError struct {
	Taken int
	Err   error
}

func (e *PartialError) Error() string { return e.Err.Error() }
func (e *PartialError) Unwrap() error { return e.Err }

// Deliver delivers records to a sink, and returns how many it did not take. A panic refuses all.
func Deliver(ctx context.Context, sink Sink, records []Record) (left int, err error) {
	defer func() {
		if v := recover(); v != nil {
			left, err = len(records), fmt.Errorf("the sink panicked: %v", v)
		}
	}()
	err = sink.Deliver(ctx, records)
	var partial *PartialError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &partial):
		return len(records) - min(max(partial.Taken, 0), len(records)), err
	}
	return len(records), err
}

// SinkFunc is a function as a [Sink].
type SinkFunc func(ctx context.Context, records []Record) error

// Deliver implements [Sink].
func (f SinkFunc) Deliver(ctx context.Context, records []Record) error { return f(ctx, records) }

// Lines writes records as JSON lines, with one Write for each delivery. With os.Stdout they are in Lambda's log.
func Lines(w io.Writer) Sink {
	return SinkFunc(func(_ context.Context, records []Record) error {
		_, err := w.Write(lines(records))
		return err
	})
}

// lineSeparators are line breaks to some programs, but not in JSON.
var lineSeparators = strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`)

func lines(records []Record) []byte {
	var buf bytes.Buffer
	for i := range records {
		lineSeparators.WriteString(&buf, string(records[i].JSON()))
		buf.WriteByte('\n')
	}
	return buf.Bytes()
}

// File is a [Sink] that appends records to the file of that name, as [Lines] does. It makes the file when there are
// records, and opens it for each delivery, so the file may be moved away at any time. Several processes may append
// to one file, if its file system appends each write as a whole.
type File string

// Deliver implements [Sink].
func (f File) Deliver(ctx context.Context, records []Record) error {
	file, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(Lines(file).Deliver(ctx, records), file.Close())
}

// HTTP is a [Sink] that posts each record to a URL, as a JSON object in a request of its own, as endpoints for
// AWS's exporters expect. Any status but 2xx is a refusal. It follows no redirects: the headers are for this URL.
type HTTP struct {
	URL string
	// Header is sent with each request, such as an Authorization.
	Header http.Header
	// Together posts all records of a delivery in one request, as lines of JSON with the type application/x-ndjson,
	// for endpoints that are far away or busy.
	Together bool
	// Client makes the requests; nil is http.DefaultClient, without redirects.
	Client *http.Client
}

// Deliver implements [Sink].
func (h HTTP) Deliver(ctx context.Context, records []Record) error {
	if h.Together {
		return h.post(ctx, "application/x-ndjson", lines(records))
	}
	for i := range records {
		if err := h.post(ctx, "application/json", records[i].JSON()); err != nil {
			return &PartialError{Taken: i, Err: err}
		}
	}
	return nil
}

var direct = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (h HTTP) post(ctx context.Context, kind string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if h.Header != nil {
		req.Header = h.Header.Clone()
	}
	req.Header.Set("Content-Type", kind)
	// A nil value is not sent. It lets net/http send the request again if the kept connection died while the
	// function was frozen: a record may come twice.
	req.Header["X-Idempotency-Key"] = nil
	client := h.Client
	if client == nil {
		client = direct
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // reading it also keeps the connection
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s: %s", req.URL.Redacted(), resp.Status, strings.ToValidUTF8(string(said), ""))
	}
	return nil
}

// Slog logs each record as one line, with the record as the attribute "record", in JSON: with the level Error if
// the execution failed or timed out, and Info otherwise.
func Slog(logger *slog.Logger) Sink {
	return SinkFunc(func(ctx context.Context, records []Record) error {
		for i := range records {
			r := &records[i]
			level := slog.LevelInfo
			if r.Status == "FAILED" || r.Status == "TIMED_OUT" {
				level = slog.LevelError
			}
			logger.LogAttrs(ctx, level, "execution "+strings.ToLower(r.Status), slog.Any("record", json.RawMessage(r.JSON())))
		}
		return nil
	})
}
