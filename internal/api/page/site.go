package page

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/overview"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// Prefix begins the path of every page.
const Prefix = "/ui/"

// Engine is the service as the pages need it. A refusal is an error that wraps a *protocol.Error and is shown; any
// other error is a fault, which is logged and not shown.
type Engine interface {
	overview.Engine
	List(ctx context.Context, req *engine.ListRequest) (items []engine.Summary, next string, err error)
	Describe(ctx context.Context, arn string) (*engine.Description, error)
	Explain(ctx context.Context, arn string) (*engine.Explanation, error)
	ReadLog(ctx context.Context, arn string, after int64, limit int) ([]engine.LogEntry, error)
	Nodes(ctx context.Context) ([]engine.Node, error)
	Count(ctx context.Context, f *engine.Filter) (*engine.Counts, error)
	Jobs() *engine.Jobs
	SavedEvents() *engine.SavedEvents
	News(ctx context.Context, seen uint64) (uint64, error)
	Revision(ctx context.Context, arn string) (revision int64, open bool, err error)
	Events(ctx context.Context, arn string, revision int64) iter.Seq2[*protocol.Event, error]

	Start(ctx context.Context, req *engine.InvokeRequest) (*engine.Started, error)
	Skip(ctx context.Context, req *engine.SkipRequest) ([]engine.Skipped, error)
	Fork(ctx context.Context, req *engine.ForkRequest) (*engine.Started, error)
	Stop(ctx context.Context, req *engine.StopRequest) (protocol.Timestamp, error)
	Pause(ctx context.Context, req *engine.PauseRequest) error
	Resume(ctx context.Context, req *engine.ResumeRequest) error
	Delete(ctx context.Context, arn string) (protocol.Timestamp, error)
	SucceedCallback(ctx context.Context, callbackID string, result []byte) error
	FailCallback(ctx context.Context, callbackID string, reason *protocol.ErrorObject) error
}

// Functions are the functions of the service, as the pages need them.
type Functions interface {
	overview.Functions
	List() (functions []engine.Function, functionARNs []string)
}

var (
	_ Engine    = (*engine.Engine)(nil)
	_ Functions = (*engine.Functions)(nil)
)

// Options adjust the pages. The zero value, like nil, is ready to use.
type Options struct {
	// Logger receives the causes of faults; nil is slog.Default().
	Logger *slog.Logger
	// Version is the program's, for the foot of each page.
	Version string
	// Sandboxes are the processes of functions; nil if there are none.
	Sandboxes func() []overview.Sandbox
	// Decoder makes payloads readable; nil shows them as they are stored.
	Decoder *Decoder
}

// site answers the routes.
type site struct {
	engine    Engine
	functions Functions
	overview  *overview.Source
	log       *slog.Logger
	version   string
	decoder   *Decoder
	assets    *assetFiles
	pages     templates
	shelf     shelf
	reading   chan struct{} // holds one value for each long page that is being read
	streams   chan struct{} // holds one value for each page that is kept up to date
	whys      *soon[*engine.Explanation]
	counts    *soon[*engine.Counts]
}

//go:embed assets
var embedded embed.FS

// New returns the pages of e, for the paths that begin with [Prefix]. Other sites cannot press its buttons; the
// server decides who may see the pages at all, and whose pages have buttons.
func New(e Engine, functions Functions, opts *Options) *route.Face {
	if opts == nil {
		opts = &Options{}
	}
	files, err := fs.Sub(embedded, "assets")
	if err != nil {
		panic(err) // the assets are part of the program
	}
	s := &site{
		engine: e, functions: functions, log: cmp.Or(opts.Logger, slog.Default()), version: opts.Version,
		decoder: opts.Decoder,
		assets:  newAssetFiles(files), reading: make(chan struct{}, readers), streams: make(chan struct{}, maxStreams),
		whys:   newSoon[*engine.Explanation](maxWhys, whysAtOnce),
		counts: newSoon[*engine.Counts](maxCounts, countsAtOnce),
	}
	s.overview = &overview.Source{Engine: e, Functions: functions, Version: opts.Version, Sandboxes: opts.Sandboxes}
	s.pages = parse(files, s.assets)
	return route.New(route.Face{Service: "perdure", Prefix: Prefix, Login: route.Session, Routes: s.routes(),
		Refuse: missing, Show: s.show},
		lambdaapi.ShellFor(opts.Logger, func(w http.ResponseWriter, r *http.Request, status int, message string) bool {
			s.show(w, r, status, message)
			return true
		}))
}

// handler answers a request, or returns an error before it began to. A refusal is an error that wraps a
// *protocol.Error, and is shown; any other error is a fault, which is logged.
type handler func(w http.ResponseWriter, r *http.Request) error

// routes are the pages, the buttons and the assets. Whoever may read may see a page; its buttons are for operators.
func (s *site) routes() []route.Route {
	var routes []route.Route
	add := func(method, path string, access route.Access, h handler) {
		routes = append(routes, route.Route{
			Method: method, Path: path, Operation: "page", Access: access, Quiet: true, Serve: protect(h),
		})
	}
	for path, h := range map[string]handler{
		"/":                             toTheList,
		strings.TrimSuffix(Prefix, "/"): toTheList,
		Prefix:                          s.page("list", s.list),
		Prefix + "execution":            s.execution,
		Prefix + "act":                  s.page("act", s.plan),
		Prefix + "jobs":                 s.page("jobs", s.listJobs),
		Prefix + "job":                  s.page("job", s.job),
		Prefix + "start":                s.page("start", s.startForm),
		Prefix + "functions":            s.page("functions", s.listFunctions),
		Prefix + "function":             s.page("function", s.function),
		Prefix + "engine":               s.page("engine", s.enginePage),
		Prefix + "payload":              s.raw,
		Prefix + "live":                 s.live,
		assetPrefix + route.Subject:     s.assets.serve,
	} {
		add("GET", path, route.Readers, h)
		add("HEAD", path, route.Readers, h)
	}
	for name, act := range s.actions() {
		add("POST", Prefix+name, route.Operators, s.action(act))
	}
	return routes
}

// policy is what browsers let a page do: load what is ours, and nothing that is within it. A style attribute is inline
// code, too, so widths are attributes of SVG.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// protect keeps other sites from using a page: it refuses requests that they cause, and nothing may frame a page or
// be loaded into it.
func protect(next handler) func(http.ResponseWriter, *http.Request, string) error {
	origins := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request, _ string) error {
		setPolicy(w.Header())
		if err := origins.Check(r); err != nil {
			return protocol.Errorf(protocol.CodeAccessDenied,
				"This form is of a page of another site.")
		}
		err := next(w, r)
		if there, ok := errors.AsType[*engine.ElsewhereError](err); ok {
			err = there.Unwrap() // a form that was read cannot be passed on
		}
		return err
	}
}

func setPolicy(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // without a referrer browsers hide the origin of forms, too
}

func toTheList(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, Prefix, http.StatusFound)
	return nil
}
