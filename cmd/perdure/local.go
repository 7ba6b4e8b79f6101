package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/emulator"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/core/store/sqlstore"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/internal/function/build"
	"github.com/perdure/perdure/internal/function/httpfunction"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/internal/observe/otlp"
	"github.com/perdure/perdure/protocol"
)

// defaultData is the data directory where none is given.
const defaultData = ".perdure"

// localFlags are the flags of the verbs that run an engine.
type localFlags struct {
	data       string
	listen     string
	durability sqlstore.Durability
	strict     bool
	security   securityFlags  // of verbs that define them
	telemetry  telemetryFlags // of verbs that define them
	sam        bool           // stand in for SAM's emulator; of verbs that define it
}

func (f *localFlags) define(fs *flag.FlagSet, listen string) {
	fs.StringVar(&f.data, "data", defaultData, "`DIR` that holds the engine's data")
	fs.StringVar(&f.listen, "listen", listen, "`ADDRESS` of the Lambda API; port 0 takes a free one")
	fs.TextVar(&f.durability, "durability", sqlstore.Power, "what acknowledged work survives the loss of: `power`, process or none")
	fs.BoolVar(&f.strict, "strict", false, "refuse and limit what AWS does, where it does not bind here")
}

// check returns a problem if the address may not be served, or a flag is a mistake.
func (f *localFlags) check() error { return cmp.Or(f.security.check(f.listen), f.telemetry.check()) }

// local is an engine in this process, with all that it needs: data on disk, the
// Lambda API for functions and others, the Runtime API and function processes.
type local struct {
	localFlags
	url    string // of the Lambda API
	engine *engine.Engine
	failed chan error // receives why the Lambda API stopped by itself

	traces   *otlp.Exporter     // nil unless they are exported
	emulator *emulator.Emulator // nil unless SAM may start executions

	store    *sqlstore.Store
	listener net.Listener
	server   *server.Server
	doors    *doors // nil if functions come in as everybody does
	runtime  *runtimeapi.Server
	pools    []*sandbox.Pool // of newest code
	poolsMu  sync.Mutex      // guards pools
	versions *versions       // published ones
	builds   build.Holds     // of what runs
	workers  attached.Hub    // on other machines
	closing  sync.Once
	closed   error
}

// openLocal starts an engine. Its troubles go to log. The address of its Lambda
// API is taken, but nobody is answered before serve: a client that comes while
// functions are still being built waits for them.
func openLocal(ctx context.Context, f localFlags, log *slog.Logger) (*local, error) {
	l := &local{localFlags: f, failed: make(chan error, 2)}
	if err := l.open(ctx, log); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *local) open(ctx context.Context, log *slog.Logger) (err error) {
	if err := sandbox.Shelter(); err != nil {
		log.Warn("functions may be able to read the engine's environment", "error", err)
	}
	owner := fmt.Sprintf("pid %d", os.Getpid())
	made := !fileExists(l.data)
	lock, err := sqlstore.TakeLock(l.data, owner)
	if err != nil {
		return dataFault(l.data, err)
	}
	if err := checkRestored(l.data); err != nil { // with the lock: nobody is still at it
		lock.Release()
		return err
	}
	if l.store, err = sqlstore.Open(ctx, l.data, &sqlstore.Options{Durability: l.durability, Owner: owner, Logger: log, Lock: lock}); err != nil {
		return dataFault(l.data, err)
	}
	if made || filepath.Base(l.data) == defaultData {
		hideFromGit(l.data)
	}
	if l.listener, err = listen(l.listen); err != nil {
		return err
	}
	l.url = l.security.url(l.listener.Addr())
	opts := &engine.Options{Logger: log, Strict: l.strict, Telemetry: l.telemetry.options()}
	if l.traces, err = openTraces(log); err != nil {
		return err
	}
	if l.traces != nil {
		opts.Tracer = &tracer{l.traces}
	}
	if l.engine, err = engine.Open(ctx, l.store, opts); err != nil {
		return dataFault(l.data, err)
	}
	if l.runtime, err = runtimeapi.Listen(log); err != nil {
		return cli.Faultf("%v", err)
	}
	if l.versions, err = newVersions(l, log); err != nil {
		return err
	}
	if err := l.openServer(log); err != nil {
		return err
	}
	return l.store.SetOwner(owner + ", " + l.url)
}

