package lambdaapi

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// stepBatch is a checkpoint body with n steps, each started and closed in the
// same batch.
func stepBatch(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"CheckpointToken":"` + strings.Repeat("dG9r", 20) +
		`","ClientToken":"7f9c24e8-3b12-4fef-91e0-0a1b2c3d4e5f","Updates":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"Action":"START","Id":"%d","Name":"process_payment","SubType":"Step","Type":"STEP"},`+
			`{"Action":"SUCCEED","Id":"%[1]d","Name":"process_payment","Payload":"{\"payment\":%[1]d,\"state\":\"captured\"}","SubType":"Step","Type":"STEP"}`, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// stepReply is an engine that answers every checkpoint with n finished steps.
func stepReply(n int) *fakeEngine {
	reply := &engine.CheckpointReply{Token: strings.Repeat("bmV4", 20)}
	for i := range n {
		reply.Operations = append(reply.Operations, &protocol.Operation{
			ID: fmt.Sprint(i), Type: protocol.TypeStep, Status: protocol.StatusSucceeded, Name: "process_payment", SubType: "Step",
			Start: testMillis, End: testMillis, Attempt: 1, Payload: new(`{"payment":1,"state":"captured"}`),
		})
	}
	return &fakeEngine{checkpoint: func(*engine.CheckpointRequest) (*engine.CheckpointReply, error) { return reply, nil }}
}

// BenchmarkCheckpointHTTP is one client that checkpoints over a connection it
// keeps: the figure beside it, of a handler that does nothing, is what net/http
// takes of it on both sides.
func BenchmarkCheckpointHTTP(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("steps=%d", n), func(b *testing.B) {
			url, _ := serve(b, stepReply(n), nil)
			benchmarkPost(b, url+checkpointPath, stepBatch(n))
		})
	}
}

func benchmarkPost(b *testing.B, url string, body []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		resp, err := http.Post(url, "application/json", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			b.Fatal(resp.Status)
		}
	}
}

// BenchmarkNothingHTTP is the same exchange with a handler that does nothing.
func BenchmarkNothingHTTP(b *testing.B) {
	reply := appendCheckpointReply(nil, &engine.CheckpointReply{Token: strings.Repeat("bmV4", 20)})
	srv := newServer(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		writeJSON(w, http.StatusOK, reply)
	}))
	benchmarkPost(b, srv.URL+checkpointPath, stepBatch(1))
}

// BenchmarkCheckpointHandler is the handler alone, without net/http.
func BenchmarkCheckpointHandler(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("steps=%d", n), func(b *testing.B) {
			h := New(stepReply(n), nil, nil)
			body := bytes.NewReader(stepBatch(n))
			r, err := http.NewRequest("POST", "http://localhost"+checkpointPath, io.NopCloser(body))
			if err != nil {
				b.Fatal(err)
			}
			r.ContentLength = body.Size()
			w := &discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = body.Seek(0, io.SeekStart)
				h.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkDecodeCheckpoint(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("steps=%d", n), func(b *testing.B) {
			body := stepBatch(n)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := decodeCheckpoint(testARN, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}
