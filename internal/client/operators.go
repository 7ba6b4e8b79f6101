package client

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
)

// The paths of package adminapi.
const (
	ownExecutions = adminapi.Prefix + "executions"
	ownExecution  = ownExecutions + "/"
	ownFunctions  = adminapi.Prefix + "functions"
	ownWorker     = adminapi.Prefix + "workers/"
)

// get makes a GET, and post a POST.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (*T, error) {
	var out T
	_, err := c.read(ctx, call{method: http.MethodGet, path: path, query: query}, &out)
	return &out, err
}

func post[T any](ctx context.Context, c *Client, path string, in any) (*T, error) {
	var out T
	var body []byte
	if in != nil {
		body = jsonBody(in)
	}
	_, err := c.read(ctx, call{method: http.MethodPost, path: path, body: body}, &out)
	return &out, err
}

// About asks who answers.
func (c *Client) About(ctx context.Context) (*adminapi.About, error) {
	return get[adminapi.About](ctx, c, adminapi.Prefix+"about", nil)
}

// Nodes lists the nodes of the engine's fleet.
func (c *Client) Nodes(ctx context.Context) ([]adminapi.Node, error) {
	list, err := get[adminapi.NodeList](ctx, c, adminapi.Prefix+"nodes", nil)
	return list.Nodes, err
}

// Find yields the executions that req selects, from its marker to the last one, in pages of its size. An error ends the
// sequence.
func (c *Client) Find(ctx context.Context, req engine.ListRequest) iter.Seq2[*adminapi.Execution, error] {
	query := req.Filter.Values()
	if req.OldestFirst {
		query.Set("OldestFirst", "true")
	}
	if req.AttentionFirst {
		query.Set("AttentionFirst", "true")
	}
	if req.Marker != "" {
		query.Set("Marker", req.Marker)
	}
	if req.MaxItems > 0 {
		query.Set("MaxItems", strconv.Itoa(req.MaxItems))
	}
	return pages(ctx, c, ownExecutions, query,
		func(page *adminapi.ExecutionList) ([]adminapi.Execution, string) {
			return page.Executions, page.NextMarker
		}, func(e adminapi.Execution) (*adminapi.Execution, error) { return &e, nil })
}

// Count counts the executions that f selects.
func (c *Client) Count(ctx context.Context, f engine.Filter) (*adminapi.Counts, error) {
	return get[adminapi.Counts](ctx, c, adminapi.Prefix+"counts", f.Values())
}

// Explain asks why an execution is where it is.
func (c *Client) Explain(ctx context.Context, arn string) (*adminapi.Explanation, error) {
	return get[adminapi.Explanation](ctx, c, path(ownExecution, arn, "/explain"), nil)
}

// Fork starts a copy of an execution.
func (c *Client) Fork(ctx context.Context, arn string, f *adminapi.Fork) (*adminapi.Forked, error) {
	return post[adminapi.Forked](ctx, c, path(ownExecution, arn, "/fork"), f)
}

// Redrive starts a copy of an execution that did not succeed, without the operations that failed it.
func (c *Client) Redrive(ctx context.Context, arn string, f *adminapi.Fork) (*adminapi.Forked, error) {
	return post[adminapi.Forked](ctx, c, path(ownExecution, arn, "/redrive"), f)
}

// StopAll stops an execution and, as s says, what runs for it and those that it invoked. [Client.Stop] is AWS's.
func (c *Client) StopAll(ctx context.Context, arn string, s *adminapi.Stop) error {
	_, err := post[adminapi.Stopped](ctx, c, path(ownExecution, arn, "/stop"), s)
	return err
}

// Skip lets moments come early for an execution, and returns them.
func (c *Client) Skip(ctx context.Context, arn string, s *adminapi.Skip) ([]adminapi.Skipped, error) {
	out, err := post[struct{ Skipped []adminapi.Skipped }](ctx, c, path(ownExecution, arn, "/skip"), s)
	return out.Skipped, err
}

// Log returns lines of an execution's log with a Seq above after, at most 1,000.
func (c *Client) Log(ctx context.Context, arn string, after int64) ([]adminapi.LogLine, error) {
	log, err := get[adminapi.Log](ctx, c, path(ownExecution, arn, "/logs"),
		url.Values{"After": {strconv.FormatInt(after, 10)}})
	return log.Lines, err
}

// Export writes an execution to w as a file for [Client.Import]. After an error, discard what it wrote.
func (c *Client) Export(ctx context.Context, arn string, w io.Writer) error {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: path(ownExecution, arn, "/export"), patient: true})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("receiving the execution: %w", err)
	}
	return nil
}

