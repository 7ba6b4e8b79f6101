package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/memstore"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
)

var (
	deploy = credentials.Credential{Name: "deploy", KeyID: "AKIDDEPLOY", Secret: "0123456789abcdefghij", Access: credentials.Full}
	viewer = credentials.Credential{Name: "viewer", KeyID: "AKIDVIEWER", Secret: "abcdefghij0123456789", Access: credentials.Read}
)

// TestAccess: what each kind of access is good for.
func TestAccess(t *testing.T) {
	const arn = "/2025-12-01/durable-executions/arn"
	s := New(allFaces(), withProbes())
	for _, test := range []struct {
		method, path         string
		full, read, function bool
	}{
		{"GET", arn, true, true, true},
		{"GET", arn + "/state", true, true, true},
		{"POST", arn + "/checkpoint", true, false, true},
		{"POST", arn + "/stop", true, false, false},
		{"DELETE", arn, true, false, false},
		{"POST", "/2015-03-31/functions/f/invocations", true, false, true},
		{"POST", "/2015-03-31/functions/f/versions", true, false, false},
		{"GET", "/2015-03-31/functions", true, true, false},
		{"GET", "/perdure/executions", true, true, false},
		{"POST", "/perdure/executions/arn/fork", true, false, false},
		{"POST", "/perdure/executions/arn/redrive", true, false, false},
		{"POST", "/perdure/executions/arn/skip", true, false, false},
		{"POST", "/perdure/executions/arn/stop", true, false, false},
		{"POST", "/perdure/functions/f/workers", true, false, true},
		{"GET", "/perdure/functions/f/events", true, true, false},
		{"POST", "/perdure/functions/f/events", true, false, false},
		{"DELETE", "/perdure/functions/f/events", true, false, false},
		{"POST", "/perdure/workers/w/next", true, false, true},
		{"POST", "/perdure/executions/x/workers", true, false, false},
		{"GET", "/metrics", true, true, false},
		{"POST", "/start-durable-execution", true, false, false},
		{"POST", "/anything", true, false, false},
	} {
		for access, want := range map[credentials.Access]bool{credentials.Full: test.full, credentials.Read: test.read,
			credentials.Function: test.function, "": false} {
			asked := s.find(test.method, test.path)
			if got := asked.mayBeUsedBy(access, test.method); got != want {
				t.Errorf("%s %s with access %q: got %v, want %v", test.method, test.path, access, got, want)
			}
		}
	}
}

// TestReadersChangeNothing: every route that may change something is refused to
// a read-only key, in the table and over HTTP.
func TestReadersChangeNothing(t *testing.T) {
	faces := allFaces()
	url := "http://" + start(t, faces, secured())
	tried := 0
	for _, f := range faces {
		for _, r := range f.Routes {
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				continue
			}
			tried++
			if r.Access&route.Readers != 0 {
				t.Errorf("%s %s is open to readers", r.Method, r.Path)
			}
			path := strings.ReplaceAll(r.Path, route.Subject, "x")
			req, err := http.NewRequestWithContext(t.Context(), r.Method, url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			signer := sign.Signer{Region: "us-east-1"}
			signer.Sign(req, nil, sign.Credentials{KeyID: viewer.KeyID, Secret: viewer.Secret}, time.Now())
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden && r.Access&route.Everybody == 0 {
				t.Errorf("%s %s: a reader got %s, want 403", r.Method, path, resp.Status)
			}
		}
	}
	if tried < 20 {
		t.Errorf("got %d routes that change something: the test does not test", tried)
	}
}

