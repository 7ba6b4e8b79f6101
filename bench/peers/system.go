package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/perdure/perdure/bench/peers/load"
)

// system is one of those that are compared.
type system struct {
	Key        string
	Name       string // for the head of the table
	Durability string // what its default is, and what that means
	Ours       bool
	Served     bool // ours, behind perdure serve
	start      func(ctx context.Context, l *lab) (*instance, error)
}

// instance is a system that runs.
type instance struct {
	load      func(ctx context.Context, b load.Burst) load.Outcome
	engine    []group
	functions []group // nil if they are in the engine's processes
	stop      func()
}

// lab is where systems run: programs that were built, and a directory of one's own.
type lab struct {
	bin      string // directory of the programs
	dir      string // empty at first
	restate  string // the program, "" without it
	postgres string // directory of PostgreSQL's programs, "" without it
}

func (l *lab) program(name string) string { return filepath.Join(l.bin, name) }
func (l *lab) file(name string) string    { return filepath.Join(l.dir, name) }

// agent is a process that runs bursts in itself; see load.Serve.
type agent struct {
	*process
	load.Hello
	answers *json.Decoder
}

// startAgent starts a program of ours as an agent.
func startAgent(ctx context.Context, l *lab, name string, args ...string) (*agent, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p, err := start(command{path: l.program(name), args: args, log: l.file(name + ".log"), stdout: w})
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	a := &agent{process: p, answers: json.NewDecoder(r)}
	if err := a.read(ctx, &a.Hello); err != nil {
		p.stop(nil)
		return nil, err
	}
	return a, nil
}

// read reads the next thing that an agent says.
func (a *agent) read(ctx context.Context, into any) error {
	said := make(chan error, 1)
	go func() { said <- a.answers.Decode(into) }()
	select {
	case err := <-said:
		if err != nil {
			return a.failure(err)
		}
		return nil
	case <-ctx.Done():
		a.cmd.Process.Kill()
		<-said
		return ctx.Err()
	}
}

func (a *agent) load(ctx context.Context, b load.Burst) (out load.Outcome) {
	if err := json.NewEncoder(a.stdin).Encode(b); err != nil {
		return load.Outcome{Error: a.failure(err).Error()}
	}
	if err := a.read(ctx, &out); err != nil {
		return load.Outcome{Error: err.Error()}
	}
	return out
}

// overHTTP is load by POST requests, each of which is answered with the result of an execution. They go to the
// addresses in turn.
func overHTTP(urls ...string) func(context.Context, load.Burst) load.Outcome {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	return func(ctx context.Context, b load.Burst) load.Outcome {
		order, err := json.Marshal(b.Order)
		if err != nil {
			return load.Outcome{Error: err.Error()}
		}
		defer client.CloseIdleConnections()
		var next atomic.Int64
		return load.Run(ctx, b, func(ctx context.Context, b load.Burst) error {
			text, err := post(ctx, client, urls[int(next.Add(1))%len(urls)], order)
			if err == nil && string(text) != fmt.Sprint(b.Order.Total()) {
				err = fmt.Errorf("the result is %.200s, not %d", text, b.Order.Total())
			}
			return err
		})
	}
}

// post sends JSON and returns the answer.
func post(ctx context.Context, client *http.Client, url string, body []byte) ([]byte, error) {
	return request(ctx, client, "POST", url, bytes.NewReader(body))
}

// request sends a request and returns the answer, or an error if its status is no success.
func request(ctx context.Context, client *http.Client, method, url string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %.200s", resp.Status, text)
	}
	return bytes.TrimSpace(text), err
}

// errNotInstalled says that a peer is not on this machine.
func errNotInstalled(what string) error {
	return errors.New(strings.TrimSpace(what + " is not installed; make bench-peers installs it"))
}
