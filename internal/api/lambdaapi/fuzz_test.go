package lambdaapi

import (
	"encoding/json"
	"errors"
	"github.com/perdure/perdure/internal/api/route"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/protocol"
)

// FuzzDecodeCheckpoint decodes hostile bodies. What is accepted must be of the
// right shape, and mean the same after a round trip.
func FuzzDecodeCheckpoint(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{"CheckpointToken":"YQ=="}`,
		`{"CheckpointToken":"YQ==","ClientToken":"c","Updates":[{"Id":"1","Type":"STEP","Action":"RETRY","ParentId":"p","Name":"n n","SubType":"Step","Payload":"\"","Error":{"ErrorMessage":"m","StackTrace":["a"]},"StepOptions":{"NextAttemptDelaySeconds":1}}]}`,
		`{"CheckpointToken":"YQ==","Updates":[{"Id":"1","Type":"WAIT","Action":"START","WaitOptions":{"WaitSeconds":1.5}},{"Id":"1","Type":"WAIT","Action":"CANCEL"}]}`,
		`{"CheckpointToken":"YQ==","Updates":[{"Id":"1","Type":"CALLBACK","Action":"START","CallbackOptions":{"TimeoutSeconds":0}},{"Id":"2","Type":"CHAINED_INVOKE","Action":"START","ChainedInvokeOptions":{"FunctionName":"f:1","TenantId":"t"}},{"Id":"3","Type":"CONTEXT","Action":"SUCCEED","ContextOptions":{"ReplayChildren":true}}]}`,
		`{"CheckpointToken":5}`, `{"Updates":[{}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		req, err := decodeCheckpoint(testARN, data)
		var refused *protocol.Error
		if err != nil {
			if !errors.As(err, &refused) || refused.Code != protocol.CodeSerialization && refused.Code != protocol.CodeValidation {
				t.Fatalf("got %v, want a refusal of the shape", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatal("accepted what is not JSON")
		}
		if req.Token == "" || len(req.Token) > protocol.MaxToken {
			t.Fatalf("accepted token %q", req.Token)
		}
		for _, u := range req.Updates {
			if !protocol.ValidID(u.ID, protocol.MaxOperationID) || u.Type == "" || u.Action == "" || len(u.Name) > protocol.MaxName {
				t.Fatalf("accepted update %+v", u)
			}
		}
		again, err := json.Marshal(map[string]any{"CheckpointToken": req.Token, "Updates": req.Updates})
		if err != nil {
			t.Fatal(err)
		}
		req2, err := decodeCheckpoint(testARN, again)
		if err != nil {
			return // an option of zero is left out by this encoder, and the like
		}
		req.ClientToken = ""
		if len(req.Updates) == 0 {
			req.Updates = nil
		}
		if diff := cmp.Diff(req, req2); diff != "" {
			t.Fatalf("round trip (-first +second):\n%s", diff)
		}
	})
}

// FuzzRoute routes hostile paths, and finds every subject again that a client
// escapes.
func FuzzRoute(f *testing.F) {
	for _, seed := range []string{testARN, testID, "order:7", "", "/", "%", "a/checkpoint", "..", "%2F", "+ +", "\x00\xff", "/health"} {
		f.Add("GET", "/"+url.PathEscape(seed), seed)
		f.Add("POST", executions+seed+"/stop", seed)
	}
	routes := new(api).routes()
	f.Fuzz(func(t *testing.T, method, path, subject string) {
		if u, err := url.ParseRequestURI(path); err == nil {
			op, _, err := routed(&http.Request{Method: method, URL: u})
			if (op == "") == (err == nil) {
				t.Fatalf("got %q and %v", op, err)
			}
		}
		if subject == "" || len(subject) > 1000 {
			return
		}
		for _, want := range routes {
			u, err := url.ParseRequestURI(strings.Replace(want.Path, route.Subject, url.PathEscape(subject), 1))
			if err != nil || !strings.Contains(want.Path, route.Subject) || want.Only != nil && !want.Only(url.PathEscape(subject)) {
				continue
			}
			op, got, err := routed(&http.Request{Method: want.Method, URL: u})
			if err != nil || op != want.Operation || got != subject {
				t.Fatalf("%s: got %v of %q, %v, want %s of %q", u, op, got, err, want.Operation, subject)
			}
		}
	})
}
