package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/perdure/perdure/protocol"
)

// FuzzRequest: whatever a stranger sends is refused, in words.
func FuzzRequest(f *testing.F) {
	scope := "AKIDEXAMPLE/20260304/us-east-1/lambda/aws4_request"
	mac := strings.Repeat("0a", 32)
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /a?b=c HTTP/1.1\r\nHost: localhost\r\nX-Amz-Date: 20260304T050607Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=" + scope +
			", SignedHeaders=host;x-amz-date, Signature=" + mac + "\r\n\r\n",
		"GET /a%2Fb//..?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(scope) +
			"&X-Amz-Date=20260304T050607Z&X-Amz-Expires=60" +
			"&X-Amz-SignedHeaders=host&X-Amz-Signature=" + mac + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
		if err != nil {
			return
		}
		p, err := Parse(r)
		if err == nil {
			_ = p.Fresh(signed)
			err = p.Verify(r, secret, sha256.Sum256(nil))
		}
		var refusal *protocol.Error
		if !errors.As(err, &refusal) || refusal.Message == "" {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

// FuzzSigned: whatever the AWS SDK signs is accepted, and its signature is not
// good for another method.
func FuzzSigned(f *testing.F) {
	f.Add("/2025-12-01/durable-executions/"+arn, "a=b&a=c&%20=%2B", "text/plain", "body")
	f.Add("/a b/$LATEST//..;", "x;y=1", " a  b ", "")
	f.Fuzz(func(t *testing.T, path, query, header, body string) {
		raw := "http://localhost" + path
		if query != "" {
			raw += "?" + query
		}
		u, err := url.Parse(raw)
		if err != nil || u.Host != "localhost" || u.Fragment != "" || strings.ContainsAny(header, "\r\n\t\x00") ||
			strings.Contains(query, ";") {
			return // is not sent by anybody, or the SDK drops a part before it signs
		}
		if values, err := url.ParseQuery(u.RawQuery); err != nil || values.Has("X-Amz-Signature") || values.Has("X-Amz-Algorithm") {
			return
		}
		r := &http.Request{Method: "POST", URL: u, Host: u.Host, Header: http.Header{"Content-Type": {header}}}
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(t.Context(), key, r, hex.EncodeToString(sum[:]), "lambda", "us-east-1", signed); err != nil {
			return
		}
		var sent bytes.Buffer
		if err := r.Write(&sent); err != nil {
			return
		}
		if r, err = http.ReadRequest(bufio.NewReader(&sent)); err != nil {
			return
		}
		p, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Verify(r, secret, sum); err != nil {
			t.Errorf("%q: %v", u, err)
		}
		r.Method = "PUT"
		if p.Verify(r, secret, sum) == nil {
			t.Error("another method was accepted")
		}
	})
}
