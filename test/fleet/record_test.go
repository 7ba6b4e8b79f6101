package fleet

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/perdure/perdure/protocol"
)

// request is what a client asked for.
type request struct {
	kind string // start, find, delete; checkpoint, steps, lost, begun; complete, result; stop, pause, resume, status
	key  string // what it is about: a name, an ARN or a callback's id
	node string // who was asked; the models do not look at it
	// What is meant by these depends on the kind; see models_test.go.
	text, token, repeat string
}

// answer is what a client got. Of an unknown one nobody knows whether the request took effect, or still will.
type answer struct {
	unknown bool
	again   bool          // it was refused when it was repeated
	refusal protocol.Code // empty if the request was accepted
	text    string
}

// recorder collects the requests of all clients with their answers.
type recorder struct {
	began time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
}

func newRecorder() *recorder { return &recorder{began: time.Now()} }

func (r *recorder) now() int64 { return int64(time.Since(r.began)) }

// do makes a request for a client and records it.
func (r *recorder) do(client int, what request, ask func() (text string, err error)) answer {
	call := r.now()
	text, err := ask()
	got := answer{text: text}
	if err != nil {
		got = answerOf(err)
	}
	r.add(client, what, call, got)
	return got
}

// add records a request that returns now, or never if its outcome is unknown. A read of which nothing is known says
// nothing, so it is left out.
func (r *recorder) add(client int, what request, call int64, got answer) {
	end := r.now()
	if got.unknown {
		if reads[what.kind] {
			return
		}
		end = math.MaxInt64
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, porcupine.Operation{ClientId: client, Input: what, Output: got, Call: call, Return: end})
}

var reads = map[string]bool{"find": true, "steps": true, "result": true, "status": true}

// answerOf tells refusals from errors after which the request may have taken effect.
func answerOf(err error) answer {
	refusal, ok := errors.AsType[*protocol.Error](err)
	if !ok || slices.Contains([]protocol.Code{protocol.CodeService, protocol.CodeRequestTimeout, protocol.CodeStorageFull,
		protocol.CodeTooManyRequests}, refusal.Code) {
		return answer{unknown: true, text: err.Error()}
	}
	return answer{refusal: refusal.Code}
}

// check holds what was recorded against the models. Each key is checked on its own: the system promises nothing about
// several executions together.
func (r *recorder) check(t *testing.T) {
	t.Helper()
	if bad := r.violations(t); len(bad) > 0 {
		t.Errorf("not linearizable:\n%s", strings.Join(bad, "\n"))
	}
}

// violations returns the keys whose history no order of the requests explains, with where to look at them.
func (r *recorder) violations(t *testing.T) (bad []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	parts := map[string][]porcupine.Operation{}
	unknown := 0
	for _, op := range r.ops {
		in := op.Input.(request)
		name := modelOf[in.kind] + " " + in.key
		parts[name] = append(parts[name], op)
		if op.Output.(answer).unknown {
			unknown++
		}
	}
	for name, ops := range parts {
		model := models[strings.Fields(name)[0]]
		ops = settled(ops)
		switch result, info := porcupine.CheckOperationsVerbose(model, ops, 30*time.Second); result {
		case porcupine.Illegal:
			path := filepath.Join(keptDir(t), fmt.Sprintf("linear-%d.html", len(bad)))
			if err := porcupine.VisualizePath(model, info, path); err != nil {
				path = err.Error()
			}
			bad = append(bad, fmt.Sprintf("%s: %s\n%s", name, path, describe(model, ops)))
		case porcupine.Unknown:
			t.Errorf("%s: %d requests are too many to check within 30 s:\n%s", name, len(ops), describe(model, ops))
		}
	}
	t.Logf("%d requests about %d things, %d of an unknown outcome", len(r.ops), len(parts), unknown)
	return bad
}

// settled makes the outcome of checkpoints known that got no answer: the last read of all, of an execution that was
// stopped before, has the steps of those that were accepted. Without that, a search would try them in every place.
func settled(ops []porcupine.Operation) (known []porcupine.Operation) {
	last := porcupine.Operation{Call: -1}
	for _, op := range ops {
		if op.Input.(request).kind == "steps" && op.Call > last.Call {
			last = op
		}
	}
	if last.Call < 0 {
		return ops
	}
	steps := strings.Fields(last.Output.(answer).text)
	for _, op := range ops {
		in, out := op.Input.(request), op.Output.(answer)
		if in.kind == "checkpoint" && (out.unknown || out.again && out.refusal != "") {
			switch accepted := slices.Contains(steps, in.text); {
			case accepted:
				op.Output = answer{text: someToken}
			case out.unknown:
				continue
			default:
				op.Output = answer{refusal: out.refusal}
			}
		}
		known = append(known, op)
	}
	return known
}

// describe lists a history in the order of its requests.
func describe(model porcupine.Model, ops []porcupine.Operation) string {
	ops = slices.Clone(ops)
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call/1000 - b.Call/1000) })
	var b strings.Builder
	for _, op := range ops[:min(len(ops), 200)] {
		end := fmt.Sprintf("%.3f", float64(op.Return)/1e9)
		if op.Return == math.MaxInt64 {
			end = "?"
		}
		fmt.Fprintf(&b, "  %8.3f to %8s  client %d  %s\n", float64(op.Call)/1e9, end, op.ClientId,
			model.DescribeOperation(op.Input, op.Output))
	}
	return b.String()
}
