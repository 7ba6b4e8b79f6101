package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/perdure/perdure/bench/peers/workload"
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
		ports, err := freePorts(4)
		if err != nil {
			return nil, err
		}
		service, err := start(command{path: l.program("restate"), log: l.file("service.log"),
			args: []string{fmt.Sprintf("127.0.0.1:%d", ports[0])}})
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
		server, err = start(command{path: l.restate, dir: l.dir, log: l.file("restate.log"),
			args: []string{"--no-logo", "--listen-mode", "tcp", "--base-dir", l.file("data")},
			env: []string{"RESTATE_DISABLE_TELEMETRY=true", "RESTATE_LOG_FILTER=error", "DO_NOT_TRACK=1",
				"RESTATE_BIND_IP=127.0.0.1", fmt.Sprintf("RESTATE_BIND_PORT=%d", ports[1]),
				fmt.Sprintf("RESTATE_ADMIN__BIND_PORT=%d", ports[2]), fmt.Sprintf("RESTATE_INGRESS__BIND_PORT=%d", ports[3])}})
		if err != nil {
			return nil, err
		}
		at := func(port int, path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", port, path) }
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

// freePorts returns ports of the loopback interface that nobody listens on.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // when all are found, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
