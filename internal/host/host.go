// Package host runs one engine in one process: a data directory, a port with every face of the engine, and the
// functions, as processes or elsewhere. Executions are kept in the directory, or in a PostgreSQL that several engines
// share: see [Storage].
//
// [Open] takes the storage and the port, [Host.Install] registers functions, and [Host.Serve] begins to answer.
// [Host.Run] runs the newest code of a function for callers who replace it while it is in use. [Backup], [Restore],
// [Move] and [Verify] are for a storage without a running engine; an [Outpost] runs a function for an engine elsewhere.
//
// The package knows no flags, and writes nothing for people: it tells a logger and functions of its caller, who
// also words its errors: a [DataError], an [AddressError], an error of the packages build and runtimes, or a plain
// one.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/emulator"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/function/attached"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/internal/observe/otlp"
	"github.com/perdure/perdure/protocol"
)

// Options are those of a host. Data, Listen and Log are required.
type Options struct {
	Data       string             // the directory of the data; it is made when needed
	Store      string             // the URL of the PostgreSQL that keeps executions; empty for the directory
	Listen     string             // the address of the port; port 0 takes a free one
	Durability Durability         // of a directory
	Node       engine.NodeOptions // how the engine presents itself to others with the same Store
	Strict     bool               // refuse and limit as AWS does, even where it does not bind here
	Crashes    engine.CrashLimit  // of functions that do not say it themselves
	SAM        bool               // stand in for SAM's emulator of durable functions
	Server     server.Options     // hosts, credentials and certificate; the host adds the rest
	Telemetry  *engine.Telemetry  // records of executions; nil for none
	Traces     *otlp.Config       // where spans go; nil for nowhere
	Decoder    *page.Decoder      // makes payloads readable on the page; nil shows them as they are stored
	Version    string             // of the program, for clients
	Log        *slog.Logger

	// Output returns a function that shows a function's lines; version is empty for the newest. When too many come,
	// lines are left out. Nil shows none.
	Output func(function, version string) func(engine.LogLine)
	// Invoked hears of each invocation of functions of [Host.Install], before it begins; may be nil.
	Invoked func(*engine.Invocation)
	// Building gets lines for people about a function that is built or installed; function is empty if the line
	// names it, or comes from a tool. May be nil.
	Building func(function, line string)
}

// Host is an engine in this process, with its surroundings.
type Host struct {
	*Workshop
	URL    string // of the port
	Engine *engine.Engine
	// Failed receives the error if the port, or that of functions, closes by itself.
	Failed chan error

	opts     Options
	traces   *otlp.Exporter     // nil unless they are exported
	emulator *emulator.Emulator // nil unless SAM may start executions
	data     *data
	listener net.Listener
	server   *server.Server
	doors    *doors
	poolsMu  sync.Mutex
	pools    []*sandbox.Pool // those that have not ended
	ended    bool            // no more pools may begin
	versions *versions       // published ones
	workers  attached.Hub    // on other machines
	closing  sync.Once
	closed   error
}

