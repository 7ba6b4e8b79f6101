package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"syscall"

	"github.com/perdure/perdure/bench/peers/workload"
	"github.com/perdure/perdure/internal/freeport"
)

// restateSystem is a Restate server with its defaults, and a service in a process of its own. The server pushes to
// the service over HTTP/2, in both directions at once, which is the fastest that there is.
var restateSystem = system{
	Key: "restate", Name: "Restate",
	Durability: "power-safe: RocksDB of the log server, write-ahead log flushed for each batch",
	start: func(ctx context.Context, l *lab) (i *instance, err error) {
		if l.restate == "" {
			return nil, errNotInstalled("Restate")
		}
		config, err := exec.CommandContext(ctx, l.restate, "--dump-config").Output()
		if err != nil {
			return nil, fmt.Errorf("%s --dump-config: %w", l.restate, err)
		}
		if !flushesLog.Match(config) {
			return nil, errors.New("its log server does not flush by default any more: correct its durability here")
		}
		var ports [4]*freeport.Port
		for i := range ports {
			if ports[i], err = freeport.Take(); err != nil {
				return nil, err
			}
			defer ports[i].Free()
		}
		service, err := start(command{path: l.program("restate"), log: l.file("service.log"),
			args: []string{ports[0].Address()}})
		if err != nil {
			return nil, err
		}
		var server *process
		stop := func() {
			server.stop(syscall.SIGTERM)
			service.stop(nil)
		}
		defer func() {
			if err != nil {
				stop()
			}
		}()
		port := func(name string, n int) string { return fmt.Sprintf("RESTATE_%sBIND_PORT=%d", name, ports[n].Number) }
		server, err = start(command{path: l.restate, dir: l.dir, log: l.file("restate.log"),
			args: []string{"--no-logo", "--listen-mode", "tcp", "--base-dir", l.file("data")},
			env: []string{"RESTATE_DISABLE_TELEMETRY=true", "RESTATE_LOG_FILTER=error", "RESTATE_BIND_IP=127.0.0.1",
				port("", 1), port("ADMIN__", 2), port("INGRESS__", 3)}})
		if err != nil {
			return nil, err
		}
		at := func(port *freeport.Port, path string) string { return "http://" + port.Address() + path }
		endpoint, _ := json.Marshal(map[string]string{"uri": at(ports[0], "")})
		work := at(ports[3], "/"+workload.Function+"/run")
		steps := []struct{ url, body string }{ // each works once the server is ready for it
			{at(ports[2], "/deployments"), string(endpoint)},
			{work, "{}"},
		}
		for _, s := range steps {
			if err := server.until(ctx, func() bool {
				_, err := post(ctx, http.DefaultClient, s.url, []byte(s.body))
				return err == nil
			}); err != nil {
				return nil, err
			}
		}
		return &instance{load: overHTTP(work), engine: []group{{server.pid(), whole}},
			functions: []group{{service.pid(), whole}}, stop: stop}, nil
	},
}

// flushesLog finds in a configuration that the log server flushes what it writes.
var flushesLog = regexp.MustCompile(`(?m)^\[log-server\]\n([^\[].*\n)*rocksdb-disable-wal-fsync = false$`)
