package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/perdure/perdure/protocol"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	arn    = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aorder%3A%24LATEST%2Fdurable-execution%2Ffirst%2F0b1c"
)

var signed = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

var key = aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}

// request is what a server is handed when a client sends it.
func request(method, url, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	if body != "" {
		r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	}
	return r
}

// sign signs r as the AWS SDK for Go does.
func sign(t *testing.T, r *http.Request, key aws.Credentials, body string) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), key, r, hex.EncodeToString(sum[:]), "lambda", "eu-west-1", signed); err != nil {
		t.Fatal(err)
	}
}

// check is what a server does with r.
func check(r *http.Request, now time.Time) error {
	p, err := Parse(r)
	if err != nil {
		return err
	}
	if err := p.Fresh(now); err != nil {
		return err
	}
	if p.KeyID != keyID {
		return errors.New("another key")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return p.Verify(r, secret, sha256.Sum256(body))
}

// TestAWSSigner: what the AWS SDK signs is true.
func TestAWSSigner(t *testing.T) {
	for _, test := range []struct {
		name, method, url, body string
		header                  []string
	}{
		{"plain", "GET", "http://localhost:3001/2015-03-31/functions", "", nil},
		{"no path", "GET", "http://localhost:3001", "", nil},
		{"escaped ARN", "POST", "https://perdure.example/2025-12-01/durable-executions/" + arn + "/checkpoint", `{"CheckpointToken":"a"}`,
			[]string{"Content-Type", "application/json"}},
		{"raw ARN", "GET", "http://localhost/2025-12-01/durable-executions/a:b:$LATEST/c/d", "", nil},
		{"dots and slashes", "GET", "http://localhost/2025-12-01//durable-executions/../x/", "", nil},
		{"query", "GET", "http://localhost/a?Statuses=RUNNING&Statuses=FAILED&Marker=a%2Bb%2F%3D&Empty=&b=%20c&Z=1", "", nil},
		{"headers", "POST", "http://localhost/2015-03-31/functions/f/invocations?Qualifier=%24LATEST", "{}",
			[]string{"X-Amz-Invocation-Type", "Event", "X-Amz-Durable-Execution-Name", "  two   words ", "Accept", "a", "Accept", "b"}},
		{"unicode", "GET", "http://localhost/%C3%A4?%C3%B6=%C3%BC", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := request(test.method, test.url, test.body, test.header...)
			sign(t, r, key, test.body)
			if err := check(r, signed); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSessionTokenIsIgnored(t *testing.T) {
	r := request("GET", "http://localhost/", "")
	withSession := key
	withSession.SessionToken = "session"
	sign(t, r, withSession, "")
	if err := check(r, signed); err != nil {
		t.Error(err)
	}
}

// TestPresigned: a URL that the AWS SDK presigned is true for as long as it says.
func TestPresigned(t *testing.T) {
	sum := sha256.Sum256(nil)
	r := request("POST", "http://localhost/2025-12-01/durable-execution-callbacks/YQ%3D%3D/succeed?X-Amz-Expires=3600", "")
	url, header, err := v4.NewSigner().PresignHTTP(t.Context(), key, r, hex.EncodeToString(sum[:]), "lambda", "us-east-1", signed)
	if err != nil {
		t.Fatal(err)
	}
	presigned := request("POST", url, "")
	presigned.Header = header
	for _, test := range []struct {
		after   time.Duration
		message string
	}{
		{0, ""},
		{time.Hour, ""},
		{-5 * time.Minute, ""},
		{-5*time.Minute - time.Second, "Signature not yet current: 20260304T050607Z is still later than 20260304T050606Z " +
			"(20260304T050106Z + 5 min.)"},
		{time.Hour + time.Second, "Signature expired: 20260304T060607Z is now earlier than 20260304T060608Z"},
	} {
		wantRefusal(t, check(presigned, signed.Add(test.after)), protocol.CodeInvalidSignature, test.message)
	}
	presigned.URL.RawQuery += "&Extra=1"
	wantRefusal(t, check(presigned, signed), protocol.CodeInvalidSignature, mismatch)
}

// TestUnsignedPayload: a client may leave the body out, and must say so.
func TestUnsignedPayload(t *testing.T) {
	r := request("POST", "https://localhost/x", "body", "X-Amz-Content-Sha256", Unsigned)
	if err := v4.NewSigner().SignHTTP(t.Context(), key, r, Unsigned, "lambda", "us-east-1", signed); err != nil {
		t.Fatal(err)
	}
	p, err := Parse(r)
	if err != nil || p.NeedsBody() {
		t.Fatalf("got %v, needs body: %v", err, p.NeedsBody())
	}
	if err := check(r, signed); err != nil {
		t.Error(err)
	}
	r.Header.Del("X-Amz-Content-Sha256")
	wantRefusal(t, check(r, signed), protocol.CodeInvalidSignature, mismatch)
}

const mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

func wantRefusal(t *testing.T, err error, code protocol.Code, message string) {
	t.Helper()
	if message == "" {
		if err != nil {
			t.Errorf("got %v, want none", err)
		}
		return
	}
	var refusal *protocol.Error
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Message != message {
		t.Errorf("got  %v\nwant %s: %s", err, code, message)
	}
}

// TestTampered: nothing that a request means can be changed.
func TestTampered(t *testing.T) {
	for name, tamper := range map[string]func(*http.Request){
		"method": func(r *http.Request) { r.Method = "PUT" },
		"path":   func(r *http.Request) { r.URL.Path = "/2015-03-31/functions/g/invocations" },
		"path that cleans to the same": func(r *http.Request) {
			r.URL.Path = "/x/.." + r.URL.Path
		},
		"escaped once more": func(r *http.Request) { r.URL.RawPath = "/2015-03-31/functions/%66/invocations" },
		"query":             func(r *http.Request) { r.URL.RawQuery += "&Qualifier=2" },
		"query as a space":  func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "%2B", "+", 1) },
		"host":              func(r *http.Request) { r.Host = "other" },
		"header":            func(r *http.Request) { r.Header.Set("X-Amz-Invocation-Type", "DryRun") },
		"second value":      func(r *http.Request) { r.Header.Add("X-Amz-Invocation-Type", "DryRun") },
		"header taken":      func(r *http.Request) { r.Header.Del("X-Amz-Invocation-Type") },
		"body":              func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"a":2}`)) },
		"time":              func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260304T050608Z") },
		"region": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "eu-west-1", "us-east-1", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := request("POST", "http://localhost/2015-03-31/functions/f/invocations?a=b%2Bc", `{"a":1}`, "X-Amz-Invocation-Type", "Event")
			sign(t, r, key, `{"a":1}`)
			tamper(r)
			wantRefusal(t, check(r, signed), protocol.CodeInvalidSignature, mismatch)
		})
	}
}

// TestRefusals has the texts that AWS has.
func TestRefusals(t *testing.T) {
	authorization := func(change func(string) string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", change(r.Header.Get("Authorization"))) }
	}
	swap := func(old, new string) func(*http.Request) {
		return authorization(func(a string) string { return strings.Replace(a, old, new, 1) })
	}
	const date = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
	for _, test := range []struct {
		name    string
		change  func(*http.Request)
		code    protocol.Code
		message string
	}{
		{"none", func(r *http.Request) { r.Header.Del("Authorization") }, protocol.CodeMissingToken, "Missing Authentication Token"},
		{"two", func(r *http.Request) { r.Header.Add("Authorization", "x") }, protocol.CodeIncompleteSignature,
			"Only one way of authentication is allowed in a request."},
		{"two ways", func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=00" }, protocol.CodeIncompleteSignature,
			"Only one way of authentication is allowed in a request."},
		{"basic", authorization(func(string) string { return "Basic YTpi" }), protocol.CodeIncompleteSignature,
			"Authorization header requires the algorithm 'AWS4-HMAC-SHA256'."},
		{"endless", authorization(func(a string) string { return a + strings.Repeat(",", maxProof) }), protocol.CodeIncompleteSignature,
			"Authorization header requires the algorithm 'AWS4-HMAC-SHA256'."},
		{"nothing", authorization(func(string) string { return "AWS4-HMAC-SHA256 " }), protocol.CodeIncompleteSignature,
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization " +
				"header requires 'SignedHeaders' parameter."},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, protocol.CodeIncompleteSignature, date},
		{"bad date", func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday") }, protocol.CodeIncompleteSignature, date},
		{"scope", swap("/aws4_request", ""), protocol.CodeIncompleteSignature,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."},
		{"terminator", swap("aws4_request", "aws5_request"), protocol.CodeInvalidSignature,
			"Credential should be scoped with a valid terminator: 'aws4_request'."},
		{"service", swap("/lambda/", "/s3/"), protocol.CodeInvalidSignature, "Credential should be scoped to correct service: 'lambda'."},
		{"region", swap("/eu-west-1/", "//"), protocol.CodeInvalidSignature, "Credential should be scoped to a valid region."},
		{"day", swap("/20260304/", "/20260305/"), protocol.CodeInvalidSignature,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260305' != '20260304'."},
		{"short MAC", authorization(func(a string) string { return a[:len(a)-2] }), protocol.CodeInvalidSignature,
			"The request signature is not 64 hexadecimal digits."},
		{"other MAC", authorization(func(a string) string { return a[:len(a)-64] + strings.Repeat("0", 64) }),
			protocol.CodeInvalidSignature, mismatch},
		{"names", swap("SignedHeaders=", "SignedHeaders=Accept;"), protocol.CodeInvalidSignature,
			"The names of the signed headers must be in lower case and separated by semicolons."},
		{"host not signed", swap(";host;", ";"), protocol.CodeInvalidSignature,
			"'Host' must be a 'SignedHeader' in the AWS Authorization."},
		{"header not signed", func(r *http.Request) { r.Header.Set("X-Amz-Tenant-Id", "t") }, protocol.CodeInvalidSignature,
			"There were headers present in the request which were not signed: x-amz-tenant-id"},
		{"hash of another body", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64)) },
			protocol.CodeInvalidSignature,
			"The value of 'x-amz-content-sha256' is neither the hash of the body nor 'UNSIGNED-PAYLOAD'."},
		{"presigned without a date", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=host"
		}, protocol.CodeIncompleteSignature, "AWS query-string parameters must include 'X-Amz-Date' once. Re-examine the " +
			"query-string parameters."},
		{"presigned for ever", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=host&X-Amz-Date=20260304T050607Z&X-Amz-Expires=604801"
		}, protocol.CodeIncompleteSignature, "'X-Amz-Expires' must be a number of seconds between 1 and 604800."},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := request("POST", "http://localhost/2015-03-31/functions/f/invocations", "{}", "Accept", "a")
			sign(t, r, key, "{}")
			test.change(r)
			wantRefusal(t, check(r, signed), test.code, test.message)
		})
	}
}

func TestFresh(t *testing.T) {
	r := request("GET", "http://localhost/", "")
	sign(t, r, key, "")
	for _, test := range []struct {
		after   time.Duration
		message string
	}{
		{5 * time.Minute, ""},
		{-5 * time.Minute, ""},
		{5*time.Minute + time.Second, "Signature expired: 20260304T050607Z is now earlier than 20260304T050608Z " +
			"(20260304T051108Z - 5 min.)"},
		{-5*time.Minute - time.Second, "Signature not yet current: 20260304T050607Z is still later than 20260304T050606Z " +
			"(20260304T050106Z + 5 min.)"},
	} {
		wantRefusal(t, check(r, signed.Add(test.after)), protocol.CodeInvalidSignature, test.message)
	}
}

// TestDateHeader: the time may stand in the header that HTTP has for it.
func TestDateHeader(t *testing.T) {
	r := request("GET", "http://localhost/", "")
	sign(t, r, key, "")
	r.Header.Del("X-Amz-Date")
	r.Header.Set("Date", signed.Format(http.TimeFormat))
	if p, err := Parse(r); err != nil || !p.Time.Equal(signed) {
		t.Errorf("got %v, %v, want %v", p, err, signed)
	}
}

func BenchmarkVerify(b *testing.B) {
	body := `{"CheckpointToken":"a"}`
	r := request("POST", "https://perdure.example/2025-12-01/durable-executions/"+arn+"/checkpoint", body, "Content-Type",
		"application/json")
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(b.Context(), key, r, hex.EncodeToString(sum[:]), "lambda", "us-east-1", signed); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Verify(r, secret, sum); err != nil {
			b.Fatal(err)
		}
	}
}