// openServer makes the server of the port, and of the doors if need be.
func (l *local) openServer(log *slog.Logger) error {
	opts, err := l.security.options(log)
	if err != nil {
		return err
	}
	if l.sam {
		opts.Hosts = append(opts.Hosts, dockerHost)
	}
	if l.traces != nil {
		opts.Spans = l.traces
	}
	opts.Metrics, opts.Ready = http.HandlerFunc(l.writeMetrics), l.engine.Ready
	faces := l.faces(log)
	l.server = server.New(faces, opts)
	if l.security.needsDoors() {
		l.doors, err = openDoors(faces[0], log, opts.Spans)
	}
	return err
}

// faces are what the engine shows on its port, the Lambda API first.
func (l *local) faces(log *slog.Logger) []*route.Face {
	faces := []*route.Face{
		lambdaapi.New(l.engine, l.engine.Functions(), &lambdaapi.Options{Logger: log, Strict: l.strict}),
		adminapi.New(l.engine, l.engine.Functions(), &adminapi.Options{
			Logger: log, Version: version(), Workers: &l.workers,
			Backups: &adminapi.Backups{Dir: l.data, Make: func(ctx context.Context, dir string) (func(context.Context, io.Writer) error, error) {
				return copyData(ctx, l.store, l.versions.code, dir)
			}},
		}),
		page.New(l.engine, l.engine.Functions(), &page.Options{Logger: log, Version: version()}),
	}
	if l.newEmulator(log); l.emulator != nil {
		faces = append(faces, l.emulator.Face())
	}
	return faces
}

// serve begins to answer on the port, and at the doors.
func (l *local) serve() {
	if l.doors != nil {
		l.doors.serve(l.failed)
	}
	go func() {
		if err := l.server.Serve(l.listener); err != nil {
			l.failed <- err
		}
	}()
}

// hideFromGit keeps a data directory, which must be nothing but that, out of the
// repository it may be in. It is a courtesy: without it the engine works as well.
func hideFromGit(dir string) {
	f, err := os.OpenFile(filepath.Join(dir, ".gitignore"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString("*\n")
}

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, cli.Faultf("%s is in use by another program", address).
			Hintf("if that is an engine, use it: perdure invoke FUNCTION --endpoint http://%s", address).
			Hintf("or choose another address: --listen 127.0.0.1:0 takes a free port")
	case err != nil:
		return nil, cli.Faultf("cannot listen on %s: %v", address, errors.Unwrap(err)).Hintf("choose another address with --listen")
	}
	return listener, nil
}

// register makes the function fn known, run by processes of proc.
func (l *local) register(fn engine.Function, p program, proc *runtimes.Process, env map[string]string) error {
	fn.Runtime, fn.Handler = cmp.Or(fn.Runtime, proc.Runtime, "provided.al2023"), cmp.Or(fn.Handler, proc.Handler, filepath.Base(proc.Command[0]))
	pool, err := l.deploy(fn, proc, env, p.output)
	if err != nil {
		return err
	}
	fn.Invoker = pool
	if p.watch != nil {
		fn.Invoker = p.watch(pool)
	}
	if err := l.engine.Functions().Register(fn); err != nil {
		return cli.Faultf("%v", err)
	}
	return nil
}

// deploy returns what runs the newest code of fn, until it is retired or the
// engine closes.
func (l *local) deploy(fn engine.Function, proc *runtimes.Process, env map[string]string, output func(sandbox.Line), tune ...func(*sandbox.Config)) (*deployed, error) {
	pool, err := l.newPool(fn, proc, env, output, tune...)
	if err != nil {
		return nil, cli.Faultf("%v", err)
	}
	l.poolsMu.Lock()
	defer l.poolsMu.Unlock()
	l.pools = append(l.pools, pool)
	return &deployed{pool, l.versions, proc, env}, nil
}

// retire ends what deploy returned, after the invocations under way.
func (l *local) retire(d *deployed) {
	_ = d.Pool.Close(context.Background()) // nothing else ends it, until the engine closes
	l.poolsMu.Lock()
	defer l.poolsMu.Unlock()
	l.pools = slices.DeleteFunc(l.pools, func(p *sandbox.Pool) bool { return p == d.Pool })
}

// newPool returns a pool that runs the function version fn in processes of proc.
func (l *local) newPool(fn engine.Function, proc *runtimes.Process, env map[string]string, output func(sandbox.Line), tune ...func(*sandbox.Config)) (*sandbox.Pool, error) {
	cfg := sandbox.Config{
		Name: fn.Name, Version: fn.Version, Command: proc.Command, Handler: proc.Handler, OwnPort: proc.OwnPort, Dir: proc.Dir,
		Env: env, RuntimeEnv: proc.Env,
		MemoryMB: fn.MemoryMB, PerTenant: fn.PerTenant, Timeout: fn.Timeout, LambdaEndpoint: l.endpointOf(fn.Name), Runtime: l.runtime, Output: l.keeping(output),
	}
	for _, set := range tune {
		set(&cfg)
	}
	return sandbox.New(cfg)
}

