package transport_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// canned is a service that answers every request with the same reply, at next
// to no cost.
func canned(b *testing.B, reply string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(reply), reply))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveCanned(c, answer)
		}
	}()
	return "http://" + l.Addr().String()
}

func serveCanned(c net.Conn, answer []byte) {
	defer c.Close()
	const length = "Content-Length: "
	for r := bufio.NewReader(c); ; {
		body := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
			if len(line) > len(length) && string(line[:len(length)]) == length {
				body, _ = strconv.Atoi(string(line[len(length) : len(line)-2]))
			}
		}
		if _, err := r.Discard(body); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// BenchmarkCheckpointCall is a checkpoint of a short step, from the request to
// the reply, over loopback; door is the same to the engine that started the process, aws is the same through the AWS SDK, and http what
// net/http alone takes, without signatures and JSON.
func BenchmarkCheckpointCall(b *testing.B) {
	lambdaEnvironment(b, canned(b, `{"CheckpointToken":"dG9rZW4y","NewExecutionState":{"Operations":[],"NextMarker":""}}`))
	payload := `{"id":"o1","amount":3}`
	req := &protocol.CheckpointRequest{ExecutionARN: testARN, Token: "dG9rZW4x", Updates: []protocol.Update{
		{ID: "1", Type: "STEP", Action: "START", Name: "charge-card", SubType: "Step"},
		{ID: "1", Type: "STEP", Action: "SUCCEED", Name: "charge-card", SubType: "Step", Payload: &payload},
	}}
	checkpoint := func(client durable.Client) func() error {
		return func() error {
			_, err := client.Checkpoint(b.Context(), req)
			return err
		}
	}
	b.Run("ours", func(b *testing.B) { benchmarkCall(b, checkpoint(ourClient(b))) })
	b.Run("door", func(b *testing.B) {
		b.Setenv("AWS_LAMBDA_RUNTIME_API", strings.TrimPrefix(os.Getenv("AWS_ENDPOINT_URL_LAMBDA"), "http://")+"/secret")
		benchmarkCall(b, checkpoint(ourClient(b)))
	})
	b.Run("aws", func(b *testing.B) { benchmarkCall(b, checkpoint(newAWSClient())) })
	b.Run("http", func(b *testing.B) {
		url := os.Getenv("AWS_ENDPOINT_URL_LAMBDA")
		benchmarkCall(b, func() error {
			resp, err := http.Get(url)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		})
	})
}

func benchmarkCall(b *testing.B, call func() error) {
	if err := call(); err != nil { // connects
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := call(); err != nil {
			b.Fatal(err)
		}
	}
}
