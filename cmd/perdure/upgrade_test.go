package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/freeport"
	"github.com/perdure/perdure/protocol"
)

// commandHere returns the test binary as the command.
func commandHere(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "perdure")
	if err := os.Symlink(program, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// upgradedNode is a node as a process.
type upgradedNode struct {
	t       *testing.T
	name    string
	address string
	cmd     *exec.Cmd
	log     lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startNode starts a node of a release, and waits until it is ready.
func startNode(t *testing.T, release, name, address, store, function string) *upgradedNode {
	t.Helper()
	n := &upgradedNode{t: t, name: name, address: address}
	n.cmd = exec.Command(commandHere(t), "serve", "--listen", address, "--data", filepath.Join(t.TempDir(), name), "--node-name", name,
		"--lease", "1m", "--drain", "1m", "--function", function)
	n.cmd.Env = append(os.Environ(), storeVariable+"="+store, releaseVariable+"="+release)
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.cmd.Process.Kill()
		n.cmd.Wait()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", name, n.log.String())
		}
	})
	for end := time.Now().Add(longEnough); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + address + "/ready")
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return n
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not become ready: %v", name, err)
		}
	}
}

// stop tells the node to stop, and waits for its end.
func (n *upgradedNode) stop() {
	n.t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("%s ended with %v", n.name, err)
	}
	if !strings.Contains(n.log.String(), "will go on with open executions") {
		n.t.Errorf("%s does not say who goes on", n.name)
	}
}

// retrying is what invokes a function as AWS's SDKs do: what no node answered, or one failed to, is asked again.
func retrying(ctx context.Context, nodes []string, in *client.Invocation) (out *client.Invoked, err error) {
	for try, end := 0, time.Now().Add(longEnough); time.Now().Before(end); try++ {
		c := &client.Client{Endpoint: "http://" + nodes[try%len(nodes)]}
		out, err = c.Invoke(ctx, in)
		refused, isRefusal := errors.AsType[*protocol.Error](err)
		_, ofNetwork := errors.AsType[*url.Error](err)
		switch {
		case err == nil:
			return out, nil
		case isRefusal && (refused.Code == protocol.CodeService || refused.Code == protocol.CodeTooManyRequests):
		case ofNetwork, errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNREFUSED):
		default:
			return nil, fmt.Errorf("%T: %w", err, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, err
}

// TestRollingUpgrade: while clients start executions and wait for them, nodes of a new release come, and those of the
// old one go. Nobody is told an error, no step runs twice, and in the end all nodes are new.
func TestRollingUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a database and four engines")
	}
	const old, newer = "v1.0.0", "v1.1.0"
	store := pgtest.New(t).Database(t)
	function := filepath.Join(t.TempDir(), "behave")
	goBuild(t, "-o", function, "./testdata/functions/behave")
	addresses := make([]string, 4)
	for i := range addresses {
		addresses[i] = freeport.For(t)
	}
	one := startNode(t, old, "old1", addresses[0], store, function)
	two := startNode(t, old, "old2", addresses[1], store, function)

	notes := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	var done atomic.Int64
	for i := range 6 {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				name := fmt.Sprintf("x%d-%d", i, n)
				event := fmt.Appendf(nil, `{"Do":"step slowly","File":%q}`, filepath.Join(notes, name))
				out, err := retrying(context.Background(), addresses,
					&client.Invocation{Function: "behave", Name: name, Event: event, Wait: true})
				if err != nil || out.Failed || string(out.Answer) != `{"did":"step slowly"}` {
					t.Errorf("%s: got %+v, %v", name, out, err)
				}
				lines, _ := os.ReadFile(filepath.Join(notes, name))
				if n := bytes.Count(lines, []byte("\n")); n != 2 {
					t.Errorf("%s: its two steps ran %d times", name, n)
				}
				done.Add(1)
			}
		})
	}
	startNode(t, newer, "new1", addresses[2], store, function)
	one.stop()
	last := startNode(t, newer, "new2", addresses[3], store, function)
	two.stop()
	for n := done.Load(); done.Load() < n+12; { // the new ones go on
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	clients.Wait()
	nodes, err := (&client.Client{Endpoint: "http://" + last.address}).Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	alive := 0
	for _, n := range nodes {
		if n.State == engine.NodeAlive {
			alive++
		}
		if want := map[string]engine.NodeState{newer: engine.NodeAlive}[n.Version]; n.State != cmp.Or(want, engine.NodeGone) {
			t.Errorf("got the node %+v", n)
		}
	}
	if alive != 2 {
		t.Errorf("%d nodes are alive, want 2", alive)
	}
}
