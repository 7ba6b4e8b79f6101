//go:build unix

package sandbox_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/runtimeapi"
	"github.com/perdure/perdure/internal/sandbox"
)

// engineProcess is an engine with a function process that ignores everything
// but death. It prints that process's id and waits to be killed.
func engineProcess() {
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		log.Fatal(err)
	}
	pool, err := sandbox.New(sandbox.Config{
		Name: "test", Command: []string{os.Args[0]}, Runtime: server,
		Env: map[string]string{functionVar: "never ask"},
		Output: func(l sandbox.Line) {
			// Threads that end must not take the function with them.
			for range 50 {
				done := make(chan struct{})
				go func() {
					runtime.LockOSThread() // and so the thread ends with the goroutine
					close(done)
				}()
				<-done
			}
			fmt.Println(l.Text)
		},
		NoTimeout: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	pool.Invoke(context.Background(), invocation(nil))
}

// A function process dies with an engine that is killed, and not before.
func TestEngineIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	engine := exec.Command(os.Args[0])
	engine.Env = append(os.Environ(), functionVar+"=engine")
	engine.Stderr = os.Stderr
	stdout, err := engine.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	defer engine.Process.Kill()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "busy elsewhere\n" {
		t.Fatalf("got %q (%v), want the function's first line", line, err)
	}
	children, err := childrenOf(engine.Process.Pid)
	if err != nil || len(children) != 1 || !running(children[0]) {
		t.Fatalf("got children %v (%v), want one that runs", children, err)
	}
	engine.Process.Kill()
	engine.Wait()
	wantGone(t, children[0])
}

// childrenOf lists the children of a process by way of all its threads.
func childrenOf(pid int) (children []int, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			return nil, err
		}
		for _, field := range strings.Fields(string(data)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			children = append(children, child)
		}
	}
	return children, err
}
