package fleet

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/test/survival/survivaltest"
)

// skewVariable says by how much the clock of a node is ahead, in a binary of skewed.
const skewVariable = "FLEET_SKEW"

// skewed builds the command with a clock that is wrong: time.Now adds a duration from the environment. Go's programs
// read the clock without the library that faketime takes the place of.
func skewed(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	const reads = "sec, nsec, mono := now()"
	if n := strings.Count(string(text), reads); n < 1 {
		t.Fatalf("time.Now of this Go does not read the clock by %q", reads)
	}
	changed := strings.ReplaceAll(string(text), reads, reads+"\n\tsec += skew()")
	changed += fmt.Sprintf(`
var skewed = func() int64 {
	text, _ := syscall.Getenv(%q)
	d, _ := ParseDuration(text)
	return int64(d / Second)
}()

func skew() int64 { return skewed }
`, skewVariable)
	changed = strings.Replace(changed, "import (", "import (\n\t\"syscall\"", 1)
	dir := t.TempDir()
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: filepath.Join(dir, "time.go")}})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "time.go"), []byte(changed), 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "perdure")
	survivaltest.Build(t, root, binary, "cmd/perdure", "-overlay", filepath.Join(dir, "overlay.json"))
	return binary
}

// TestClockSkew has nodes whose clocks are minutes ahead and behind. Waits end when they should by the database's
// clock, whoever set them and whoever ends them.
func TestClockSkew(t *testing.T) {
	binary := skewed(t)
	faults, address := newTimeline(t), pgtest.Database(t)
	f := newFleet(t, faults, same(address, 1), "--lease", lease.String())
	for _, skew := range []string{"7m", "-9m"} {
		node := f.prepare(address, "--lease", lease.String())
		node.Binary, node.Env = binary, []string{skewVariable + "=" + skew}
		node.Start()
		f.nodes = append(f.nodes, node)
	}
	f.Service = survivaltest.NewService(100, addresses(f.nodes)...)
	for _, n := range f.nodes[1:] {
		f.ready(n)
	}
	l := f.begin(12)
	time.Sleep(6 * time.Second)
	l.end()
	j := l.judge(100 * time.Millisecond)
	for arn, job := range l.orders {
		if job.WaitSeconds == 0 {
			continue
		}
		charged, fulfilled := j.Notes[arn]["charge"], j.Notes[arn]["fulfil"]
		if len(charged) == 0 || len(fulfilled) == 0 {
			continue // the judge has told
		}
		// The functions have the database's clock.
		waited := fulfilled[0].At.Sub(charged[len(charged)-1].At)
		if wait := time.Duration(job.WaitSeconds) * time.Second; waited < wait-100*time.Millisecond {
			t.Errorf("%s waited for %v, want %v at least", arn, waited, wait)
		}
		if !job.Approval && !job.Child && waited > 4*time.Second {
			t.Errorf("%s waited for %v, want about %d s", arn, waited, job.WaitSeconds)
		}
	}
}
