//go:build unix

package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// functionVar makes the test binary a function process: it names the function.
const functionVar = "PERDURE_TEST_FUNCTION"

func TestMain(m *testing.M) {
	name, ok := os.LookupEnv(functionVar)
	if !ok {
		os.Exit(m.Run())
	}
	start, ok := functions[name]
	if !ok {
		log.Fatalf("no test function %q", name)
	}
	start()
}

// serve returns a function that polls with the real runtime client.
func serve(handler any) func() {
	return func() { lambda.Start(handler) }
}

type outOfStock struct{}

func (outOfStock) Error() string { return "none left" }

// functions are what the test binary can be.
var functions = map[string]func(){
	"echo":   serve(func(_ context.Context, event any) (any, error) { return event, nil }),
	"pid":    serve(func() (int, error) { return os.Getpid(), nil }),
	"error":  serve(func() error { return outOfStock{} }),
	"panic":  serve(func() { panic("oh no") }),
	"exit 3": serve(func() { os.Exit(3) }),
	"exit 0": serve(func() { os.Exit(0) }),
	"killed": serve(func() { killSelf() }),
	"meet":   serve(func(m meeting) (int, error) { return os.Getpid(), m.attend() }),
	"hang":   serve(hang),
	"deadline": serve(func(ctx context.Context) (int, error) {
		deadline, _ := ctx.Deadline()
		return int(time.Until(deadline).Seconds()), nil
	}),
	"said pid": func() {
		fmt.Println("ready")
		serve(func() (int, error) { return os.Getpid(), nil })()
	},
	"wait for file": serve(func(path string) (int, error) {
		for !exists(path) {
			time.Sleep(time.Millisecond)
		}
		return os.Getpid(), nil
	}),
	"answer and exit": pidThen(func() { os.Exit(0) }),
	"linger":          pidThen(func() { time.Sleep(time.Hour) }),
	"large response":  serve(func() (string, error) { return strings.Repeat("x", 7<<20), nil }),
	"child":           serve(func(end string) (io.Reader, error) { return child(end, nil) }),
	"escaped child": serve(func(end string) (io.Reader, error) {
		return child(end, &syscall.SysProcAttr{Setsid: true})
	}),
	"sleep": func() { time.Sleep(time.Hour) },
	"ignore SIGTERM": func() {
		signal.Ignore(syscall.SIGTERM)
		serve(func() (int, error) { return os.Getpid(), nil })()
	},
	"say goodbye": func() {
		lambda.StartWithOptions(func() {}, lambda.WithEnableSIGTERM(func() {
			fmt.Println("goodbye")
			os.Exit(0)
		}))
	},
	"environment":       serve(environment),
	"durable":           serve(func() (answer, error) { fmt.Println("at work"); return succeeded("1"), nil }),
	"durable at a gate": serve(durableAtGate),
	"answer twice":      answerTwice,
	"durable ignores SIGTERM": func() {
		signal.Ignore(syscall.SIGTERM)
		serve(func() (answer, error) { return succeeded("1"), nil })()
	},
	"fork and exit": serve(func() {
		child("", nil)
		os.Exit(3)
	}),
	"flood for ever": serve(func() {
		for line := []byte(strings.Repeat("a line of the flood\n", 1000)); ; {
			os.Stdout.Write(line)
			os.Stderr.Write(line)
		}
	}),
	"use memory for ever": serve(func() { useMemory(400) }),
	"starve":              serve(starve),
	"garbage":             serve(func() (string, error) { return "nothing of the protocol", nil }),
	"use memory":          serve(useMemory),
	"child uses memory":   serve(childUsesMemory),
	"memory":              func() { useMemory(400) },
	"talk":                serve(talk),
	"flood":               serve(flood),
	"crash at start":      func() { fmt.Fprintln(os.Stderr, "no database"); os.Exit(5) },
	"exit 0 at start":     func() {},
	"never ask":           func() { fmt.Fprintln(os.Stderr, "busy elsewhere"); time.Sleep(time.Hour) },
	"report init error":   func() { reportInitError(); os.Exit(1) },
	"init error and hang": func() { reportInitError(); time.Sleep(time.Hour) },
	"slow start": func() {
		fmt.Println("starting")
		for !exists(os.Getenv("GATE")) {
			time.Sleep(time.Millisecond)
		}
		serve(func() {})()
	},
	"engine":  engineProcess,
	"confess": confess,
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func killSelf() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func hang(what string) (int, error) {
	if what == "hang" {
		fmt.Println("hanging")
		time.Sleep(time.Hour)
	}
	return os.Getpid(), nil
}

// meeting lets invocations wait until Size of them run at one time.
type meeting struct {
	Dir  string
	Size int
}

func (m meeting) arrive(name string) error {
	if m.Dir == "" {
		return errors.New("a meeting needs a directory")
	}
	return os.WriteFile(filepath.Join(m.Dir, name), nil, 0o644)
}

func (m meeting) arrived() int {
	entries, _ := os.ReadDir(m.Dir)
	return len(entries)
}

func (m meeting) attend() error {
	err := m.arrive(fmt.Sprint(os.Getpid()))
	for m.arrived() < m.Size && err == nil {
		time.Sleep(time.Millisecond)
	}
	return err
}

// answerThen is an answer after which the function does more: the runtime
// client closes it after it has sent it, before it polls again.
type answerThen struct {
	answer io.Reader
	then   func()
}

func (a *answerThen) Read(p []byte) (int, error) { return a.answer.Read(p) }

func (a *answerThen) Close() error {
	a.then()
	return nil
}

// pidThen answers with the process id.
func pidThen(then func()) func() {
	return serve(func() (io.Reader, error) {
		return &answerThen{strings.NewReader(fmt.Sprint(os.Getpid())), then}, nil
	})
}

// child starts a child process, which inherits the output, and answers with its id.
func child(end string, attr *syscall.SysProcAttr) (io.Reader, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{functionVar + "=sleep"}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	answer := strings.NewReader(fmt.Sprint(cmd.Process.Pid))
	if end == "exit" {
		return &answerThen{answer, func() { os.Exit(0) }}, nil
	}
	return answer, nil
}

// answer is that of a durable function.
type answer struct{ Status, Result string }

func succeeded(result string) answer { return answer{"SUCCEEDED", result} }

func durableAtGate() (answer, error) {
	fmt.Println("at work")
	for !exists(os.Getenv("GATE")) {
		time.Sleep(time.Millisecond)
	}
	return succeeded(os.Getenv("BUILD")), nil
}

// answerTwice answers each invocation, and then again with something else.
func answerTwice() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			log.Fatal(err)
		}
		next.Body.Close()
		for _, status := range []string{"SUCCEEDED", "FAILED"} {
			url := base + next.Header.Get("Lambda-Runtime-Aws-Request-Id") + "/response"
			response, err := http.Post(url, "application/json", strings.NewReader(`{"Status":"`+status+`"}`))
			if err != nil {
				log.Fatal(err)
			}
			response.Body.Close()
		}
	}
}

