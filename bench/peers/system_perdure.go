package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"

	"github.com/perdure/perdure/bench/peers/workload"
)

// powerSafe is the durability of all forms of Perdure.
const powerSafe = "power-safe: SQLite, WAL, synchronous=FULL; each answer after its commit is flushed"

// embeddedKey is the form that programs embed, without HTTP.
const embeddedKey = "perdure-embedded"

const invokePath = "/2015-03-31/functions/" + workload.Function + "/invocations?Qualifier=$LATEST"

// concurrencyFlag is the flag of perdure serve for how many invocations a function process takes at one time.
const concurrencyFlag = "--concurrency"

// How many invocations a function process takes at one time, in the two forms that are served.
const (
	oneAtATime  = 1
	manyAtATime = 64
)

// concurrencyHelp finds the flag in the help, and what its value looks like.
var concurrencyHelp = regexp.MustCompile(`(?m)^\s*` + concurrencyFlag + `\s+(\S+)`)

// concurrencyArgs are the arguments for a concurrency. help is what perdure serve says of its flags: a version without
// the flag has one invocation in each process.
func concurrencyArgs(help string, n int) ([]string, error) {
	flag := concurrencyHelp.FindStringSubmatch(help)
	switch {
	case flag == nil && n == oneAtATime:
		return nil, nil
	case flag == nil:
		return nil, fmt.Errorf("this perdure serve has no %s", concurrencyFlag)
	case regexp.MustCompile(`^\[?NAME`).MatchString(flag[1]):
		return []string{concurrencyFlag, fmt.Sprintf("%s=%d", workload.Function, n)}, nil
	}
	return []string{concurrencyFlag, fmt.Sprint(n)}, nil
}

func perdureServe(key, name string, concurrency int) system {
	return system{Key: key, Name: name, Durability: powerSafe, Ours: true, Served: true,
		start: func(ctx context.Context, l *lab) (*instance, error) {
			help, err := exec.CommandContext(ctx, l.program("perdure"), "serve", "-h").CombinedOutput()
			if err != nil {
				return nil, fmt.Errorf("perdure serve -h: %w: %s", err, help)
			}
			args, err := concurrencyArgs(string(help), concurrency)
			if err != nil {
				return nil, err
			}
			p, url, err := serve(ctx, l, args...)
			if err != nil {
				return nil, err
			}
			return &instance{
				load: overHTTP(url + invokePath), engine: []group{{p.pid(), itself}},
				functions: []group{{p.pid(), children}}, stop: func() { p.stop(syscall.SIGINT) },
			}, nil
		}}
}

// serve starts perdure serve on the data in the lab.
func serve(ctx context.Context, l *lab, args ...string) (p *process, url string, err error) {
	p, err = start(command{path: l.program("perdure"), dir: l.dir, log: l.file("perdure.log"), args: append([]string{
		"serve", "--listen", "127.0.0.1:0", "--data", l.file("data"),
		"--function", workload.Function + "=" + l.program("function"),
	}, args...)})
	if err != nil {
		return nil, "", err
	}
	err = p.until(ctx, func() bool {
		log, _ := os.ReadFile(p.log)
		if ready := perdureReady.FindSubmatch(log); ready != nil {
			url = string(ready[1])
		}
		return url != ""
	})
	if err != nil {
		p.stop(syscall.SIGINT)
		return nil, "", err
	}
	return p, url, nil
}

var perdureReady = regexp.MustCompile(`the Lambda API is on (http://\S+)`)

func perdureInProcess(key, name string, http bool) system {
	return system{Key: key, Name: name, Durability: powerSafe, Ours: true,
		start: func(ctx context.Context, l *lab) (*instance, error) {
			a, err := startAgent(ctx, l, "embedded", l.file("data"))
			if err != nil {
				return nil, err
			}
			i := &instance{load: a.load, engine: []group{{a.pid(), whole}}, stop: func() { a.stop(nil) }}
			if http {
				i.load = overHTTP(a.URL + invokePath)
			}
			return i, nil
		}}
}
