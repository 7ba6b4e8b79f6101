package page

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// Prefix begins the path of every page.
const Prefix = "/ui/"

// Engine is the service as the pages need it. A refusal is an error that wraps a *protocol.Error and is shown; any
// other error is a fault, which is logged and not shown.
type Engine interface {
	List(ctx context.Context, req *engine.ListRequest) (items []engine.Summary, next string, err error)
	Describe(ctx context.Context, arn string) (*engine.Description, error)
	Explain(ctx context.Context, arn string) (*engine.Explanation, error)
	ReadLog(ctx context.Context, arn string, after int64, limit int) ([]engine.LogEntry, error)
	Nodes(ctx context.Context) ([]engine.Node, error)
	Revision(ctx context.Context, arn string) (revision int64, open bool, err error)
	Events(ctx context.Context, arn string) iter.Seq2[*protocol.Event, error]

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
}

// site answers the routes.
type site struct {
	engine    Engine
	functions Functions
	log       *slog.Logger
	version   string
	pages     map[string]*template.Template
	reading   chan struct{} // holds one value for each long page that is being read
}

//go:embed assets
var assets embed.FS

// New returns the pages of e, for the paths that begin with [Prefix]. Other sites cannot press its buttons; the
// server decides who may see the pages at all.
func New(e Engine, functions Functions, opts *Options) *route.Face {
	if opts == nil {
		opts = &Options{}
	}
	s := &site{
		engine: e, functions: functions, log: cmp.Or(opts.Logger, slog.Default()), version: opts.Version,
		pages: parse(), reading: make(chan struct{}, readers),
	}
	return route.New(route.Face{Service: "perdure", Prefix: Prefix, Login: route.Session, Routes: s.routes(),
		Refuse: missing}, lambdaapi.Shell(opts.Logger))
}

func missing(*http.Request, route.Reason) error {
	return protocol.Errorf(protocol.CodeNotFound, "There is no such page; the list of executions is at %s.", Prefix)
}

// routes are the pages, the buttons and the assets.
func (s *site) routes() []route.Route {
	static, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // the assets are part of the program
	}
	var routes []route.Route
	add := func(method, path string, access route.Access, h http.Handler) {
		routes = append(routes, route.Route{
			Method: method, Path: path, Operation: "page", Access: access, Quiet: true,
			Serve: route.Handler(protect(h)),
		})
	}
	for path, h := range map[string]http.Handler{
		"/":                                http.RedirectHandler(Prefix, http.StatusFound),
		Prefix:                             s.page("list", s.list),
		Prefix + "execution":               http.HandlerFunc(s.execution),
		Prefix + "start":                   s.page("start", s.startForm),
		Prefix + "nodes":                   s.page("nodes", s.nodes),
		Prefix + "static/" + route.Subject: http.StripPrefix(Prefix+"static/", http.FileServerFS(static)),
	} {
		add("GET", path, route.Readers, h)
		add("HEAD", path, route.Readers, h)
	}
	for name, act := range s.actions() {
		add("POST", Prefix+name, route.Operators, s.action(act))
	}
	return routes
}

// protect keeps other sites from using a page: it refuses requests that they cause, and nothing may frame a page or
// be loaded into it.
func protect(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src "+
			"'self'; img-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// frame is the data of every page's template.
type frame struct {
	Title   string
	Version string
	Live    bool // the page asks for itself again
	Notice  string
	Page    any
	tag     string // names the state of the page; empty for a hash of the page
}

// page answers with a template, filled by build.
func (s *site) page(name string, build func(r *http.Request) (frame, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := build(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		s.render(w, r, http.StatusOK, name, f)
	})
}

// render writes a page, unless the client has it already.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	f.Version = s.version
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "layout.html", f); err != nil {
		s.log.Error("ui: a page could not be rendered", "page", name, "error", err)
		http.Error(w, "The page could not be rendered; the log of the engine says why.", http.StatusInternalServerError)
		return
	}
	tag := f.tag
	if tag == "" {
		tag = fmt.Sprintf(`"%x"`, sha256.Sum256(b.Bytes()))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// refuse shows a refusal, and hides a fault.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusBadRequest, ""
	var refusal *protocol.Error
	switch {
	case errors.As(err, &refusal):
		text = refusal.Message
		if refusal.Code == protocol.CodeNotFound {
			status = http.StatusNotFound
		}
	case r.Context().Err() != nil:
		return
	default:
		status, text = http.StatusInternalServerError, "The engine has a problem; its log says which."
		s.log.Error("ui: a page failed", "path", r.URL.Path, "error", err)
	}
	s.render(w, r, status, "refusal", frame{Title: "Not possible", Page: text})
}

func parse() map[string]*template.Template {
	pages := map[string]*template.Template{}
	for _, name := range []string{"list", "execution", "start", "nodes", "refusal"} {
		pages[name] = template.Must(template.New(name).Funcs(words).ParseFS(assets, "assets/layout.html",
			"assets/"+name+".html"))
	}
	return pages
}
