package adminapi

import (
	"net/http"
	"time"

	"github.com/perdure/perdure/internal/api/overview"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// FunctionList is an overview of all functions, ordered by name.
type FunctionList struct {
	Functions []*Function
}

// What package overview says is answered as it is.
type (
	Function = overview.Function
	Version  = overview.Version
	Alias    = overview.Alias
	Figures  = overview.Figures
	Times    = overview.Times
	Status   = overview.Status

	Throughput = overview.Throughput
)

// WaitWords say for people what executions wait for.
var WaitWords = overview.WaitWords

func (a *api) functions(w http.ResponseWriter, r *http.Request, _ string) error {
	if err := newQuery(r).err(); err != nil {
		return err
	}
	all, err := a.overview.ListFunctions(r.Context())
	if err != nil {
		return err
	}
	return reply(w, FunctionList{Functions: all})
}

func (a *api) function(w http.ResponseWriter, r *http.Request, name string) error {
	if err := newQuery(r).err(); err != nil {
		return err
	}
	f, err := a.overview.Function(r.Context(), name)
	if err != nil {
		return err
	}
	return reply(w, f)
}

func (a *api) status(w http.ResponseWriter, r *http.Request, _ string) error {
	if err := newQuery(r).err(); err != nil {
		return err
	}
	return reply(w, a.overview.Status(r.Context()))
}

// About says who answers, and to whom.
type About struct {
	Name      string // "perdure"
	Version   string
	Timestamp protocol.Seconds // the engine's time
	Functions []FunctionVersion
	// ReadOnly says that the caller may see everything and change nothing.
	ReadOnly bool `json:",omitempty"`
}

// FunctionVersion is one version of a function that can be invoked.
type FunctionVersion struct {
	Name    string
	Version string
	Durable bool
}

func (a *api) about(w http.ResponseWriter, r *http.Request, _ string) error {
	about := About{Name: "perdure", Version: a.opts.Version,
		Timestamp: protocol.Seconds(protocol.TimestampOf(time.Now())),
		ReadOnly:  !route.CallerOf(r).May(route.Operators)}
	functions, _ := a.registry.List()
	for i := range functions {
		f := &functions[i]
		about.Functions = append(about.Functions, FunctionVersion{f.Name, f.Version, f.Durable != nil})
	}
	return reply(w, about)
}
