package host_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/project"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/template"
	"github.com/perdure/perdure/internal/host"
	"github.com/perdure/perdure/protocol"
)

// TestServe: every face is on the port, from Serve to Close.
func TestServe(t *testing.T) {
	f := open(t, func(o *host.Options) { o.SAM = true })
	f.here("order", "done")
	f.Serve()
	for path, want := range map[string]string{
		"/ready":                      `"ready"`,
		"/metrics":                    `perdure_build_info{version="v1.2.3"`,
		"/ui/":                        "<html",
		"/2015-03-31/functions/order": `"FunctionName":"order"`,
		"/perdure/about":              `"v1.2.3"`,
	} {
		if status, body := f.get(path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: got %d %.200s, want %s in it", path, status, body, want)
		}
	}
	if got := f.result("order", latest, "A1"); got != "done" {
		t.Errorf("got %q, want done", got)
	}
	if err := f.Host.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(f.URL + "/ready"); err == nil {
		t.Error("somebody answers after the end")
	}
	if err := f.Host.Close(); err != nil {
		t.Errorf("closing it again: %v", err)
	}
	if _, err := os.Stat(filepath.Join(f.opts.Data, ".gitignore")); err != nil {
		t.Errorf("the directory that was made is not hidden from git: %v", err)
	}
}

// TestUnserved: what waits for a function that nobody runs is counted, and goes on
// when it is served again.
func TestUnserved(t *testing.T) {
	f := open(t, nil)
	if got, err := f.Unserved(t.Context()); err != nil || got == nil || len(got) != 0 {
		t.Errorf("without executions: got %#v, %v, want an empty list, which JSON has as []", got, err)
	}
	f.here("order", "first")
	f.result("order", latest, "A1")
	if err := f.Engine.Functions().Register(engine.Function{
		Name: "order", Invoker: silent{}, Timeout: time.Minute, Durable: hour,
	}); err != nil {
		t.Fatal(err)
	}
	req := &engine.InvokeRequest{Function: "order", Qualifier: latest, Name: "A2", Payload: []byte("{}")}
	if _, err := f.Engine.Start(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Unserved(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("while it is served: got %v, %v, want none", got, err)
	}
	f.restart()
	got, err := f.Unserved(t.Context())
	if want := []engine.OpenCount{{Function: "order", Version: latest, N: 1}}; err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	f.here("order", "again")
	if got := f.result("order", latest, "A2"); got != "again" {
		t.Errorf("got %q, want again", got)
	}
}

// silent is an invoker that answers when the engine closes.
type silent struct{}

func (silent) Invoke(ctx context.Context, _ *engine.Invocation) engine.Outcome {
	<-ctx.Done()
	return engine.Outcome{Error: &protocol.ErrorObject{}}
}

// TestAddressError: an address that is taken is told as that.
func TestAddressError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for address, want := range map[string]host.AddressError{
		l.Addr().String(): {InUse: true},
		"127.0.0.1:99999": {},
	} {
		_, err := host.Open(t.Context(), &host.Options{Data: t.TempDir(), Listen: address, Log: discard})
		got, ok := errors.AsType[*host.AddressError](err)
		if !ok || got.Address != address || got.InUse != want.InUse {
			t.Errorf("%s: got %v, want an AddressError, in use: %v", address, err, want.InUse)
		}
	}
}

// TestInstall: programs are run, wherever they are; the engine keeps what they
// write, and it is shown.
func TestInstall(t *testing.T) {
	var invoked []string
	f := open(t, func(o *host.Options) {
		o.Invoked = func(inv *engine.Invocation) { invoked = append(invoked, inv.FunctionARN) }
	})
	served, err := f.Install(t.Context(), answers("done"), []project.Program{
		f.program("order"), {Name: "away", Attached: true},
		{Name: "behind", Path: "http://127.0.0.1:1/2015-03-31/functions/function/invocations"},
	}, nil)
	if err != nil || len(served) != 3 {
		t.Fatalf("got %v, %v, want all three", served, err)
	}
	f.Serve()
	if got := f.result("order", latest, "A1"); got != "done" {
		t.Errorf("got %q, want done", got)
	}
	if len(invoked) != 1 || !strings.Contains(invoked[0], ":function:order") {
		t.Errorf("it was told of the invocations %q, want one of order", invoked)
	}
	f.Host.Close() // which shows the rest
	if want := []string{"order | to answer is done"}; cmp.Diff(want, f.shown) != "" {
		t.Errorf("got %q, want %q", f.shown, want)
	}
}