// TestWhoAsks: the engine hears who steers: the credential, and by what way it
// came. Of what steers nothing it hears nothing.
func TestWhoAsks(t *testing.T) {
	e, err := engine.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	err = e.Functions().Register(engine.Function{Name: "f", Invoker: failing{},
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, caller, header string
		access               route.Access
		login                route.Login
		want                 string
	}{
		{"a key", "ann", "", route.Operators, route.Signature, "ann"},
		{"a program", "", "perdure ann@laptop", route.Operators, route.Signature, "perdure ann@laptop"},
		{"both", "ann", "perdure ann@laptop", route.Operators, route.Signature, "ann (perdure ann@laptop)"},
		{"the page", "ann", "made up", route.Operators, route.Session, "ann (the page)"},
		{"the page for everybody", "", "", route.Operators, route.Session, "the page"},
		{"a function", "ann", "x", route.Operators | route.Functions, route.Signature, ""},
		{"nobody", "", "", route.Operators, route.Signature, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/x", nil)
			r.Header.Set(route.CallerHeader, test.header)
			a := &asked{face: &route.Face{Login: test.login}, match: route.Match{Route: &route.Route{Access: test.access}}}
			started, err := e.Start(t.Context(), &engine.InvokeRequest{Function: "f"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Stop(a.by(r, test.caller).Context(), &engine.StopRequest{ARN: started.ARN}); err != nil {
				t.Fatal(err)
			}
			if d, err := e.Describe(t.Context(), started.ARN); err != nil || d.StoppedBy != test.want {
				t.Errorf("got %q, %v; want %q", d.StoppedBy, err, test.want)
			}
		})
	}
}

// failing is an invoker that fails.
type failing struct{}

func (failing) Invoke(context.Context, *engine.Invocation) engine.Outcome {
	return engine.Outcome{Error: &protocol.ErrorObject{ErrorType: "Failing"}}
}

// keys are credentials that do not change.
type keys []credentials.Credential

func (k keys) Find(keyID string) (credentials.Credential, bool) {
	for _, c := range k {
		if c.KeyID == keyID {
			return c, true
		}
	}
	return credentials.Credential{}, false
}

// client is AWS's own, with one try.
func client(url string, c credentials.Credential, hc *http.Client) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: "eu-west-1", BaseEndpoint: &url, HTTPClient: hc, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: c.KeyID, SecretAccessKey: c.Secret, SessionToken: "ignored"}, nil
		}),
	})
}

// echo answers Invoke with its event, and everything else with a JSON object.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if !strings.HasSuffix(r.URL.Path, "/invocations") {
		io.WriteString(w, "{}")
		return
	}
	_, _ = io.Copy(w, r.Body)
})

func secured() *Options { return &Options{Credentials: keys{deploy, viewer}} }

func wantCode(t *testing.T, err error, code, message string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
		t.Errorf("got  %v\nwant %s: %s", err, code, message)
	}
}

// TestSignatures: what AWS's own client sends is understood, and so are the
// answers by it.
func TestSignatures(t *testing.T) {
	url := "http://" + start(t, lambdaOf(echo), secured())
	invoke := func(c credentials.Credential) (string, error) {
		out, err := client(url, c, http.DefaultClient).Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String("order:$LATEST"), Payload: []byte(`{"id":1}`), DurableExecutionName: aws.String("first"),
		})
		if err != nil {
			return "", err
		}
		return string(out.Payload), nil
	}
	if got, err := invoke(deploy); got != `{"id":1}` || err != nil {
		t.Errorf("got %q, %v, want the event", got, err)
	}
	_, err := invoke(viewer)
	wantCode(t, err, "AccessDeniedException", "User: arn:aws:iam::000000000000:user/viewer is not authorized to perform: "+
		"lambda:InvokeFunction because no identity-based policy allows the lambda:InvokeFunction action")
	wrong := deploy
	wrong.Secret += "x"
	_, err = invoke(wrong)
	wantCode(t, err, "InvalidSignatureException", "The request signature we calculated does not match the signature you provided.")
	wrong.KeyID = "AKIDNOBODY"
	_, err = invoke(wrong)
	wantCode(t, err, "UnrecognizedClientException", "The security token included in the request is invalid.")

	arn := "arn:aws:lambda:us-east-1:000000000000:function:order:$LATEST/durable-execution/first/0b1c"
	if _, err := client(url, viewer, http.DefaultClient).GetDurableExecution(t.Context(),
		&lambda.GetDurableExecutionInput{DurableExecutionArn: &arn}); err != nil {
		t.Errorf("an ARN in the path: %v", err)
	}
	_, err = client(url, viewer, http.DefaultClient).StopDurableExecution(t.Context(),
		&lambda.StopDurableExecutionInput{DurableExecutionArn: &arn})
	wantCode(t, err, "AccessDeniedException", "lambda:StopDurableExecution")
}

// TestWithoutCredentials: strangers reach nothing but the two probes.
func TestWithoutCredentials(t *testing.T) {
	opts := withProbes()
	opts.Credentials = secured().Credentials
	url := "http://" + start(t, allFaces(), opts)
	for path, want := range map[string]int{
		"/health": 200, "/ready": 200, "/metrics": 403, "/perdure/about": 403, "/2015-03-31/functions": 403, "/anything": 403,
		"/": 302, "/ui/": 302, "/ui/login": 200, "//ui/": 403, "/health/": 403,
	} {
		if status, body := get(t, url+path); status != want {
			t.Errorf("%s: got %d %s, want %d", path, status, body, want)
		}
	}
	resp, err := http.Post(url+"/health", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 403 || resp.Header.Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
		t.Errorf("got %s %s, want 403 for another method", resp.Status, resp.Header.Get("X-Amzn-Errortype"))
	}
}

