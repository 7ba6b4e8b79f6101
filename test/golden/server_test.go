package golden

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// serve runs `perdure serve` with the order example as its function, until the
// test ends, and returns its address.
func serve(t *testing.T) (url string) {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "perdure")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/perdure").CombinedOutput(); err != nil {
		t.Fatalf("building perdure: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--function",
		"../../examples/order")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(stderr, &said))
	for url == "" && lines.Scan() {
		_, url, _ = strings.Cut(lines.Text(), "ready: the Lambda API is on ")
	}
	var rest sync.WaitGroup
	rest.Go(func() { io.Copy(&said, stderr) })
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		rest.Wait()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("perdure serve ended with error %v; it said:\n%s", err, &said)
		}
	})
	if url == "" {
		t.Fatal("perdure serve is not ready")
	}
	return url
}

// recorder is the HTTP client under AWS's. It keeps the last answer as it came.
type recorder struct{ body []byte }

// Do implements aws.HTTPClient.
func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(r.body))
	return resp, nil
}

// newClient is AWS's client for the engine at url.
func newClient(url string) (*lambda.Client, *recorder) {
	r := new(recorder)
	return lambda.New(lambda.Options{
		BaseEndpoint: aws.String(url),
		Region:       "us-east-1",
		HTTPClient:   r,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
	}), r
}

// run starts an execution of the order and returns its ARN once it has closed.
func run(t *testing.T, client *lambda.Client, name string, event []byte) string {
	t.Helper()
	out, err := client.Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("order"), Qualifier: aws.String("$LATEST"),
		DurableExecutionName: aws.String(name), Payload: event,
	}, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
	if err != nil {
		t.Fatalf("invoking: %v", err)
	}
	return aws.ToString(out.DurableExecutionArn)
}

const confirmationTime = 5 * time.Second
