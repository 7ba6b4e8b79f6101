// Package transport connects a durable function with the service: it reads the envelope of an invocation, and makes
// the two calls of the Lambda API that record an execution, signed, with retries, from the environment that Lambda
// sets. Package durable decides what to call.
package transport

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/sdk/loopback"
	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
)

// Client makes the two calls of the Lambda API that a durable function needs. It reads the environment when first
// used, which a function that starts need not wait for.
type Client struct{ connect func() (*lambdaClient, error) }

// NewClient makes a client for the environment that Lambda sets.
func NewClient() *Client { return &Client{sync.OnceValues(connect)} }

// Checkpoint records updates, all or none. The ClientToken stays the same however often the request is sent, so a
// lost reply is not a lost checkpoint.
func (c *Client) Checkpoint(ctx context.Context, req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	client, err := c.connect()
	if err != nil {
		return nil, err
	}
	return client.Checkpoint(ctx, req)
}

// State reads one page of the execution's operations.
func (c *Client) State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	client, err := c.connect()
	if err != nil {
		return nil, err
	}
	return client.State(ctx, req)
}

// lambdaClient is a [Client] that has read the environment. AWS's client has ninety more calls, which would cost
// every function size and start-up; a test compares the two.
type lambdaClient struct {
	endpoint  url.URL // its paths do not end in a slash
	transport http.RoundTripper
	signer    *sign.Signer     // nil leaves requests unsigned
	door      *loopback.Client // to the engine that started this process; nil for others
	bodies    sync.Pool        // of *[]byte
	userAgent []string
	backoff   time.Duration // at most, before the second attempt; twice that before the third
}

// connect reads the environment that Lambda sets, and nothing else. Without credentials, requests to an explicit
// endpoint are not signed.
func connect() (*lambdaClient, error) {
	region := firstEnv("AWS_REGION", "AWS_DEFAULT_REGION")
	if region == "" {
		return nil, errors.New("perdure: AWS_REGION is not set; on Lambda and under perdure it always is")
	}
	c := &lambdaClient{
		transport: newTransport(),
		signer:    &sign.Signer{Region: region},
		userAgent: []string{"perdure/" + version()},
		backoff:   callBackoff,
	}
	custom := firstEnv("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL")
	if custom == "" {
		c.endpoint = url.URL{Scheme: "https", Host: "lambda." + region + "." + sign.Domain(region)}
		return c, nil
	}
	if os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		c.signer = nil
	}
	var err error
	if c.endpoint, err = parseEndpoint(custom); err != nil {
		return nil, err
	}
	// An engine serves the Runtime API and the Lambda API for functions on one port.
	if engine, _, ok := loopback.Engine(); ok && c.endpoint.Scheme == "http" && c.endpoint.Host == engine {
		c.door = loopback.NewClient(engine)
	}
	return c, nil
}

func firstEnv(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}

func parseEndpoint(s string) (url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return url.URL{}, fmt.Errorf("perdure: the endpoint of the Lambda API is set to %q; AWS_ENDPOINT_URL_LAMBDA "+
			"and AWS_ENDPOINT_URL hold a URL such as http://127.0.0.1:3001", s)
	}
	host := u.Host // the signature covers the host as sent, without the default port
	if u.Port() == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host = strings.TrimSuffix(host, ":"+u.Port())
	}
	return url.URL{
		Scheme: u.Scheme, Host: host,
		Path: strings.TrimRight(u.Path, "/"), RawPath: strings.TrimRight(u.EscapedPath(), "/"),
	}, nil
}

// newTransport has the time limits of the service's other SDKs; callTimeout bounds a whole call. Connections stay
// alive over checkpoints and invocations.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment, // which never applies to loopback
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 50 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
	}
}

// version is the version of this module within the program.
func version() string {
	const module = "github.com/perdure/perdure"
	v := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Path == module {
			v = info.Main.Version
		}
		for _, dep := range info.Deps {
			if dep.Path == module {
				v = dep.Version
			}
		}
	}
	if v == "" || v == "(devel)" {
		return "devel"
	}
	return strings.TrimPrefix(v, "v")
}

func (c *lambdaClient) Checkpoint(ctx context.Context,
	req *protocol.CheckpointRequest) (*protocol.CheckpointReply, error) {
	body := c.takeBody()
	defer c.giveBody(body)
	*body = protocol.AppendCheckpoint((*body)[:0], req.Token, newUUID(), req.Updates)
	var reply *protocol.CheckpointReply
	var marker string
	err := c.call(ctx, &apiCall{
		name: "CheckpointDurableExecution", method: http.MethodPost, arn: req.ExecutionARN, path: "/checkpoint",
		body:    *body,
		minimal: req.Minimal,
	}, func(body []byte) (err error) {
		reply, marker, err = readCheckpointReply(body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return reply, c.rest(ctx, req.ExecutionARN, marker, reply)
}

// takeBody returns a buffer for the body of a request, until giveBody. Only requests through a door share buffers:
// net/http may read a body for a while after the reply.
func (c *lambdaClient) takeBody() *[]byte {
	if c.door != nil {
		if body, ok := c.bodies.Get().(*[]byte); ok {
			return body
		}
	}
	return new([]byte)
}

func (c *lambdaClient) giveBody(body *[]byte) {
	const most = 1 << 20
	if c.door != nil && cap(*body) <= most {
		c.bodies.Put(body)
	}
}

// rest adds the further pages of a checkpoint's reply.
func (c *lambdaClient) rest(ctx context.Context, arn, marker string, reply *protocol.CheckpointReply) error {
	for marker != "" && reply.Token != "" {
		page, err := c.State(ctx, &protocol.StateRequest{ExecutionARN: arn, Token: reply.Token, Marker: marker,
			MaxItems: protocol.MaxPage})
		if err != nil {
			return err
		}
		reply.Operations, marker = append(reply.Operations, page.Operations...), page.NextMarker
	}
	return nil
}

func (c *lambdaClient) State(ctx context.Context, req *protocol.StateRequest) (*protocol.StateReply, error) {
	query := protocol.AppendEscaped([]byte("CheckpointToken="), req.Token, 0)
	if req.Marker != "" {
		query = protocol.AppendEscaped(append(query, "&Marker="...), req.Marker, 0)
	}
	if req.MaxItems > 0 {
		query = strconv.AppendInt(append(query, "&MaxItems="...), int64(req.MaxItems), 10)
	}
	var reply *protocol.StateReply
	err := c.call(ctx, &apiCall{
		name: "GetDurableExecutionState", method: http.MethodGet, arn: req.ExecutionARN, path: "/state",
		query: string(query),
	}, func(body []byte) (err error) {
		reply, err = readStateReply(body)
		return err
	})
	return reply, err
}

// newUUID is a random UUID.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, []byte{c})
	}
	return string(text)
}
