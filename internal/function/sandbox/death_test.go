//go:build unix

package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/function/sandbox"
)

// engineProcess is an engine with one function process, which tells what it knows
// and then ignores everything but death. Its lines are printed. With SCRIPT set
// the function is a child of a shell.
func engineProcess() {
	if err := sandbox.Shelter(); err != nil {
		log.Fatal(err)
	}
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		log.Fatal(err)
	}
	command := []string{os.Args[0]}
	if os.Getenv("SCRIPT") != "" {
		command = []string{"/bin/sh", "-c", os.Args[0] + "; echo over"}
	}
	pool, err := sandbox.New(sandbox.Config{
		Name: "test", Command: command, Runtime: server,
		Env: map[string]string{functionVar: "confess", "ENGINE": fmt.Sprint(os.Getpid())},
		Output: func(l engine.LogLine) {
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

const rlimitProcesses = 6 // RLIMIT_NPROC, which package syscall does not name

// confession is what a function process knows.
type confession struct {
	PID         int
	Descriptors []string // that are open beside the standard ones
	Environment string   // of the engine
	Processes   uint64   // that it may have
}

func confess() {
	c := confession{PID: os.Getpid()}
	for fd := 3; fd < 100; fd++ {
		if target, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && !strings.HasPrefix(target, "anon_inode:") && !strings.HasPrefix(target, "/sys/") {
			c.Descriptors = append(c.Descriptors, target)
		}
	}
	environment, _ := os.ReadFile("/proc/" + os.Getenv("ENGINE") + "/environ")
	c.Environment = strings.Trim(string(environment), "\x00")
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(rlimitProcesses, &limit)
	c.Processes = limit.Cur
	line, err := json.Marshal(c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
	time.Sleep(time.Hour)
}

// startEngine starts an engine process, and returns what its function knows.
func startEngine(t *testing.T, files []*os.File, env ...string) (*exec.Cmd, confession) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	engine := exec.Command(os.Args[0])
	engine.Env = append(append(os.Environ(), functionVar+"=engine"), env...)
	engine.Stderr = os.Stderr
	engine.ExtraFiles = files
	stdout, err := engine.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		engine.Process.Kill()
		engine.Wait()
	})
	var c confession
	if err := json.NewDecoder(stdout).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return engine, c
}

// All processes of a function die with an engine that is killed, and not before.
func TestEngineIsKilled(t *testing.T) {
	for name, env := range map[string][]string{"program": nil, "script": {"SCRIPT=1"}} {
		t.Run(name, func(t *testing.T) {
			engine, c := startEngine(t, nil, env...)
			if !running(c.PID) {
				t.Fatal("the function does not run")
			}
			engine.Process.Kill()
			wantGone(t, c.PID)
		})
	}
}

// A function knows nothing of what the engine was given.
func TestShelter(t *testing.T) {
	secret, err := os.CreateTemp(t.TempDir(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	_, c := startEngine(t, []*os.File{secret, secret}, "AWS_SECRET_ACCESS_KEY=real")
	if len(c.Descriptors) > 0 {
		t.Errorf("the function has the descriptors %q", c.Descriptors)
	}
	if c.Environment != "" {
		t.Errorf("the function reads the engine's environment: %q", c.Environment)
	}
}

// The last processes of the machine are not for functions.
func TestProcessesAreLimited(t *testing.T) {
	_, c := startEngine(t, nil)
	var ours syscall.Rlimit
	if err := syscall.Getrlimit(rlimitProcesses, &ours); err != nil {
		t.Fatal(err)
	}
	if c.Processes >= ours.Cur {
		t.Errorf("the function may have %d processes, and the engine %d", c.Processes, ours.Cur)
	}
}

// A function that forks without end is ended, and says why.
func TestForkBomb(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	f := newFixture(t, "", func(c *sandbox.Config) {
		c.Command = []string{"/bin/sh", "-c", "i=0; while [ $i -lt 3000 ]; do sleep 60 & i=$((i+1)); done; wait"}
	})
	_, out := f.fail("Runtime.ExitError", nil)
	if !strings.Contains(out.Error.ErrorMessage, "processes and threads, and may have 1024") {
		t.Errorf("got %s", out.Error.ErrorMessage)
	}
}
