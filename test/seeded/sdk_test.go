package seeded

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// patch is a bug in the SDK's own source, which the exploration of a workflow in package victims has to find.
type patch struct {
	file     string // in package durable
	old, new string
	victim   string // its test
	says     string // a regular expression
}

var patches = map[string]patch{
	"wake-up lost": {"checkpoint.go",
		"		if w := batch[i].ack; w != nil {\n", "		if w := batch[i].ack; w != nil && i == 0 {\n",
		"TestStepsAndWaits", "the service refused the function's answer in invocation 1: Cannot return PENDING"},
	"suspended with work in the queue": {"run.go",
		"	case len(r.queue) > 0:\n		r.kick()\n", "	case len(r.queue) > 1:\n		r.kick()\n",
		"TestBranches", "invocation 1 failed|the outcome is another|PENDING"},
	"compensation not recorded": {"saga.go",
		"		if _, err := Step(ctx, c.name, c.body(), append(slices.Clip(c.opts), WithSerdes(JSON))...); err != nil {\n",
		"		if err := c.fn(ctx); err != nil || cap(slices.Clip(c.opts)) < 0 {\n",
		"TestCompensation", "happened|outcome is another|MisuseError|PanicError"},
	"interrupted attempt made again": {"step.go",
		"	case counted && started:\n		return \"\", &StepInterruptedError{Name: s.name, Attempt: n}\n",
		"	case counted && started:\n",
		"TestAtMostOnce", "which is to run at most once, ran again"},
	"retry not waited for": {"run.go",
		"	return op.Status.Closed() || op.Status == protocol.StatusReady\n",
		"	return op.Status.Closed() || op.Type == protocol.TypeStep\n",
		"TestRetries", "the run did not end"},
	"at-most-once START not awaited": {"step.go",
		"		r.record(s.scope, s.update(s.id, protocol.ActionStart))\n",
		"		r.hold(s.scope, s.update(s.id, protocol.ActionStart))\n",
		"TestAtMostOnce", "which is to run at most once, ran again"},
	"token used twice": {"checkpoint.go",
		"	r.token = reply.Token\n", "	_ = reply.Token\n",
		"TestStepsAndWaits", "invocation 1 failed, though no fault made it"},
	"lost reply taken for success": {"checkpoint.go",
		"	if err != nil {\n		r.finishLocked(r.refused(err))\n		return\n	}\n",
		"	if err != nil {\n		reply = &protocol.CheckpointReply{Token: r.token}\n	}\n",
		"TestStepsAndWaits", "ran again|was left open|the outcome is another|happened"},
	"logs written again on replay": {"log.go",
		"	return (!h.scope.replaying.Load() || h.scope.run.cfg.replayLogs) && h.Handler.Enabled(ctx, level)\n",
		"	return h.Handler.Enabled(ctx, level)\n",
		"TestStepsAndWaits", ""},
	"logs lost after a wait": {"scope.go",
		"func (o *operation) end() { o.scope.leave(o.known) }",
		"func (o *operation) end() { o.scope.leaveAs(o.known.op != nil) }",
		"TestStepsAndWaits", "log line"},
	"only the first page of the state read": {"run.go",
		"	for marker != \"\" {\n", "	for marker != \"\" && false {\n",
		"TestStepsAndWaits", "ran again|outcome is another"},
	"flusher that outlives the run": {"checkpoint.go",
		"		r.tasks.Go(r.flush)\n",
		"		go func() {\n			<-time.After(time.Hour)\n			r.flush()\n		}()\n		r.tasks.Go(r.flush)\n",
		"TestBranches", "goroutines are left"},
	"children replayed as if the result were recorded": {"child.go",
		"op != nil && op.Status == protocol.StatusSucceeded && !op.ReplayChildren {\n",
		"op != nil && op.Status == protocol.StatusSucceeded {\n",
		"TestChildren", "the outcome is another|cannot encode or decode"},
	"attempts not counted": {"step.go",
		"		payload, err := s.attempt(op.Attempt+1, started, body)\n",
		"		payload, err := s.attempt(1, started, body)\n",
		"TestRetries", "ran again, though its failure is recorded|undisturbed"},
	"ids of items by the order of their ends": {"batchrun.go",
		"name: b.item[i].name, number: i + 1,\n", "name: b.item[i].name, number: len(b.item) - i,\n",
		"TestBranches", "the outcome is another|NonDeterminismError|operations"},
	"wait that starts again on replay": {"wait.go",
		"	if o.known.op == nil {\n		u := o.update(id, protocol.ActionStart)\n",
		"	if o.known.op == nil || !o.known.op.Status.Closed() {\n		u := o.update(id, protocol.ActionStart)\n",
		"TestStepsAndWaits", "the outcome is another|failed"},
	"time of day not recorded": {"deterministic.go",
		"		return decodeJSON[time.Time](&o)\n", "		return time.Now()\n",
		"TestValues", "want true"},
	"random numbers of the invocation": {"deterministic.go",
		"	return s.run.arn + ", "	return time.Now().String() + s.run.arn + ",
		"TestValues", "the outcome is another|succeeded with false"},
}

// TestExploreFindsBugsOfTheSDK builds the victims with each bug.
func TestExploreFindsBugsOfTheSDK(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the SDK many times")
	}
	for name, p := range patches {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-overlay", p.overlay(t), "-run", "^"+p.victim+"$", "./victims")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+p.victim) {
				t.Errorf("the test of the bug ended with %v, want it to fail:\n%s", err, out)
			}
			if !regexp.MustCompile(p.says).Match(out) {
				t.Errorf("the test of the bug does not say %s:\n%s", p.says, out)
			}
		})
	}
}

// overlay has the build see a copy of the file with the bug.
func (p patch) overlay(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../durable", p.file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), p.old); n != 1 {
		t.Fatalf("%s has %d places like this, want 1; the SDK has changed, so put the bug where it belongs now:\n%s", path, n, p.old)
	}
	dir := t.TempDir()
	patched, overlay := filepath.Join(dir, p.file), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: patched}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, patched, []byte(strings.Replace(string(source), p.old, p.new, 1)))
	write(t, overlay, replace)
	return overlay
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