// TestLeftOut: a function of a template that cannot be built keeps no other from
// being served; one alone is an error, and nothing is registered.
func TestLeftOut(t *testing.T) {
	f := open(t, nil)
	bad := project.Program{Name: "bad", Path: t.TempDir(), Spec: &template.Function{Runtime: "provided.al2023"}}
	good := f.program("good")
	good.Spec = &template.Function{Aliases: []string{"live"}}
	var out []string
	leftOut := func(p *project.Program, err error) { out = append(out, p.Name) }
	served, err := f.Install(t.Context(), answers("done"), []project.Program{bad, good}, leftOut)
	if err != nil || len(served) != 1 || !slices.Equal(out, []string{"bad"}) {
		t.Errorf("got %v, %v, left out %q, want good served, and bad left out", served, err, out)
	}
	if a, err := f.Engine.Functions().Alias(t.Context(), "good", "live"); err != nil || a.Version != latest {
		t.Errorf("the template's alias: got %v, %v", a, err)
	}
	_, err = f.Install(t.Context(), answers("done"),
		[]project.Program{{Name: "other", Attached: true}, {Name: "bad", Path: "nowhere"}}, nil)
	if err == nil {
		t.Error("a program that is nowhere is no error")
	}
	if _, _, err := f.Engine.Functions().Lookup(t.Context(), "other", ""); err == nil {
		t.Error("a function was registered before all were ready")
	}
	_, err = f.Install(t.Context(), answers("done"), []project.Program{bad, {Name: "worse", Path: "nowhere", Spec: bad.Spec}}, leftOut)
	if e, ok := errors.AsType[*build.Error](err); !ok || e.Message != "none of the functions can be run" {
		t.Errorf("got %v, want that none can be run", err)
	}
}

