package outside

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// root is the repository, seen from this package.
const root = "../.."

// program embeds the engine, runs the handler of the order example, and mounts
// the API and the page.
const program = `package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/perdure/perdure"
)

func main() {
	ctx := context.Background()
	p, err := perdure.Open(ctx, os.Args[1], nil)
	check(err)
	check(perdure.Handle(p, "order", processOrder))
	var order Order
	check(json.Unmarshal([]byte(os.Args[2]), &order))
	x, err := perdure.Start(ctx, p, "order", order, perdure.Named("first"))
	check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Printf("http://%s %v\n", l.Addr(), x.Existing)
	go http.Serve(l, p.Handler())
	receipt, err := perdure.Wait[Receipt](ctx, p, x.ARN)
	check(err)
	fmt.Printf("%+v\n", receipt)
	select {}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
`

// TestEmbedding builds a module elsewhere, kills its program while the order
// waits, and sees the order completed by the next one.
func TestEmbedding(t *testing.T) {
	dir := t.TempDir()
	binary := buildOutside(t, dir)
	event, err := os.ReadFile(filepath.Join(root, "examples/order/events/event.json"))
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")

	p := start(t, binary, data, string(event))
	if said := p.line(); !strings.HasSuffix(said, " false") {
		t.Fatalf("got %q, want the start of an order", said)
	}
	for !strings.Contains(get(t, p.url+"/perdure/executions"), `"Doing":["waiting"]`) {
		time.Sleep(10 * time.Millisecond)
	}
	p.kill()

	p = start(t, binary, data, string(event))
	if said := p.line(); !strings.HasSuffix(said, " true") {
		t.Fatalf("got %q, want the order that exists", said)
	}
	for path, want := range map[string]string{
		"/2025-12-01/functions/order/durable-executions": `"DurableExecutionName":"first"`, "/ui/": "<html", "/health": "healthy",
	} {
		if got := get(t, p.url+path); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	// Nobody waits five seconds for a payment here.
	arn := regexp.MustCompile(`arn:aws:lambda:[^"]*`).FindString(get(t, p.url+"/perdure/executions"))
	resp, err := http.Post(p.url+"/perdure/executions/"+url.PathEscape(arn)+"/skip", "", strings.NewReader("{}"))
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("skipping the wait: %v, %v", resp, err)
	}
	if said := p.line(); !strings.HasPrefix(said, "{Status:completed ") {
		t.Errorf("got %q, want the receipt", said)
	}
	p.kill()
}

// TestEngineExample runs the example of package engine as a program of its own.
func TestEngineExample(t *testing.T) {
	dir := t.TempDir()
	example := read(t, filepath.Join(root, "engine/example_test.go"))
	write(t, dir, "main.go", strings.NewReplacer("package engine_test", "package main", "func Example()", "func main()").Replace(example))
	out, err := exec.CommandContext(t.Context(), buildModule(t, dir)).CombinedOutput()
	if got, want := string(out), "SUCCEEDED \"Hello\"\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// buildOutside builds a module in dir with the program and the files of the order
// example.
func buildOutside(t *testing.T, dir string) (binary string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "examples/order/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "embed.go", program)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text := read(t, path)
		write(t, dir, filepath.Base(path), strings.Replace(text, "func main() { durable.Start(processOrder) }\n", "", 1))
	}
	return buildModule(t, dir)
}

// buildModule makes of dir a module that uses the repository, and builds it.
func buildModule(t *testing.T, dir string) (binary string) {
	t.Helper()
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	mod := regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(read(t, filepath.Join(root, "go.mod")), "module outside")
	write(t, dir, "go.mod", fmt.Sprintf("%s\nrequire github.com/perdure/perdure v0.0.0\nreplace github.com/perdure/perdure => %s\n", mod,
		repository))
	write(t, dir, "go.sum", read(t, filepath.Join(root, "go.sum")))
	binary = filepath.Join(dir, "outside")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", binary, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// process is the program, running.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	url   string
	lines chan string
}

func start(t *testing.T, binary string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), lines: make(chan string, 10)}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	go scan(out, p.lines)
	return p
}

// scan sends the lines of r.
func scan(r io.Reader, lines chan<- string) {
	defer close(lines)
	for s := bufio.NewScanner(r); s.Scan(); {
		lines <- s.Text()
	}
}

// line is the next line that the program writes. The first begins with its URL.
func (p *process) line() string {
	p.t.Helper()
	select {
	case line := <-p.lines:
		if p.url == "" {
			p.url, _, _ = strings.Cut(line, " ")
		}
		return line
	case <-time.After(3 * time.Minute):
		p.t.Fatal("it writes nothing")
		return ""
	}
}

// kill is SIGKILL.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
