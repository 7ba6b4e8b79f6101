package fleet

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/test/survival/survivaltest"
)

// skewVariable says by how much the clock of a node is ahead, in a binary of skewed.
const skewVariable = "FLEET_SKEW"

// skewSource is what packages get that read the clock: one whose time of day is wrong, and whose intervals are right, as
// with a machine's clock that was set wrong. Go's programs read the clock without the library that faketime replaces.
const skewSource = `package %s

import (
	"os"
	"time"
	"unsafe"
)

var skewed = func() int64 {
	d, _ := time.ParseDuration(os.Getenv(%q))
	return int64(d / time.Second)
}()

func skewedNow() time.Time {
	t := time.Now()
	*(*uint64)(unsafe.Pointer(&t)) += uint64(skewed << 30)
	return t
}

func skewedSince(t time.Time) time.Duration { return skewedNow().Sub(t) }
func skewedUntil(t time.Time) time.Duration { return t.Sub(skewedNow()) }
`

var readsClock = regexp.MustCompile(`\btime\.(Now|Since|Until)\b`)

// skewed builds the command so that it reads the wrong clock wherever our code reads one.
func skewed(t *testing.T) string {
	t.Helper()
	dir, replaced, n := t.TempDir(), map[string]string{}, 0
	put := func(path, text string) {
		path, err := filepath.Abs(path)
		if err == nil {
			n++
			replaced[path] = filepath.Join(dir, fmt.Sprintf("%d.go", n))
			err = os.WriteFile(replaced[path], []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, top := range []string{"engine", "internal", "cmd/perdure"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "testdata") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil || !readsClock.Match(text) || !strings.Contains(string(text), "\t\"time\"\n") {
				return err
			}
			put(path, readsClock.ReplaceAllString(string(text), "skewed$1")+"\nvar _ time.Duration\n")
			name := regexp.MustCompile(`(?m)^package (\w+)`).FindStringSubmatch(string(text))[1]
			put(filepath.Join(filepath.Dir(path), "skewed.go"), fmt.Sprintf(skewSource, name, skewVariable))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(replaced) < 10 {
		t.Fatalf("only %d files read the clock", len(replaced))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
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
	t.Parallel()
	binary := skewed(t)
	faults, address := newTimeline(t), pgtest.Database(t)
	f := newFleet(t, faults, same(address, 1), "--lease", lease.String())
	for _, skew := range []string{"7m", "-9m"} {
		node := f.prepare(address, "--lease", lease.String())
		node.Binary, node.Env = binary, []string{skewVariable + "=" + skew}
		node.Start()
		f.ready(node)
		f.nodes = append(f.nodes, node)
	}
	f.Service = survivaltest.NewService(100, addresses(f.nodes)...)
	all, err := newAPI("", f.nodes[0].Addr).Nodes(t.Context())
	if err != nil || len(all) != 3 || math.Abs(all[1].LagSeconds+420) > 30 || math.Abs(all[2].LagSeconds-540) > 30 {
		t.Fatalf("the nodes are %+v, %v, want two whose clocks are wrong by 420 s and 540 s", all, err)
	}
	l := f.begin(12)
	time.Sleep(6 * time.Second)
	l.end()
	j := l.judge()
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
		if !job.Approval && !job.Child && waited > time.Minute {
			t.Errorf("%s waited for %v, want about %d s", arn, waited, job.WaitSeconds)
		}
	}
}