// useMemory takes megabytes and, if they are many, keeps them for ever.
func useMemory(megabytes int) {
	hold := bytes.Repeat([]byte{1}, megabytes<<20)
	if megabytes > 100 {
		time.Sleep(time.Hour)
	}
	runtime.KeepAlive(hold)
}

// starve lets the system run out of memory: that of its control group.
func starve() error {
	pid := []byte(fmt.Sprint(os.Getpid()))
	if err := os.WriteFile(filepath.Join(os.Getenv("GROUP"), "cgroup.procs"), pid, 0o644); err != nil {
		return err
	}
	useMemory(400)
	return nil
}

func childUsesMemory(megabytes int) error {
	if megabytes < 100 {
		return nil
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{functionVar + "=memory"}
	return cmd.Run()
}

func environment() (map[string]string, error) {
	env := make(map[string]string)
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env, nil
}

func talk(what string) {
	if what != "quiet" {
		fmt.Print("one\ntwo\nno newline")
	}
}

func flood(what string) {
	switch what {
	case "lines":
		for range 20 {
			os.Stdout.WriteString(strings.Repeat("a line of the flood\n", 10_000))
		}
	case "one line":
		os.Stdout.WriteString(strings.Repeat("x", 3<<20) + "\nafter\n")
	case "garbage":
		os.Stdout.WriteString(strings.Repeat("\xff\x00\r\n", 100_000))
	}
}

func reportInitError() {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
	response, err := http.Post(url, "application/json", strings.NewReader(`{"errorMessage":"no config","errorType":"Runtime.ConfigError"}`))
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
}
