package main

import (
	"context"
	"os"
	"regexp"
	"syscall"

	"github.com/perdure/perdure/bench/peers/workload"
)

// powerSafe is the durability of all forms of Perdure.
const powerSafe = "power-safe: SQLite, WAL, synchronous=FULL; each answer after its commit is flushed"

// embeddedKey is the form that programs embed, without HTTP.
const embeddedKey = "perdure-embedded"

const invokePath = "/2015-03-31/functions/" + workload.Function + "/invocations?Qualifier=$LATEST"

// perdureServe is perdure serve with args.
func perdureServe(key, name string, args ...string) system {
	return system{Key: key, Name: name, Durability: powerSafe, Ours: true, Served: true,
		start: func(ctx context.Context, l *lab) (*instance, error) {
			p, url, err := serve(ctx, l, "data", args...)
			if err != nil {
				return nil, err
			}
			return &instance{
				load: overHTTP(url + invokePath), engine: []group{{p.pid(), itself}},
				functions: []group{{p.pid(), children}}, stop: func() { p.stop(syscall.SIGINT) },
			}, nil
		}}
}

// serve starts perdure serve with a data directory in the lab.
func serve(ctx context.Context, l *lab, data string, args ...string) (p *process, url string, err error) {
	p, err = start(command{path: l.program("perdure"), dir: l.dir, log: l.file(data + ".log"), args: append([]string{
		"serve", "--listen", "127.0.0.1:0", "--data", l.file(data),
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
