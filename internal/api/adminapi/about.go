package adminapi

import (
	"net/http"
	"time"

	"github.com/perdure/perdure/protocol"
)

// About says who answers.
type About struct {
	Name      string // "perdure"
	Version   string
	Timestamp protocol.Seconds // the engine's time
	Functions []FunctionVersion
}

// FunctionVersion is one version of a function that can be invoked.
type FunctionVersion struct {
	Name    string
	Version string
	Durable bool
}

func (a *api) about(w http.ResponseWriter, _ *http.Request, _ string) error {
	about := About{Name: "perdure", Version: a.opts.Version, Timestamp: protocol.Seconds(protocol.TimestampOf(time.Now()))}
	functions, _ := a.registry.List()
	for i := range functions {
		f := &functions[i]
		about.Functions = append(about.Functions, FunctionVersion{f.Name, f.Version, f.Durable != nil})
	}
	return reply(w, about)
}