// runPublished has published versions run, those that there are and those to
// come. What their processes write goes to output; see [versions].
func (l *local) runPublished(ctx context.Context, output func(function, version string) func(sandbox.Line)) error {
	l.versions.output = output
	if err := l.engine.Functions().RunVersions(ctx, l.versions); err != nil {
		return dataFault(l.data, err)
	}
	return nil
}

// keeping returns what keeps the lines of a function, and shows them if there
// is a show, within bounds.
func (l *local) keeping(show func(sandbox.Line)) func(sandbox.Line) {
	if show != nil {
		show = throttled(show)
	}
	return func(line sandbox.Line) {
		l.engine.Log(engine.LogLine{
			Time: line.Time, ExecutionARN: line.ExecutionARN, RequestID: line.RequestID, Stream: line.Stream, Text: line.Text,
		})
		if show != nil {
			show(line)
		}
	}
}

// registerElsewhere makes the function fn known, which runs at p's endpoint or
// where workers attach.
func (l *local) registerElsewhere(fn engine.Function, p program) error {
	if p.attached {
		fn.Invoker = l.workers.Function(attached.Settings{
			Name: fn.Name, Version: protocol.LatestVersion, Timeout: fn.Timeout, MemoryMB: fn.MemoryMB, Region: region, Account: account,
		})
		fn.StartTimeout = workerPatience
	} else {
		remote, err := httpfunction.New(httpfunction.Config{URL: p.path, Timeout: fn.Timeout})
		if err != nil {
			return cli.Usagef("%v", err)
		}
		fn.Invoker, fn.Concurrency = remote, 1
	}
	if p.watch != nil {
		fn.Invoker = p.watch(fn.Invoker)
	}
	if err := l.engine.Functions().Register(fn); err != nil {
		return cli.Faultf("%v", err)
	}
	return nil
}

const (
	// account is that of an engine's functions.
	account = "000000000000"
	// workerPatience is how long an invocation waits for a worker that is free.
	workerPatience = 24 * time.Hour
)

// endpointOf is where the function called name finds the Lambda API.
func (l *local) endpointOf(name string) string {
	if l.doors == nil {
		return l.url
	}
	return l.doors.url + l.doors.Path(name)
}

// closeTimeout bounds how long we wait for things to end in good order. What
// is not closed in time is as safe as after a crash.
const closeTimeout = 10 * time.Second

// close ends everything, the function processes included. It may be called
// again, and on what openLocal has opened only in part.
func (l *local) close() error {
	l.closing.Do(func() { l.closed = l.shutdown() })
	return l.closed
}

func (l *local) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var errs []error
	if l.engine != nil {
		errs = append(errs, l.engine.Close(ctx))
	}
	l.poolsMu.Lock()
	pools := slices.Clone(l.pools)
	l.poolsMu.Unlock()
	for _, p := range pools {
		errs = append(errs, p.Close(ctx))
	}
	if l.versions != nil {
		errs = append(errs, l.versions.close(ctx))
	}
	l.builds.Release()
	if l.listener != nil {
		l.listener.Close() // the server may have done so already
	}
	if l.server != nil {
		_ = l.server.Shutdown(ctx) // whoever still waits for an execution has been told, or asks again
	}
	if l.doors != nil {
		l.doors.close(ctx)
	}
	if l.runtime != nil {
		errs = append(errs, l.runtime.Close())
	}
	if l.store != nil && ctx.Err() == nil {
		errs = append(errs, l.store.Close())
	}
	if l.traces != nil {
		errs = append(errs, l.traces.Close(ctx))
	}
	return errors.Join(errs...)
}

// unserved counts the open executions that wait because nothing here runs their
// function.
func (l *local) unserved(ctx context.Context) ([]engine.OpenCount, error) {
	open, err := l.engine.CountOpen(ctx)
	if err != nil {
		return nil, dataFault(l.data, err)
	}
	return slices.DeleteFunc(open, func(c engine.OpenCount) bool {
		f, _, err := l.engine.Functions().Lookup(c.Function, c.Version)
		return err == nil && f.Invoker != nil
	}), nil
}