// TestStrangersBodyIsNotKept: who has no key cannot make the server hold
// anything, and one with a key only so much.
func TestSignedBodies(t *testing.T) {
	s := New(lambdaOf(echo), secured())
	for keyID, want := range map[string]string{"AKIDNOBODY": "UnrecognizedClientException", "AKIDDEPLOY": "RequestTooLargeException"} {
		now := time.Now().UTC()
		r := httptest.NewRequest("POST", "http://localhost/x", &endless{t: t, most: maxSignedBody + 33<<20})
		r.ContentLength = -1
		r.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+keyID+now.Format("/20060102/")+
			"us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if got := w.Header().Get("X-Amzn-Errortype"); got != want {
			t.Errorf("%s: got %s, want %s", keyID, got, want)
		}
	}
	if held := s.load.bodies.taken.Load(); held != 0 {
		t.Errorf("%d bytes of bodies still count", held)
	}
}

// endless is a body that fails the test when too much of it is read.
type endless struct {
	t    *testing.T
	most int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.most -= len(p); e.most < 0 {
		e.t.Error("the body was read too far")
		return 0, io.EOF
	}
	return len(p), nil
}

func TestMetricsWithAPassword(t *testing.T) {
	opts := withProbes()
	opts.Credentials = secured().Credentials
	url := "http://" + start(t, allFaces(), opts)
	for _, test := range []struct {
		path, user, password string
		status               int
	}{
		{"/metrics", "AKIDVIEWER", viewer.Secret, 200},
		{"/metrics", "AKIDVIEWER", deploy.Secret, 403},
		{"/metrics", "AKIDNOBODY", "", 403},
		{"/perdure/about", "AKIDVIEWER", viewer.Secret, 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", url+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(test.user, test.password)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != test.status {
			t.Errorf("%s as %s: got %d, want %d", test.path, test.user, resp.StatusCode, test.status)
		}
	}
}

// certify writes a certificate for loopback and returns the pool that trusts it.
func certify(t *testing.T, certFile, keyFile, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, data := range map[string][]byte{certFile: cert, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// TestTLS: with a certificate the server speaks TLS, and shows the certificate
// that is in the files now.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := certify(t, certFile, keyFile, "first.example")
	cert, err := LoadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	opts := secured()
	opts.Certificate = cert
	address := start(t, lambdaOf(echo), opts)

	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	out, err := client("https://"+address, deploy, hc).Invoke(t.Context(),
		&lambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte("1")})
	if err != nil || string(out.Payload) != "1" {
		t.Fatalf("got %v, %v", out, err)
	}
	hc.CloseIdleConnections()
	if resp, err := http.Get("http://" + address + "/health"); err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("got %s for plain HTTP", resp.Status)
		}
	}

	shown := func() string {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	aSecondPasses := func() {
		cert.mu.Lock()
		defer cert.mu.Unlock()
		cert.looked = time.Time{}
	}
	if got := shown(); got != "first.example" {
		t.Errorf("got %s, want the first certificate", got)
	}
	if err := os.WriteFile(certFile, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	aSecondPasses()
	if got := shown(); got != "first.example" {
		t.Errorf("got %s, want the first certificate while the files are broken", got)
	}
	certify(t, certFile, keyFile, "second.example")
	aSecondPasses()
	if got := shown(); got != "second.example" {
		t.Errorf("got %s, want the renewed certificate", got)
	}
}

// TestElsewhereNeedsBoth: an address that others can reach is not served
// without credentials and TLS, whoever asks for it.
func TestElsewhereNeedsBoth(t *testing.T) {
	for name, opts := range map[string]*Options{"nothing": nil, "credentials": secured(), "TLS": {Certificate: &Certificate{}}} {
		l := &elsewhere{}
		if err := New(lambdaOf(echo), opts).Serve(l); err == nil || !strings.Contains(err.Error(), "is not a loopback address") ||
			!l.closed {
			t.Errorf("with %s: got %v, closed %v", name, err, l.closed)
		}
	}
}

// elsewhere is a listener on an address that others can reach.
type elsewhere struct {
	net.Listener
	closed bool
}

func (*elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3001} }
func (l *elsewhere) Close() error { l.closed = true; return nil }
