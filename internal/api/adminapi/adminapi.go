package adminapi

import (
	"log/slog"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/overview"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/function/attached"
)

// Prefix begins the path of every route.
const Prefix = "/perdure/"

// Engine is the service as the API needs it. A refusal is an error that wraps a *protocol.Error and reaches the
// client as it is; any other error is a fault, which is logged and not shown. Every method may be called
// concurrently.
type Engine interface {
	listEngine
	explainEngine
	logEngine
	forkEngine
	overview.Engine
	workerEngine
	verifyEngine
	skipEngine
	stopEngine
	exportEngine
	nodeEngine
	jobEngine
	savedEventEngine
}

// Functions are the functions of the service, as the API needs them.
type Functions interface {
	overview.Functions
	List() (functions []engine.Function, functionARNs []string)
}

var (
	_ Engine    = (*engine.Engine)(nil)
	_ Functions = (*engine.Functions)(nil)
)

// Options adjust the API. The zero value, like nil, is ready to use.
type Options struct {
	// Logger receives the causes of faults; nil is slog.Default().
	Logger *slog.Logger
	// Version is the program's, for [About].
	Version string
	// Backups makes copies of the data; nil makes none.
	Backups *Backups
	// Workers is where workers on other machines attach; nil is nowhere.
	Workers *attached.Hub
	// Sandboxes are the processes of functions; nil if there are none.
	Sandboxes func() []overview.Sandbox
}

// api answers the routes.
type api struct {
	engine   Engine
	registry Functions
	overview *overview.Source
	opts     Options
}

// New returns the API in front of e and its functions, for the paths that begin with [Prefix].
func New(e Engine, functions Functions, opts *Options) *route.Face {
	a := &api{engine: e, registry: functions}
	if opts != nil {
		a.opts = *opts
	}
	a.overview = &overview.Source{Engine: e, Functions: functions, Version: a.opts.Version, Sandboxes: a.opts.Sandboxes}
	return route.New(route.Face{Service: "perdure", Prefix: Prefix, Routes: a.routes(), Refuse: refuse},
		lambdaapi.Shell(a.opts.Logger))
}