// TestRun: code that replaces other code runs beside it until that is closed.
func TestRun(t *testing.T) {
	f := open(t, nil)
	f.Serve()
	run := func(answer string) host.Running {
		p := f.program("order")
		s := answers(answer)
		code := &host.Code{Function: p.Function(s), Process: runtimes.Executable(p.Path, ""), Env: p.Environment(s)}
		r, err := f.Host.Run(code)
		if err != nil {
			t.Fatal(err)
		}
		if code.Function.Runtime != "provided.al2023" || code.Function.Handler != filepath.Base(p.Path) {
			t.Errorf("got runtime %q and handler %q", code.Function.Runtime, code.Function.Handler)
		}
		if e := r.Warm(t.Context()); e != nil {
			t.Fatal(e)
		}
		return r
	}
	first, second := run("one"), run("two")
	processes := f.metric("perdure_function_processes{")
	want := []string{
		`perdure_function_processes{function="order",version="$LATEST",state="busy"} 0`,
		`perdure_function_processes{function="order",version="$LATEST",state="idle"} 2`,
		`perdure_function_processes{function="order",version="$LATEST",state="starting"} 0`,
		`perdure_function_processes{function="order",version="$LATEST",state="ending"} 0`,
	}
	if diff := cmp.Diff(want, processes); diff != "" {
		t.Errorf("processes of both (-want +got):\n%s", diff)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := f.metric("perdure_function_processes{"); !strings.HasSuffix(got[1], " 1") {
		t.Errorf("processes after the end of one: %q", got)
	}
	fn := engine.Function{Name: "order", Invoker: second, Timeout: time.Minute, Durable: hour}
	if err := f.Engine.Functions().Register(fn); err != nil {
		t.Fatal(err)
	}
	if got := f.result("order", latest, "A1"); got != "two" {
		t.Errorf("got %q, want two", got)
	}
}

// TestRehearse: only code that knows what a rehearsal is gets one, and is told.
func TestRehearse(t *testing.T) {
	f := open(t, nil)
	script := filepath.Join(t.TempDir(), "function")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	rehearse := func(path string) (host.Running, error) {
		p := f.program("order")
		env := answers("done").Env
		return f.Host.Run(&host.Code{Function: p.Function(answers("")), Process: runtimes.Executable(path, ""), Env: env,
			For: host.Rehearsing})
	}
	if _, err := rehearse(script); !errors.Is(err, host.ErrNoRehearsal) {
		t.Errorf("got %v, want %v", err, host.ErrNoRehearsal)
	}
	f.here("order", "done")
	if err := f.Engine.Functions().Register(engine.Function{
		Name: "order", Invoker: silent{}, Timeout: time.Minute, Durable: hour,
	}); err != nil {
		t.Fatal(err)
	}
	started, err := f.Engine.Start(t.Context(), &engine.InvokeRequest{Function: "order", Qualifier: latest, Name: "A1",
		Payload: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := rehearse(f.program("").Path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	var file bytes.Buffer
	if err := f.Engine.Export(t.Context(), started.ARN, &file); err != nil {
		t.Fatal(err)
	}
	rec, err := rehearsal.Read(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	code := host.Rehearses(r, &engine.Function{Name: "order"}, time.Minute)
	if v := rec.Rehearse(t.Context(), code); v.Kind != rehearsal.Replays {
		t.Errorf("got %s, %s, want that it replays: a step that was not recorded must not run", v.Kind, v.Text)
	}
}

// TestRequestsUnderWayAreAnswered: what a client has begun to ask when the host closes is answered by an engine that is
// there, and nobody else gets in.
func TestRequestsUnderWayAreAnswered(t *testing.T) {
	f := open(t, nil)
	f.here("order", "done")
	f.Serve()
	address := strings.TrimPrefix(f.URL, "http://")
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const body = `"A1"`
	fmt.Fprintf(client, "POST /2015-03-31/functions/order/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"+
		"Expect: 100-continue\r\nX-Amz-Invocation-Type: Event\r\n\r\n", len(body))
	reader := bufio.NewReader(client)
	if line, err := reader.ReadString('\n'); !strings.Contains(line, " 100 ") { // now it is under way
		t.Fatalf("got %q, %v", line, err)
	}
	closed := make(chan error)
	go func() { closed <- f.Host.Close() }()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		other, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		other.Close()
		if time.Now().After(end) {
			t.Fatal("a host that closes takes connections")
		}
	}
	fmt.Fprint(client, body)
	rest, err := io.ReadAll(reader)
	if !strings.Contains(string(rest), "HTTP/1.1 202 ") {
		t.Errorf("got %q, %v, want 202", rest, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestPublished: a version runs with the code and the settings that it had, after a
// restart too, and its code goes with it.
func TestPublished(t *testing.T) {
	f := open(t, nil)
	f.install("order", "one")
	if err := f.RunPublished(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Serve()
	p := f.program("order")
	p.Spec = &template.Function{Aliases: []string{"live"}}
	if err := host.PointAliases(t.Context(), f.Engine, &p); err != nil {
		t.Fatal(err)
	}
	if err := f.PublishAliases(t.Context(), &p); err != nil {
		t.Fatal(err)
	}
	f.install("order", "two")
	if got := f.result("order", "live", "A1") + " " + f.result("order", latest, "A2"); got != "one two" {
		t.Errorf("got %q, want one two", got)
	}
	f.restart()
	if err := f.RunPublished(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Serve()
	if got := f.result("order", "1", "A3"); got != "one" {
		t.Errorf("got %q after a restart, want one", got)
	}
	if _, err := f.Engine.Verify(t.Context(), unexpected(t)); err != nil {
		t.Error(err)
	}
	code := filepath.Join(f.opts.Data, "code")
	if got, _ := os.ReadDir(code); len(got) == 0 {
		t.Error("there is no code of the version")
	}
	if err := f.Engine.Functions().DeleteAlias(t.Context(), "order", "live"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Engine.Functions().DeleteFunction(t.Context(), "order", "1"); err != nil {
		t.Fatal(err)
	}
	f.Host.Close() // which waits for the removal
	left, _ := filepath.Glob(filepath.Join(code, "[0-9a-f]*"))
	if len(left) > 0 {
		t.Errorf("the code of the deleted version is still there: %q", left)
	}
}

// TestDoors: functions find the Runtime API and their doors to the Lambda API on
// one port. With credentials strangers are refused at the other, and functions
// come in and do what functions may do; without any everybody may do everything.
func TestDoors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	if _, err := credentials.Add(file, "ann", credentials.Full); err != nil {
		t.Fatal(err)
	}
	known, err := credentials.Open(file, discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name           string
		credentials    server.Credentials
		stranger, list int // statuses
	}{{"credentials", known, http.StatusForbidden, http.StatusForbidden}, {"none", nil, http.StatusOK, http.StatusOK}} {
		t.Run(test.name, func(t *testing.T) {
			f := open(t, func(o *host.Options) { o.Server.Credentials = test.credentials })
			f.install("order", endpoints)
			f.Serve()
			if status, _ := f.get("/2015-03-31/functions/order"); status != test.stranger {
				t.Errorf("a stranger got %d, want %d", status, test.stranger)
			}
			runtime, door := onePort(t, f.result("order", latest, "A1"))
			if status := statusOf(t, door+"/2015-03-31/functions"); status != test.list {
				t.Errorf("a list of functions: got %d, want %d", status, test.list)
			}
			secret := path.Base(door)
			for _, stranger := range []string{"http://" + runtime + "x/2018-06-01/runtime/invocation/next",
				"http://" + path.Dir(runtime) + "/" + secret + "/2018-06-01/runtime/invocation/next", door + "x/health",
				"http://" + path.Dir(runtime) + "/function/" + path.Base(runtime) + "/health",
				"http://" + path.Dir(runtime) + "/2015-03-31/functions", "http://" + path.Dir(runtime) + "/metrics"} {
				if status := statusOf(t, stranger); status != http.StatusForbidden {
					t.Errorf("%s: got %d, want %d", stranger, status, http.StatusForbidden)
				}
			}
			if test.credentials == nil {
				if got := f.metric(`perdure_http_requests_total{operation="CheckpointDurableExecution",status="200"}`); len(got) != 1 {
					t.Errorf("got the counts %q, want one of the function's checkpoints", got)
				}
			}
		})
	}
}

// onePort checks what a function says of its endpoints.
func onePort(t *testing.T, answer string) (runtime, door string) {
	t.Helper()
	runtime, door, _ = strings.Cut(answer, " ")
	if !strings.HasPrefix(door, "http://"+path.Dir(runtime)+"/function/") || strings.Count(runtime, "/") != 1 {
		t.Fatalf("the function has the endpoints %q and %q, want HOST:PORT/SECRET and http://HOST:PORT/function/SECRET", runtime, door)
	}
	return runtime, door
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestOutpost: a function runs for an engine elsewhere, and reaches its Lambda API.
func TestOutpost(t *testing.T) {
	f := open(t, nil)
	post, err := host.OpenOutpost(lambdaapi.New(f.Engine, f.Engine.Functions(), &lambdaapi.Options{Logger: discard}), discard)
	if err != nil {
		t.Fatal(err)
	}
	defer post.Close()
	p := f.program("order")
	shop := &host.Workshop{Data: t.TempDir()}
	defer shop.Close()
	proc, err := shop.Prepare(t.Context(), &p)
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []string{"one", "two", endpoints} {
		fn := engine.Function{Name: "order", Concurrency: 1, Timeout: time.Minute}
		inv, err := post.Run(&host.Code{Function: fn, Process: proc, Env: answers(answer).Env}, "eu-west-1", "1", nil)
		if err != nil {
			t.Fatal(err)
		}
		fn.Invoker, fn.Durable = inv, hour
		if err := f.Engine.Functions().Register(fn); err != nil {
			t.Fatal(err)
		}
		got := f.result("order", latest, answer)
		if answer == endpoints {
			onePort(t, got)
		} else if got != answer {
			t.Errorf("got %q, want %s", got, answer)
		}
	}
}

// TestThrottled: of a function that writes too fast the rest of a second is left
// out, and counted.
func TestThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []engine.LogLine
		show := host.Throttled(func(line engine.LogLine) { got = append(got, line) })
		for range 1200 {
			show(engine.LogLine{Text: "x"})
		}
		if len(got) != 1000 {
			t.Errorf("%d lines are shown, want 1000", len(got))
		}
		time.Sleep(time.Second)
		show(engine.LogLine{Text: "y"})
		if len(got) != 1002 || got[1000].Text != "200 lines are not shown: the function writes too fast" || got[1001].Text != "y" {
			t.Errorf("got %v at last", got[1000:])
		}
		got = nil
		time.Sleep(time.Second)
		for range 3 {
			show(engine.LogLine{Text: strings.Repeat("x", 200<<10)})
		}
		if len(got) != 2 {
			t.Errorf("%d lines of 200 KiB are shown, want 2", len(got))
		}
	})
}
