package sqlitestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
)

// children are what the test binary does instead of testing, when a test starts
// it as a child process with SQLSTORE_CHILD.
var children = map[string]func(dir string){"append": appendForever}

func TestMain(m *testing.M) {
	if child, ok := children[os.Getenv("SQLSTORE_CHILD")]; ok {
		child(os.Getenv("SQLSTORE_CHILD_DIR"))
		return
	}
	os.Exit(m.Run())
}

// executions is how many appendForever appends to at the same time.
const executions = 8

// appendForever prints what was acknowledged.
func appendForever(dir string) {
	ctx := context.Background()
	s, err := sqlitestore.Open(ctx, dir, &sqlitestore.Options{Owner: "the child", Durability: sqlitestore.Process})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("open")
	for i := range executions {
		go func() {
			id := fmt.Sprintf("x%d", i)
			for seq := length(ctx, s, id) + 1; ; seq++ {
				if err := s.Commit(ctx, entry(id, seq)); err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println("ack", id, seq)
			}
		}()
	}
	select {}
}

// entry is a write whose data tells where it belongs.
func entry(id string, seq int64) store.Write {
	w := store.Write{ID: id, Entry: store.Entry{Seq: seq, Data: fmt.Appendf(nil, "%s/%d/%s", id, seq, strings.Repeat("x", int(seq*37%3000)))}}
	if seq == 1 || seq%3 == 0 {
		w.Row = &store.Row{ID: id, Function: "f", Name: id}
	}
	return w
}

func length(ctx context.Context, s store.Store, id string) (last int64) {
	for e := range s.Journal(ctx, id, store.Range{Reverse: true, Limit: 1}) {
		last = e.Seq
	}
	return last
}

// startChild returns a process that has dir open, and the lines it prints.
func startChild(t *testing.T, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SQLSTORE_CHILD=append", "SQLSTORE_CHILD_DIR="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("child: got %q, want open", lines.Text())
	}
	return cmd, lines
}

// What was acknowledged survives a kill, and nothing but whole entries does.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]int64{}
	for range 20 {
		cmd, lines := startChild(t, dir)
		time.AfterFunc(time.Duration(1+rand.IntN(40))*time.Millisecond, func() { cmd.Process.Kill() })
		for lines.Scan() {
			var id string
			var seq int64
			if _, err := fmt.Sscanf(lines.Text(), "ack %s %d", &id, &seq); err != nil {
				// The kill may cut the last line short.
				if strings.HasPrefix(lines.Text(), "error") {
					t.Error(lines.Text())
				}
				continue
			}
			acknowledged[id] = max(seq, acknowledged[id])
		}
		cmd.Wait()
		checkSurvivors(t, dir, acknowledged)
	}
	if len(acknowledged) != executions {
		t.Errorf("the children acknowledged only %v", acknowledged)
	}
}

func checkSurvivors(t *testing.T, dir string, acknowledged map[string]int64) {
	t.Helper()
	s := open(t, dir, nil)
	defer s.Close()
	for i := range executions {
		id, last := fmt.Sprintf("x%d", i), int64(0)
		for e, err := range s.Journal(t.Context(), id, store.Range{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Seq != last+1 || string(e.Data) != string(entry(id, e.Seq).Entry.Data) {
				t.Fatalf("%s: behind entry %d: got entry %d with %q", id, last, e.Seq, e.Data)
			}
			last = e.Seq
		}
		if last < acknowledged[id] {
			t.Fatalf("%s: entry %d was acknowledged, the journal ends at %d", id, acknowledged[id], last)
		}
		if _, err := s.Row(t.Context(), id); last > 0 && err != nil {
			t.Errorf("%s has entries, but: %v", id, err)
		}
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	cmd, _ := startChild(t, dir)
	_, err := sqlitestore.Open(t.Context(), dir, nil)
	want := store.LockedError{Path: dir, Owner: "the child"}
	if locked, ok := errors.AsType[*store.LockedError](err); !ok || *locked != want {
		t.Errorf("got %v, want %v", err, &want)
	}
	cmd.Process.Kill()
	cmd.Wait()
	open(t, dir, nil) // the lock dies with its owner
}
