package transport

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
)

// Signatures are those of the AWS SDK, whatever is in the path, the query and
// the body.
func TestSignAsTheAWSSDK(t *testing.T) {
	s := &sign.Signer{Region: "eu-west-1"}
	rapid.Check(t, func(t *rapid.T) {
		c := &lambdaClient{userAgent: []string{"perdure/test"}}
		c.endpoint, _ = parseEndpoint(rapid.SampledFrom([]string{
			"https://lambda.eu-west-1.amazonaws.com", "http://127.0.0.1:9500", "http://[::1]:9500/a/b%20c/", "https://h:443", "http://h:80/",
		}).Draw(t, "endpoint"))
		call := &apiCall{
			method: rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method"),
			arn:    rapid.OneOf(rapid.Just(ownARN), rapid.StringN(1, 40, -1)).Draw(t, "arn"), path: "/checkpoint",
		}
		if call.method == "GET" {
			call.query = "CheckpointToken=" + string(protocol.AppendEscaped(nil, rapid.StringMatching(`[A-Za-z0-9+/]{0,30}={0,2}`).Draw(t, "token"), 0)) + "&MaxItems=1000"
		} else {
			call.body = []byte(rapid.String().Draw(t, "body"))
		}
		creds := sign.Credentials{
			KeyID: "AKID", Secret: rapid.StringN(1, 40, -1).Draw(t, "secret"),
			Session: rapid.StringMatching(`[A-Za-z0-9+/=]{0,20}`).Draw(t, "session"),
		}
		at := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), 0)

		ours, err := c.request(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		theirs := ours.Clone(t.Context())
		theirs.Header.Del("X-Idempotency-Key") // is not sent
		s.Sign(ours, call.body, creds, at)
		hash := sha256.Sum256(call.body)
		err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{
			AccessKeyID: creds.KeyID, SecretAccessKey: creds.Secret, SessionToken: creds.Session,
		}, theirs, hex.EncodeToString(hash[:]), "lambda", "eu-west-1", at)
		if err != nil {
			t.Fatal(err)
		}
		delete(ours.Header, "X-Idempotency-Key")
		if diff := cmp.Diff(theirs.Header, ours.Header); diff != "" {
			t.Errorf("headers (-AWS SDK +ours):\n%s", diff)
		}
		if theirs.URL.RequestURI() != ours.URL.RequestURI() {
			t.Errorf("the AWS SDK would send %s, we send %s", theirs.URL.RequestURI(), ours.URL.RequestURI())
		}
	})
}

// An execution's ARN is one segment of the path, and is there to be read back.
func TestPathOfAnExecution(t *testing.T) {
	c := &lambdaClient{}
	c.endpoint, _ = parseEndpoint("http://127.0.0.1:1/base/")
	req, err := c.request(t.Context(), &apiCall{method: "GET", arn: ownARN, path: "/state", query: "a=b"})
	if err != nil {
		t.Fatal(err)
	}
	want := "/base/2025-12-01/durable-executions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af%3A%24LATEST%2Fdurable-execution%2Fn%2Fexec/state?a=b"
	if got := req.URL.RequestURI(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back, err := url.PathUnescape(strings.Split(req.URL.EscapedPath(), "/")[4])
	if err != nil || back != ownARN {
		t.Errorf("got %s %v back", back, err)
	}
}

const ownARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/n/exec"
