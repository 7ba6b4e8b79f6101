package perdure

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/engine/sqlitestore"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/page"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/function/inprocess"
	"github.com/perdure/perdure/protocol"
)

// Options change what [Open] opens. The zero value, like nil, is ready to use.
type Options struct {
	// Store keeps the executions in place of a directory, such as one of
	// engine/memstore in tests. The service closes it.
	Store engine.Store
	// Logger receives what operators should know; nil is [slog.Default].
	Logger *slog.Logger
	// Hosts are host names, without ports, under which [Service.Handler] may be
	// asked on a loopback address, as behind a proxy, beside localhost. A web page
	// elsewhere could otherwise reach it by a name that it points at 127.0.0.1.
	Hosts []string
	// VirtualTime says that the service runs in a bubble of testing/synctest, in
	// which a year of waiting passes at once.
	VirtualTime bool
}

// Service is a durable execution service in this process. Its methods may be called concurrently.
type Service struct {
	engine  *engine.Engine
	store   engine.Store
	handler http.Handler
}

// Open opens the service of a directory, which is made if it is not there, and takes up the executions in it as
// their functions are registered. Only one process can have a directory open. With [Options].Store, dir is "".
func Open(ctx context.Context, dir string, opts *Options) (*Service, error) {
	opts = cmp.Or(opts, &Options{})
	s := &Service{store: opts.Store}
	switch {
	case (dir == "") == (s.store == nil):
		return nil, errors.New("perdure: Open takes a directory or Options.Store, one of the two")
	case s.store == nil:
		var err error
		if s.store, err = sqlitestore.Open(ctx, dir, nil); err != nil {
			return nil, err
		}
	}
	log := cmp.Or(opts.Logger, slog.Default())
	e, err := engine.Open(ctx, s.store, &engine.Options{Logger: log, VirtualTime: opts.VirtualTime})
	if err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	s.engine = e
	s.handler = server.New([]*route.Face{
		lambdaapi.New(e, e.Functions(), &lambdaapi.Options{Logger: log}),
		adminapi.New(e, e.Functions(), &adminapi.Options{Logger: log}),
		page.New(e, e.Functions(), &page.Options{Logger: log}),
	}, &server.Options{Logger: log, Hosts: opts.Hosts, Ready: e.Ready, Fleet: e}).Handler()
	return s, nil
}

// Close lets the invocations under way end until ctx does, breaks off those that
// are left, which the next service repeats, and closes the store.
func (s *Service) Close(ctx context.Context) error {
	s.engine.Drain(ctx)
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if err := s.engine.Close(patience); err != nil {
		return errors.Join(errors.New("perdure: a step ignores that its context has ended; the store stays open"), err)
	}
	return s.store.Close()
}

// closeTime is how long steps may take to end after their context did.
const closeTime = 10 * time.Second

// Engine is the engine of the service, for what this package has no function for.
func (s *Service) Engine() *engine.Engine { return s.engine }

// Handler answers the Lambda API, the engine's own API, below /perdure/, and the page, at /ui/. These paths are
// fixed: mount it at the root of a mux, or behind [http.StripPrefix] if nobody needs the page. It authenticates
// nobody, but refuses what web pages of other sites send.
func (s *Service) Handler() http.Handler { return s.handler }

// Setting changes how a function is registered; see [Handle].
type Setting func(*registration)

type registration struct {
	function engine.Function
	handler  []durable.HandlerOption
}

// ExecutionTimeout bounds an execution with all its waits, from a second to 366 days, which is the default.
func ExecutionTimeout(d time.Duration) Setting {
	return func(r *registration) { r.function.Durable.ExecutionTimeout = d }
}

// InvocationTimeout bounds one invocation: the work between two suspensions. The default is 15 minutes.
func InvocationTimeout(d time.Duration) Setting {
	return func(r *registration) { r.function.Timeout = d }
}

// Retention is for how many days an execution is kept after its end; the default is 14.
func Retention(days int) Setting {
	return func(r *registration) { r.function.Durable.RetentionDays = days }
}

// Concurrency bounds the invocations at one time; the default is 1,000, as on Lambda. Executions that wait for
// something are none.
func Concurrency(n int) Setting {
	return func(r *registration) { r.function.Concurrency = n }
}

// With gives the handler options of package durable.
func With(opts ...durable.HandlerOption) Setting {
	return func(r *registration) { r.handler = append(r.handler, opts...) }
}

// Handle registers handler under a name: letters, digits, - and _, at most 64. Executions of that name that are
// open go on at once. The same name registered again replaces the handler for the next invocations.
func Handle[In, Out any](s *Service, name string, handler func(durable.Context, In) (Out, error),
	settings ...Setting) error {
	r := registration{function: engine.Function{
		Name: name, Timeout: 15 * time.Minute, Concurrency: protocol.DefaultConcurrency,
		Durable: &engine.DurableConfig{ExecutionTimeout: protocol.MaxWaitSeconds * time.Second},
	}}
	for _, set := range settings {
		set(&r)
	}
	options := append(r.handler, durable.WithClient(inprocess.Client{Engine: s.engine}))
	r.function.Invoker = inprocess.Invoker{Handler: durable.NewHandler(handler, options...)}
	return s.engine.Functions().Register(r.function)
}
