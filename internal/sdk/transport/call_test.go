package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

// scripted is a transport that answers with one function after the other; the
// last one stays.
type scripted struct {
	t       *testing.T
	answers []func(*http.Request) (*http.Response, error)
	at      []time.Duration // since start
	start   time.Time
	bodies  []map[string]any
}

func (s *scripted) RoundTrip(req *http.Request) (*http.Response, error) {
	s.at = append(s.at, time.Since(s.start))
	if req.Body != nil {
		var body map[string]any
		if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
			s.t.Error(err)
		}
		req.Body.Close()
		s.bodies = append(s.bodies, body)
	}
	return s.answers[min(len(s.at), len(s.answers))-1](req)
}

// client is a client whose requests s answers, with a back-off of nothing to d.
func (s *scripted) client(t *testing.T, d time.Duration) *lambdaClient {
	s.t, s.start = t, time.Now()
	return &lambdaClient{transport: s, backoff: d, signer: nil}
}

type answer = func(*http.Request) (*http.Response, error)

func status(code int, body string, header ...string) answer {
	return func(*http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
			ContentLength: int64(len(body))}
		for i := 0; i < len(header); i += 2 {
			resp.Header.Set(header[i], header[i+1])
		}
		return resp, nil
	}
}

func broken(err error) answer {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// silent never answers.
func silent(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// halfway breaks off in the middle of the reply.
func halfway(*http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader(`{"CheckpointToken":`), iotest.ErrReader(io.ErrUnexpectedEOF))
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: -1}, nil
}

var (
	fine    = status(200, `{"CheckpointToken":"b","NewExecutionState":{"Operations":[],"NextMarker":""}}`)
	refused = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
)

// What is tried again, how often, and what for.
func TestCallAttempts(t *testing.T) {
	tests := map[string]struct {
		answers []answer
		want    int // attempts
		ok      bool
	}{
		"fine":                        {[]answer{fine}, 1, true},
		"connection refused":          {[]answer{broken(refused), fine}, 2, true},
		"lost reply":                  {[]answer{broken(io.EOF), broken(io.ErrUnexpectedEOF), fine}, 3, true},
		"reply broken off":            {[]answer{halfway, fine}, 2, true},
		"no reply":                    {[]answer{silent, fine}, 2, true},
		"always lost":                 {[]answer{broken(io.EOF)}, 3, false},
		"never a reply":               {[]answer{silent}, 3, false},
		"server error":                {[]answer{status(500, `{"Message":"m"}`, "x-amzn-ErrorType", "ServiceException"), fine}, 2, true},
		"gateway":                     {[]answer{status(502, "<html>"), status(503, ""), fine}, 3, true},
		"throttled":                   {[]answer{status(429, `{}`, "x-amzn-ErrorType", "TooManyRequestsException"), fine}, 2, true},
		"throttled, by an older word": {[]answer{status(400, `{"__type":"ThrottlingException"}`), fine}, 2, true},
		"always throttled":            {[]answer{status(429, `{}`)}, 3, false},
		"refused":                     {[]answer{status(400, `{}`, "x-amzn-ErrorType", "InvalidParameterValueException"), fine}, 1, false},
		"forbidden":                   {[]answer{status(403, `{}`), fine}, 1, false},
		"redirected":                  {[]answer{status(307, ``, "Location", "http://example.com"), fine}, 1, false},
		"no such host":                {[]answer{broken(&net.DNSError{IsNotFound: true}), fine}, 1, false},
		"not a reply":                 {[]answer{status(200, "<html>"), fine}, 1, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{answers: tt.answers}
				reply, err := s.client(t, callBackoff).Checkpoint(t.Context(),
					&protocol.CheckpointRequest{ExecutionARN: ownARN, Token: "a"})
				if got := len(s.at); got != tt.want || (err == nil) != tt.ok || tt.ok && reply.Token != "b" {
					t.Errorf("got %+v %v after %d attempts, want success %v after %d", reply, err, got, tt.ok, tt.want)
				}
				for _, body := range s.bodies {
					if diff := cmp.Diff(s.bodies[0], body); diff != "" || body["ClientToken"] == nil {
						t.Errorf("attempts differ, or have no ClientToken:\n%s", diff)
					}
				}
			})
		})
	}
}