// Import imports an execution from a file.
func (c *Client) Import(ctx context.Context, file io.Reader, how *adminapi.Import) (*adminapi.Forked, error) {
	query := url.Values{}
	if how.Fork {
		query.Set("Fork", "true")
	}
	for key, value := range map[string]string{"Name": how.Name, "Qualifier": how.Qualifier} {
		if value != "" {
			query.Set(key, value)
		}
	}
	var forked adminapi.Forked
	_, err := c.read(ctx, call{method: http.MethodPost, path: adminapi.Prefix + "import", query: query, stream: file,
		patient: true}, &forked)
	return &forked, err
}

// Functions lists all functions.
func (c *Client) Functions(ctx context.Context) ([]*adminapi.Function, error) {
	list, err := get[adminapi.FunctionList](ctx, c, ownFunctions, nil)
	return list.Functions, err
}

// DescribeFunction describes a function with its settings and figures.
func (c *Client) DescribeFunction(ctx context.Context, name string) (*adminapi.Function, error) {
	return get[adminapi.Function](ctx, c, path(ownFunctions+"/", name, ""), nil)
}

// Status says how the engine does.
func (c *Client) Status(ctx context.Context) (*adminapi.Status, error) {
	return get[adminapi.Status](ctx, c, adminapi.Prefix+"status", nil)
}

// Verify has the engine check its whole store, calls found for each problem, and returns the counts.
func (c *Client) Verify(ctx context.Context, found func(engine.Problem)) (*engine.VerifySummary, error) {
	resp, err := c.send(ctx, call{method: http.MethodPost, path: adminapi.Prefix + "verify", patient: true})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	for lines := json.NewDecoder(bufio.NewReader(resp.Body)); ; {
		var f adminapi.Finding
		err := lines.Decode(&f)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%s ended its answer too early", c.Endpoint)
		case err != nil:
			return nil, c.nonsense(err)
		case f.Error != "":
			return nil, fmt.Errorf("%s could not go on: %s", c.Endpoint, f.Error)
		case f.Summary != nil:
			return f.Summary, nil
		case f.Problem != nil:
			found(*f.Problem)
		}
	}
}

// Backup writes a consistent copy of the engine's data to w, as an archive, and returns the size. A damaged
// transfer is an error.
func (c *Client) Backup(ctx context.Context, w io.Writer) (int64, error) {
	resp, err := c.send(ctx, call{method: http.MethodPost, path: adminapi.Prefix + "backup", patient: true})
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(w, hash), resp.Body)
	if err != nil {
		return size, fmt.Errorf("receiving the backup: %w", err)
	}
	if got, want := hex.EncodeToString(hash.Sum(nil)), resp.Header.Get(adminapi.HashHeader); got != want {
		return size, fmt.Errorf("the backup arrived damaged: its hash is %s, and was %s", got, want)
	}
	return size, nil
}

// Join attaches a worker for a function, and returns its id.
func (c *Client) Join(ctx context.Context, function, from string) (*adminapi.Joined, error) {
	return post[adminapi.Joined](ctx, c, path(ownFunctions+"/", function, "/workers"), struct{ From string }{from})
}

// Next waits for an invocation for a while; nil if there was none.
func (c *Client) Next(ctx context.Context, worker string) (*adminapi.WorkerInvocation, error) {
	inv, err := post[adminapi.WorkerInvocation](ctx, c, path(ownWorker, worker, "/next"), nil)
	if err != nil || inv.RequestID == "" {
		return nil, err
	}
	return inv, nil
}

// Finish brings back how an invocation ended.
func (c *Client) Finish(ctx context.Context, worker string, o *adminapi.WorkerOutcome) error {
	_, err := post[struct{}](ctx, c, path(ownWorker, worker, "/outcome"), o)
	return err
}

// Beat says that a worker is alive, and returns the invocations that it should end.
func (c *Client) Beat(ctx context.Context, worker string, b *adminapi.WorkerBeat) (cancelled []string, err error) {
	answer, err := post[adminapi.BeatAnswer](ctx, c, path(ownWorker, worker, "/beat"), b)
	return answer.Cancelled, err
}

// Leave says that a worker takes nothing more.
func (c *Client) Leave(ctx context.Context, worker string) error {
	_, err := post[struct{}](ctx, c, path(ownWorker, worker, "/leave"), nil)
	return err
}
