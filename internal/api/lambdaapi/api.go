package lambdaapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// Engine is the service as the API needs it. A refusal is an error that wraps a *protocol.Error and reaches the
// client as it is; any other error is a fault, which is logged and not shown. Every method may be called
// concurrently, and owns the strings and slices that it gets.
type Engine interface {
	Start(ctx context.Context, req *engine.InvokeRequest) (*engine.Started, error)
	Wait(ctx context.Context, arn string) (*engine.Result, error)
	Call(ctx context.Context, req *engine.InvokeRequest) (*engine.Result, error)
	LogTail(ctx context.Context, arn string) (string, error)
	Checkpoint(ctx context.Context, req *engine.CheckpointRequest) (*engine.CheckpointReply, error)
	State(ctx context.Context, arn, token, marker string, maxItems int) (ops []*protocol.Operation,
		next string, err error)
	Describe(ctx context.Context, arn string) (*engine.Description, error)
	History(ctx context.Context, req *engine.HistoryRequest) (events []*protocol.Event, next string, err error)
	List(ctx context.Context, req *engine.ListRequest) (items []engine.Summary, next string, err error)
	Stop(ctx context.Context, req *engine.StopRequest) (protocol.Timestamp, error)
	Pause(ctx context.Context, req *engine.PauseRequest) error
	Resume(ctx context.Context, req *engine.ResumeRequest) error
	Delete(ctx context.Context, arn string) (protocol.Timestamp, error)
	SucceedCallback(ctx context.Context, callbackID string, result []byte) error
	FailCallback(ctx context.Context, callbackID string, reason *protocol.ErrorObject) error
	HeartbeatCallback(ctx context.Context, callbackID string) error
}

// Functions are the functions of the service, as the API needs them. The rules of [Engine] apply.
type Functions interface {
	Configurations(ctx context.Context, function string) ([]*engine.Configuration, error)
	Configuration(ctx context.Context, function, qualifier string) (*engine.Configuration, error)
	DeleteFunction(ctx context.Context, function, qualifier string) (draining bool, err error)
	PublishVersion(ctx context.Context, req *engine.PublishRequest) (*engine.Configuration, error)
	Alias(ctx context.Context, function, name string) (*engine.Alias, error)
	Aliases(ctx context.Context, function, version string) ([]*engine.Alias, error)
	CreateAlias(ctx context.Context, change *engine.AliasChange) (*engine.Alias, error)
	UpdateAlias(ctx context.Context, change *engine.AliasChange) (*engine.Alias, error)
	DeleteAlias(ctx context.Context, function, name string) error
	Lookup(ctx context.Context, function, qualifier string) (f engine.Function, functionARN string, err error)
	Here(ctx context.Context, function, qualifier string) error
}

var (
	_ Engine    = (*engine.Engine)(nil)
	_ Functions = (*engine.Functions)(nil)
)

// Options change how the API behaves. The zero value is the relaxed API for development.
type Options struct {
	// Logger receives the causes of faults; nil is slog.Default().
	Logger *slog.Logger
	// Strict refuses what AWS refuses for reasons that do not bind here: unqualified names of durable functions,
	// synchronous invocations of functions that may run longer than 15 minutes, events over 1 MB, and lists
	// filtered by more than one status. The engine has a Strict option for the rest.
	Strict bool
}

// api answers the operations.
type api struct {
	engine     Engine
	registry   Functions
	log        *slog.Logger
	strict     bool
	asyncCalls chan struct{} // one element per call that nobody waits for
}

// New returns the Lambda API in front of e and its functions. Nil options are the defaults.
func New(e Engine, functions Functions, opts *Options) *route.Face {
	if opts == nil {
		opts = &Options{}
	}
	return route.New(route.Face{Service: "lambda", Routes: newAPI(e, functions, opts).routes(), Refuse: Refuse},
		Shell(opts.Logger))
}

// Through is the Lambda API of an engine elsewhere: h passes requests on. A nil log is slog.Default().
func Through(h http.Handler, log *slog.Logger) *route.Face {
	routes := new(api).routes()
	for i := range routes {
		routes[i].Serve = route.Handler(h)
	}
	return route.New(route.Face{Service: "lambda", Routes: routes, Refuse: Refuse}, Shell(log))
}

func newAPI(e Engine, functions Functions, opts *Options) *api {
	return &api{
		engine:     e,
		registry:   functions,
		log:        cmp.Or(opts.Logger, slog.Default()),
		strict:     opts.Strict,
		asyncCalls: make(chan struct{}, maxAsyncCalls),
	}
}

func (a *api) health(w http.ResponseWriter, _ *http.Request, _ string) error {
	return reply(w, struct {
		Status string `json:"status"`
	}{"healthy"})
}