// Each checkpoint has a ClientToken of its own.
func TestClientTokens(t *testing.T) {
	s := &scripted{answers: []answer{fine}}
	c := s.client(t, 0)
	for range 2 {
		if _, err := c.Checkpoint(t.Context(), &protocol.CheckpointRequest{ExecutionARN: ownARN, Token: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := s.bodies[0]["ClientToken"], s.bodies[1]["ClientToken"]; a == b || len(a.(string)) != 36 {
		t.Errorf("got client tokens %v and %v", a, b)
	}
}

func TestCallBackoff(t *testing.T) {
	call := func(t *testing.T, ctx context.Context, answers ...answer) ([]time.Duration, error) {
		s := &scripted{answers: answers}
		_, err := s.client(t, callBackoff).State(ctx, &protocol.StateRequest{ExecutionARN: ownARN, Token: "a"})
		return s.at, err
	}
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			at, _ := call(t, t.Context(), broken(refused))
			if first, second := at[1], at[2]-at[1]; first > callBackoff || second > 2*callBackoff {
				t.Fatalf("waited %v and %v", first, second)
			}
		}
		for header, want := range map[string]time.Duration{
			"7": 7 * time.Second, "1000": maxRetryAfter, "-1": 0, "soon": 0,
			time.Now().Add(9 * time.Second).UTC().Format(http.TimeFormat): 0, // it is later by now
		} {
			at, _ := call(t, t.Context(), status(429, "", "Retry-After", header), fine)
			if at[1] < want || at[1] > max(want, callBackoff) && want > 0 {
				t.Errorf("Retry-After %s: waited %v, want at least %v", header, at[1], want)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) { // each attempt has its time, and the invocation has, too
		if at, err := call(t, t.Context(), silent); at[1] < callTimeout || at[2] < 2*callTimeout ||
			!errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("attempts after %v: %v", at, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		start := time.Now()
		at, err := call(t, ctx, silent)
		if took := time.Since(start); len(at) != 2 || took != 60*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d attempts in %v: %v", len(at), took, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // no waiting for what would come too late
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		at, err := call(t, ctx, status(429, "", "Retry-After", "6"))
		var refused *apiError
		if took := time.Since(start); len(at) != 1 || took != 0 || !errors.As(err, &refused) || refused.HTTPStatusCode() != 429 {
			t.Errorf("%d attempts in %v: %v", len(at), took, err)
		}
		cancel()
		if at, err = call(t, ctx, silent); len(at) != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d attempts of a cancelled call: %v", len(at), err)
		}
	})
}

func TestReplySize(t *testing.T) {
	for size, ok := range map[int]bool{0: true, 999: true, 1000: true, 1001: false, 5000: false} {
		for _, length := range []int64{-1, int64(size), 1 << 40} { // as it says
			resp := &http.Response{Body: io.NopCloser(strings.NewReader(strings.Repeat("x", size))), ContentLength: length}
			body, err := readBody("Op", resp, 1000)
			if (err == nil) != ok || ok && len(body) != size {
				t.Errorf("%d bytes: got %d, %v; want success %v", size, len(body), err, ok)
			}
			if _, again := another(err); again {
				t.Errorf("%d bytes: %v would be tried again", size, err)
			}
		}
	}
	large := strings.Repeat("x", protocol.MaxPayload)
	s := &scripted{answers: []answer{status(200, `{"Operations":[{"StepDetails":{"Result":"`+large+`"}}]}`)}}
	reply, err := s.client(t, 0).State(t.Context(), &protocol.StateRequest{ExecutionARN: ownARN, Token: "a"})
	if err != nil || *reply.Operations[0].Payload != large {
		t.Errorf("got %v of a large reply", err)
	}
}

// A checkpoint's reply may have further pages.
func TestCheckpointPages(t *testing.T) {
	var queries []string
	page := func(op, marker string) answer {
		return func(req *http.Request) (*http.Response, error) {
			queries = append(queries, req.URL.RawQuery)
			ops := fmt.Sprintf(`"Operations":[{"Id":%q,"Type":"STEP","Status":"READY","StartTimestamp":1.5}],"NextMarker":%q`, op, marker)
			if req.Method == "POST" {
				return status(200, `{"CheckpointToken":"b+","NewExecutionState":{`+ops+`}}`)(req)
			}
			return status(200, "{"+ops+"}")(req)
		}
	}
	s := &scripted{answers: []answer{page("1", "m/"), page("2", "n"), page("3", "")}}
	reply, err := s.client(t, 0).Checkpoint(t.Context(), &protocol.CheckpointRequest{ExecutionARN: ownARN, Token: "a"})
	if err != nil {
		t.Fatal(err)
	}
	op := func(id string) *protocol.Operation {
		return &protocol.Operation{ID: id, Type: "STEP", Status: "READY", Start: 1500}
	}
	if diff := cmp.Diff(&protocol.CheckpointReply{Token: "b+", Operations: []*protocol.Operation{op("1"), op("2"), op("3")}},
		reply); diff != "" {
		t.Errorf("reply (-want +got):\n%s", diff)
	}
	want := []string{"", "CheckpointToken=b%2B&Marker=m%2F&MaxItems=1000", "CheckpointToken=b%2B&Marker=n&MaxItems=1000"}
	if diff := cmp.Diff(want, queries); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
}

func TestRequestHeaders(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	c, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	for trace, want := range map[string]string{"Root=1-a-b;Sampled=1": "Root=1-a-b;Sampled=1", "a\nb": "", "": ""} {
		//lint:ignore SA1029 it is the key that the Lambda runtime uses
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", trace)
		req, err := c.request(ctx, &apiCall{method: "GET", arn: ownARN})
		if err != nil {
			t.Fatal(err)
		}
		if got := req.Header.Get("X-Amzn-Trace-Id"); got != want {
			t.Errorf("got trace %q, want %q", got, want)
		}
		if got, want := req.UserAgent(), "perdure/devel"; got != want {
			t.Errorf("got user agent %q, want %q", got, want)
		}
	}
}
