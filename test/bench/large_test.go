package bench

import (
	"bytes"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/protocol"
)

// TestLargePayload bounds what the engine allocates for a result of 100 KB: the memory in which it stays. It is copied
// four times: into the body, out of JSON, into the entry of the journal, into SQLite. The first and the third are in
// memory that is used again, the last is SQLite's. Before that was so, a result took 3.1 times its size.
func TestLargePayload(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools")
	}
	const size, warm, runs = 100_000, 50, 100
	e := open(t, sqlitestore.None)
	in := invocation(t, e)
	path := front(t, lambdaapi.New(e, e.Functions(), nil), &server.Options{}) +
		"/2025-12-01/durable-executions/" + url.PathEscape(in.DurableExecutionArn) + "/checkpoint"
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	payload := string(protocol.AppendString(nil, `{"text":"`+strings.Repeat("0123456789", size/10)+`"}`))
	body := make([]byte, 0, 2*size)
	checkpoint := func(n int) {
		body = protocol.AppendTexts(body[:0], `{"CheckpointToken":"`, in.CheckpointToken, `","Updates":[{"Id":"`, strconv.Itoa(n),
			`","Type":"STEP","SubType":"Step","Action":"SUCCEED","Payload":`, payload, `}]}`)
		req, err := http.NewRequest("POST", path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(protocol.MinimalHeader, protocol.MinimalValue)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		in.CheckpointToken = nextToken(t, resp)
	}
	for n := range warm {
		checkpoint(n + 1)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n := range runs {
		checkpoint(warm + n + 1)
	}
	runtime.ReadMemStats(&after)
	got := (after.TotalAlloc - before.TotalAlloc) / runs
	if most := uint64(size + 65_000); got > most { // of which 33,000 are the client's
		t.Errorf("a result of %d bytes took %d bytes, want %d at most", size, got, most)
	}
	t.Logf("%d bytes", got)
}
