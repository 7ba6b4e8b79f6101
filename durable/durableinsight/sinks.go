package durableinsight

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

// Lines writes records as JSON, one line each, with one Write for as many as are
// delivered together. With os.Stdout, Lambda's log has them.
func Lines(w io.Writer) Sink {
	return SinkFunc(func(_ context.Context, records []Record) error {
		data, err := lines(records)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
}

func lines(records []Record) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for i := range records {
		if err := enc.Encode(&records[i]); err != nil {
			return nil, err
		}
	}
	return buf.Bytes(), nil
}

// File is a [Sink] that appends records to the file of that name as [Lines] does.
// It is made when there are records, and opened for each delivery, so it may be
// moved away at any time. Several processes may append to one file, if its file
// system appends what is written at once as a whole.
type File string

// Deliver implements [Sink].
func (f File) Deliver(ctx context.Context, records []Record) error {
	file, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(Lines(file).Deliver(ctx, records), file.Close())
}

// HTTP is a [Sink] that posts records to a URL, as a JSON array. Any status but
// 2xx is a refusal.
type HTTP struct {
	URL string
	// Header is sent with each request, such as an Authorization.
	Header http.Header
	// Client makes the requests; nil is http.DefaultClient.
	Client *http.Client
}

// Deliver implements [Sink].
func (h HTTP) Deliver(ctx context.Context, records []Record) error {
	body, err := json.Marshal(records)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if h.Header != nil {
		req.Header = h.Header.Clone()
	}
	req.Header.Set("Content-Type", "application/json")
	// Without a value it is not sent. It allows net/http to send the request
	// again if the connection it kept died while the function was frozen:
	// records have ids, so they may come twice.
	req.Header["X-Idempotency-Key"] = nil
	client := h.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // also so that the connection is kept
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s: %s", h.URL, resp.Status, strings.ToValidUTF8(string(said), ""))
	}
	return nil
}

// Slog logs each record as one line: with the level Info, or Error for what
// failed or timed out, and the record's members as attributes.
func Slog(logger *slog.Logger) Sink {
	return SinkFunc(func(ctx context.Context, records []Record) error {
		for i := range records {
			r := &records[i]
			level := slog.LevelInfo
			if r.Status == "FAILED" || r.Status == "TIMED_OUT" {
				level = slog.LevelError
			}
			logger.LogAttrs(ctx, level, string(r.Kind)+" "+strings.ToLower(r.Status), r.attrs()...)
		}
		return nil
	})
}

// attrs are the members of the record that say something, by their names in JSON.
func (r *Record) attrs() []slog.Attr {
	list := []slog.Attr{
		slog.String("id", r.ID), slog.String("execution", r.Execution),
		slog.Time("start", r.Start), slog.Time("end", r.End), slog.Int64("durationMs", r.DurationMillis),
	}
	for _, a := range []slog.Attr{
		slog.String("request", r.Request), slog.String("operation", r.Operation), slog.String("parent", r.Parent),
		slog.String("type", r.Type), slog.String("subType", r.SubType), slog.String("name", r.Name),
		slog.String("input", r.Input), slog.String("result", r.Result),
	} {
		if a.Value.String() != "" {
			list = append(list, a)
		}
	}
	if r.Attempts > 0 {
		list = append(list, slog.Int("attempts", r.Attempts))
	}
	if r.Error != nil {
		list = append(list, slog.Group("error", slog.String("type", r.Error.Type), slog.String("message", r.Error.Message)))
	}
	return list
}
