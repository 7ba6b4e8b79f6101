package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"
)

// BenchmarkExecution runs whole executions of three steps through `perdure
// serve`: a client invokes synchronously over HTTP, function processes poll the
// Runtime API and checkpoint over HTTP, and every checkpoint is durable before
// it is answered. Client, engine and functions share the machine.
func BenchmarkExecution(b *testing.B) {
	for _, clients := range []int{1, 128} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			endpoint, stop := serve(b)
			url := endpoint + "/2015-03-31/functions/threesteps/invocations?Qualifier=$LATEST"
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
			b.SetParallelism(max(1, clients/2)) // times GOMAXPROCS, which is 2 on the machine of record
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := invokeOnce(client, url); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
			// Steadier than the time on a machine that does other things, too.
			b.ReportMetric(float64(stop().Microseconds())/float64(b.N), "cpu-µs/execution")
		})
	}
}

func invokeOnce(client *http.Client, url string) error {
	resp, err := client.Post(url, "application/json", bytes.NewReader([]byte(`{}`)))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && string(body) != "17" {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return err
}

var ready = regexp.MustCompile(`the Lambda API is on (http://\S+)`)

// serve starts `perdure serve` with threesteps. stop ends it and returns the
// processor time that it and its functions took.
func serve(b *testing.B) (endpoint string, stop func() time.Duration) {
	b.Helper()
	dir := b.TempDir()
	for out, pkg := range map[string]string{"perdure": "../../cmd/perdure", "threesteps": "./threesteps"} {
		if text, err := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(dir, out),
			pkg).CombinedOutput(); err != nil {
			b.Fatalf("building %s: %v\n%s", pkg, err, text)
		}
	}
	cmd := exec.Command(filepath.Join(dir, "perdure"), "serve", "--listen", "127.0.0.1:0",
		"--data", filepath.Join(dir, "data"), "--function", "threesteps="+filepath.Join(dir, "threesteps"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	stop = sync.OnceValue(func() time.Duration {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	})
	b.Cleanup(func() { stop() })
	for lines.Scan() {
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			go io.Copy(io.Discard, stderr)
			return m[1], stop
		}
		b.Log(lines.Text())
	}
	b.Fatal("perdure serve did not become ready")
	return "", nil
}