// Open starts an engine and takes the address of its port, but answers nobody before [Host.Serve]: a client that
// comes while functions are being built waits for them.
func Open(ctx context.Context, opts *Options) (*Host, error) {
	h := &Host{
		opts: *opts, Failed: make(chan error, 2),
		Workshop: &Workshop{Data: opts.Data, Building: opts.Building},
	}
	if err := h.open(ctx); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

func (h *Host) open(ctx context.Context) (err error) {
	log := h.opts.Log
	if err := sandbox.Shelter(); err != nil {
		log.Warn("functions may be able to read the engine's environment", "error", err)
	}
	owner := fmt.Sprintf("pid %d", os.Getpid())
	h.data, err = h.Storage().open(ctx, &opening{owner: owner, durability: h.opts.Durability, log: log, make: true})
	if err != nil {
		return err
	}
	if h.listener, err = listen(h.opts.Listen); err != nil {
		return err
	}
	h.URL = urlOf(h.listener.Addr(), h.opts.Server.Certificate != nil)
	opts := &engine.Options{Logger: log, Strict: h.opts.Strict, Crashes: h.opts.Crashes, Telemetry: h.opts.Telemetry,
		Node: h.node()}
	if h.opts.Traces != nil {
		h.traces = otlp.New(h.opts.Traces, log)
		opts.Tracer = &tracer{h.traces}
	}
	if h.Engine, err = engine.Open(ctx, h.data.kept, opts); err != nil {
		return h.Fault(err)
	}
	if h.versions, err = newVersions(h); err != nil {
		return err
	}
	if err := h.openServer(); err != nil {
		return err
	}
	return h.data.lock.SetOwner(owner + ", " + h.URL)
}

// node is how the engine presents itself to the other nodes of a fleet.
func (h *Host) node() engine.NodeOptions {
	node := h.opts.Node
	node.Version = h.opts.Version
	machine, _ := os.Hostname()
	node.Name = cmp.Or(node.Name, machine)
	if tcp, ok := h.listener.Addr().(*net.TCPAddr); node.URL == "" && ok {
		if node.URL = h.URL; tcp.IP.IsUnspecified() && machine != "" {
			node.URL = strings.Replace(h.URL, "localhost", machine, 1)
		}
	}
	return node
}

// Storage is where executions are kept.
func (h *Host) Storage() Storage { return Storage{Dir: h.opts.Data, URL: h.opts.Store} }

// AddressError says why an address cannot be served.
type AddressError struct {
	Address string
	InUse   bool // by another program
	Err     error
}

func (e *AddressError) Error() string {
	if e.InUse {
		return e.Address + " is in use by another program"
	}
	return fmt.Sprintf("cannot listen on %s: %v", e.Address, errors.Unwrap(e.Err))
}

// Unwrap returns the system's error.
func (e *AddressError) Unwrap() error { return e.Err }

func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &AddressError{Address: address, InUse: errors.Is(err, syscall.EADDRINUSE), Err: err}
	}
	return l, nil
}

// urlOf is the URL of a served address for clients on this machine.
func urlOf(a net.Addr, secure bool) string {
	scheme, address := "http", a.String()
	if secure {
		scheme = "https"
	}
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		address = fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return scheme + "://" + address
}

// Serve begins to answer on the port.
func (h *Host) Serve() {
	go func() {
		if err := h.server.Serve(h.listener); err != nil {
			h.Failed <- err
		}
	}()
}

// Fault returns an error of the engine as one of its storage, unless it is a refusal, a [*protocol.Error].
func (h *Host) Fault(err error) error {
	if _, refused := errors.AsType[*protocol.Error](err); refused {
		return err
	}
	return dataError(h.Storage(), err)
}

// closeTimeout bounds the wait for an orderly end. The rest is as safe as after a crash.
const closeTimeout = 10 * time.Second

// Close ends everything, the function processes included, within ten seconds. It may be called again.
func (h *Host) Close() error {
	h.closing.Do(func() { h.closed = h.shutdown() })
	return h.closed
}

// restTime is how long requests under way have before the engine closes.
const restTime = time.Second

// answerRest takes no more connections and requests, so that clients go to another node, and answers those that are
// under way. It returns when they are answered or restTime is over: the others wait for an execution, and are told when
// the engine closes. Then answered closes.
func (h *Host) answerRest(ctx context.Context) (answered <-chan struct{}) {
	done := make(chan struct{})
	if h.server == nil {
		close(done)
		return done
	}
	go func() {
		defer close(done)
		_ = h.server.Shutdown(ctx)
	}()
	select {
	case <-done:
	case <-time.After(restTime):
	}
	return done
}

// shutdown ends what was opened, perhaps only a part.
func (h *Host) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var errs []error
	answered := h.answerRest(ctx)
	if h.Engine != nil {
		errs = append(errs, h.Engine.Close(ctx))
	}
	h.poolsMu.Lock()
	h.ended = true
	h.poolsMu.Unlock()
	if h.versions != nil {
		h.versions.close()
	}
	for _, p := range h.allPools() {
		errs = append(errs, p.Close(ctx))
	}
	h.Workshop.Close()
	if h.listener != nil {
		h.listener.Close() // the server may have done so already
	}
	<-answered
	if h.doors != nil {
		errs = append(errs, h.doors.close(ctx))
	}
	if h.data != nil && ctx.Err() == nil {
		errs = append(errs, h.data.Close())
	}
	if h.traces != nil {
		errs = append(errs, h.traces.Close(ctx))
	}
	return errors.Join(errs...)
}
