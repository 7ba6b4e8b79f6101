package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/perdure/perdure/protocol"
)

// Client calls an engine's API. A refusal is a *[protocol.Error] with the engine's
// own message. It may be used concurrently if HTTP may.
type Client struct {
	// Endpoint is the engine's URL, without a slash at its end.
	Endpoint string
	// HTTP sends the requests; nil is [http.DefaultClient].
	HTTP interface {
		Do(*http.Request) (*http.Response, error)
	}
}

// path puts a subject into a route's path.
func path(before, subject, after string) string { return before + url.PathEscape(subject) + after }

// call sends in, unless it is nil, and reads the answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	answer, err := c.open(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	data, err := io.ReadAll(answer)
	if err != nil || out == nil || len(data) == 0 {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s answered what is not an answer of a Perdure engine: %w", c.Endpoint, err)
	}
	return nil
}

// open sends a request and returns the body of its answer, which the caller closes.
func (c *Client) open(ctx context.Context, method, path string, query url.Values, body io.Reader) (io.ReadCloser, error) {
	resp, err := c.send(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// send is open for callers who want the answer's header, too.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	target := c.Endpoint + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, c.refusal(resp)
	}
	return resp, nil
}

func (c *Client) do(req *http.Request) (*http.Response, error) {
	if c.HTTP == nil {
		return http.DefaultClient.Do(req)
	}
	return c.HTTP.Do(req)
}

// refusal reads an error's answer.
func (c *Client) refusal(resp *http.Response) error {
	const most = 64 << 10
	var doc struct {
		Message string `json:"message"` // or Message: the decoder does not mind
	}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, most))
	code := resp.Header.Get("X-Amzn-Errortype")
	if json.Unmarshal(data, &doc) != nil || code == "" {
		return fmt.Errorf("%s answered %s, which no Perdure engine says", c.Endpoint, resp.Status)
	}
	return protocol.Errorf(protocol.Code(code), "%s", doc.Message)
}
