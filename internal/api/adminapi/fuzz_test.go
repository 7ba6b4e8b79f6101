package adminapi

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/test/hostile"
)

// FuzzBeat: whatever a worker says, the engine takes lines of the worker's own
// executions only, answers with a status that it means, and makes no more memory
// than the beat may weigh.
func FuzzBeat(f *testing.F) {
	f.Add([]byte(`{"Running":["r"],"Lines":[{"Time":"2026-11-27T00:00:00Z","ExecutionArn":"","RequestId":"r","Stream":"stdout","Text":"x"}]}`))
	f.Add([]byte(`{"Lines":[{"ExecutionArn":"arn:aws:lambda:us-east-1:000000000000:function:other:$LATEST/durable-execution/a/b","Stream":"notice"}]}`))
	f.Add([]byte(`{"Lines":[{},{},{}],"Running":null}`))
	e, hub := farEngine(f)
	took := &listener{Engine: e}
	api := workerAPI(took, e.Functions(), hub)
	worker := ""
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := hub.FunctionOf(worker); err != nil {
			if worker, _, err = hub.Join("far", "here"); err != nil {
				t.Fatal(err)
			}
		}
		took.lines = nil
		req := httptest.NewRequest("POST", "/perdure/workers/"+worker+"/beat", strings.NewReader(string(body)))
		answer := httptest.NewRecorder()
		if made := hostile.Made(func() { api.ServeHTTP(answer, req) }); made > 5*MaxBeat {
			t.Errorf("made %d bytes of %d", made, len(body))
		}
		switch answer.Code {
		case 200, 400, 413:
		default:
			t.Errorf("got status %d: %s", answer.Code, answer.Body)
		}
		for _, line := range took.lines {
			arn, err := protocol.ParseARN(line.ExecutionARN)
			if line.ExecutionARN != "" && (err != nil || arn.Function != "far") {
				t.Errorf("took a line of %q", line.ExecutionARN)
			}
		}
	})
}

// listener notes the lines that an engine is given.
type listener struct {
	Engine
	lines []engine.LogLine
}

func (l *listener) Log(line engine.LogLine) { l.lines = append(l.lines, line) }
