// Package client is the command's client of an engine, for the Lambda API and our own, with one way to sign, to
// wait and to be refused.
//
//	client.go      how a request is made, signed, sent and answered
//	executions.go  executions and callbacks, by the Lambda API
//	functions.go   functions, versions and aliases, by the Lambda API
//	operators.go   the routes of package adminapi
//	forward.go     the requests of functions, sent on
//
// Answers are kept as they came, too: JSON is printed as the engine wrote it, with members that our types do not
// have.
//
// A refusal is a *[protocol.Error] with the engine's code and message; any other error happened on the way.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
)

// Client calls one engine. It may be used concurrently.
type Client struct {
	// Endpoint is the engine's URL, without a slash at its end.
	Endpoint string
	// Key signs the requests. An engine on loopback takes anything.
	Key sign.Credentials
	// Region is the one that signatures are for; empty is that of an engine, which takes any.
	Region string
	// Caller is told to the engine with each request, for its records of who did what; empty is nobody.
	Caller string
	// Transport carries the requests; nil is [http.DefaultTransport].
	Transport http.RoundTripper
}

// signers sign for a region each.
var signers sync.Map // of string: *sign.Signer

// patience bounds the time for an answer, unless the request reads all that an engine has.
const patience = time.Minute

type call struct {
	method, path string
	query        url.Values
	header       map[string]string
	body         []byte
	stream       io.Reader // in place of body, if it is streamed
	patient      bool      // the answer may take as long as it likes
}

// path puts a subject into a route's path.
func path(before, subject, after string) string { return before + url.PathEscape(subject) + after }

// jsonBody is v as a body. Requests can always be encoded.
func jsonBody(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("client: %v", err))
	}
	return data
}

// read makes a call, and reads the answer into out, unless that is nil. It also returns the answer as it came.
func (c *Client) read(ctx context.Context, in call, out any) (json.RawMessage, error) {
	resp, err := c.send(ctx, in)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || out == nil || len(data) == 0 {
		return data, err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, c.nonsense(err)
	}
	return data, nil
}

// nonsense is an answer that cannot be read.
func (c *Client) nonsense(err error) error {
	return fmt.Errorf("%s answered what is not an answer of a Perdure engine: %w", c.Endpoint, err)
}

// send makes a call. The caller closes the body of the answer.
func (c *Client) send(ctx context.Context, in call) (*http.Response, error) {
	req, err := c.request(ctx, in)
	if err != nil {
		return nil, err
	}
	to := http.Client{Transport: c.Transport, Timeout: patience}
	if in.patient {
		to.Timeout = 0
	}
	resp, err := to.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, c.refusal(resp)
	}
	return resp, nil
}

// request makes the signed request of a call.
func (c *Client) request(ctx context.Context, in call) (*http.Request, error) {
	target := c.Endpoint + in.path
	if len(in.query) > 0 {
		target += "?" + queryText(in.query)
	}
	body := cmp.Or[io.Reader](in.stream, bytes.NewReader(in.body))
	req, err := http.NewRequestWithContext(ctx, in.method, target, body)
	if err != nil {
		return nil, err
	}
	for name, value := range in.header {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if c.Caller != "" && in.method != http.MethodGet {
		req.Header.Set(route.CallerHeader, c.Caller)
	}
	if in.stream != nil {
		req.Header.Set("X-Amz-Content-Sha256", sign.Unsigned)
	}
	if in.stream != nil || len(in.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	c.Sign(req, in.body)
	return req, nil
}

// queryText is a query as it is signed: sorted, and with spaces as %20.
func queryText(query url.Values) string { return strings.ReplaceAll(query.Encode(), "+", "%20") }

// Sign signs another program's request with the client's key. With a nil body there is none, or the header says
// that the signature does not cover it.
func (c *Client) Sign(req *http.Request, body []byte) {
	region := cmp.Or(c.Region, "us-east-1")
	signer, ok := signers.Load(region)
	if !ok {
		signer, _ = signers.LoadOrStore(region, &sign.Signer{Region: region})
	}
	signer.(*sign.Signer).Sign(req, body, c.Key, time.Now())
}

// refusal reads an error's answer.
func (c *Client) refusal(resp *http.Response) error {
	const most = 64 << 10
	var doc struct {
		Message string `json:"message"` // or Message: the decoder accepts both
	}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, most))
	code, _, _ := strings.Cut(resp.Header.Get("X-Amzn-Errortype"), ":") // AWS may add a URL
	if json.Unmarshal(data, &doc) != nil || code == "" {
		return &StrangeError{c.Endpoint, resp.Status, resp.StatusCode}
	}
	return protocol.Errorf(protocol.Code(code), "%s", cmp.Or(doc.Message, resp.Status))
}

// StrangeError is an answer that no engine gives: a proxy's, say, or that of another server.
type StrangeError struct {
	Endpoint, Status string
	StatusCode       int
}

func (e *StrangeError) Error() string {
	return fmt.Sprintf("%s answered %s, which no Perdure engine says", e.Endpoint, e.Status)
}

// pages yields the items of all pages of a list, made by read. open takes a page apart: its items, and the marker of
// the next page, empty on the last one.
func pages[P, I, T any](
	ctx context.Context, c *Client, path string, query url.Values, open func(page *P) (items []I, next string),
	read func(item I) (T, error),
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		query := maps.Clone(query)
		if query == nil {
			query = url.Values{}
		}
		for {
			var page P
			if _, err := c.read(ctx, call{method: http.MethodGet, path: path, query: query}, &page); err != nil {
				yield(none, err)
				return
			}
			items, next := open(&page)
			for _, item := range items {
				if value, err := read(item); !yield(value, err) || err != nil {
					return
				}
			}
			if next == "" {
				return
			}
			query.Set("Marker", next)
		}
	}
}

// whole is for items that come complete in their page.
func whole[T any](item T) (T, error) { return item, nil }
