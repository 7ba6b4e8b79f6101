package lambdaapi

import (
	"cmp"
	"net/http"
	"runtime"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// functionConfiguration describes a function version. It is the answer of GetFunctionConfiguration and
// PublishVersion, and part of others.
type functionConfiguration struct {
	FunctionName     string
	FunctionArn      string
	Version          string
	Description      string
	Runtime          string `json:",omitempty"`
	Handler          string `json:",omitempty"`
	CodeSha256       string `json:",omitempty"`
	CodeSize         int64
	Timeout          int // seconds
	MemorySize       int `json:",omitempty"` // MB
	LastModified     string
	RevisionID       string `json:"RevisionId"`
	State            engine.FunctionState
	StateReason      string `json:",omitempty"`
	StateReasonCode  string `json:",omitempty"`
	LastUpdateStatus string
	PackageType      string
	Architectures    []string
	DurableConfig    *durableConfig `json:",omitempty"`
}

// modifiedLayout is how the API writes when a function was modified.
const modifiedLayout = "2006-01-02T15:04:05.000-0700"

// architecture is AWS's word for this machine.
var architecture = map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]

func describeFunction(c *engine.Configuration) functionConfiguration {
	out := functionConfiguration{
		FunctionName: c.Name, FunctionArn: c.ARN, Version: c.Version, Description: c.Description,
		Runtime: c.Runtime, Handler: c.Handler, CodeSha256: c.CodeSHA256, CodeSize: c.CodeSize,
		Timeout: int((c.Timeout + time.Second - 1) / time.Second), MemorySize: c.MemoryMB,
		LastModified: c.Modified.UTC().Format(modifiedLayout), RevisionID: c.Revision,
		State: c.State, StateReason: c.StateReason, StateReasonCode: c.StateReasonCode,
		LastUpdateStatus: "Successful", PackageType: "Zip", Architectures: []string{architecture},
	}
	if d := c.Durable; d != nil {
		out.DurableConfig = &durableConfig{
			ExecutionTimeout:      int64(d.ExecutionTimeout / time.Second),
			RetentionPeriodInDays: int64(cmp.Or(d.RetentionDays, protocol.DefaultRetentionDays)),
		}
	}
	return out
}

// functionList is the answer of ListFunctions.
type functionList struct {
	Functions  []functionConfiguration
	NextMarker string `json:",omitempty"`
}

// functions is ListFunctions. It lists $LATEST of every function, or else the newest version; on demand all
// versions.
func (a *api) functions(w http.ResponseWriter, r *http.Request, _ string) error {
	q := newQuery(r)
	versions := q.optional("FunctionVersion", &anyText)
	if versions != "" && versions != "ALL" {
		q.add(quote(versions), "functionVersion", "Member must satisfy enum value set: [ALL]")
	}
	page := q.page()
	if err := q.err(); err != nil {
		return err
	}
	all, err := a.registry.Configurations(r.Context(), "")
	if err != nil {
		return err
	}
	if versions == "" {
		all = onePerFunction(all)
	}
	shown, next, err := cut(page, all, func(c *engine.Configuration) string { return c.Name + ":" + c.Version })
	if err != nil {
		return err
	}
	out := functionList{Functions: make([]functionConfiguration, len(shown)), NextMarker: next}
	for i, c := range shown {
		out.Functions[i] = describeFunction(c)
	}
	return reply(w, out)
}

// onePerFunction picks $LATEST of every function, under the function's own ARN, or else the newest version.
func onePerFunction(all []*engine.Configuration) []*engine.Configuration {
	var picked []*engine.Configuration
	for _, c := range all {
		last := len(picked) - 1
		switch {
		case last < 0 || picked[last].Name != c.Name:
			picked = append(picked, c)
		case picked[last].Version != protocol.LatestVersion:
			picked[last] = c // a higher number
		}
	}
	for _, c := range picked {
		if c.Version == protocol.LatestVersion {
			c.ARN = c.ARN[:len(c.ARN)-len(":"+protocol.LatestVersion)]
		}
	}
	return picked
}

// getFunction is GetFunction, without a place to fetch the code from.
func (a *api) getFunction(w http.ResponseWriter, r *http.Request, function string) error {
	c, err := a.configurationOf(r, function)
	if err != nil {
		return err
	}
	return reply(w, struct {
		Configuration functionConfiguration
		Code          struct{}
	}{Configuration: describeFunction(c)})
}

func (a *api) getConfiguration(w http.ResponseWriter, r *http.Request, function string) error {
	c, err := a.configurationOf(r, function)
	if err != nil {
		return err
	}
	return reply(w, describeFunction(c))
}

func (a *api) configurationOf(r *http.Request, function string) (*engine.Configuration, error) {
	qualifier, err := functionQualifier(r, function)
	if err != nil {
		return nil, err
	}
	return a.registry.Configuration(r.Context(), function, qualifier)
}

func functionQualifier(r *http.Request, function string) (string, error) {
	q := newQuery(r)
	q.text(function, "functionName", &functionNameShape)
	qualifier := q.optional("Qualifier", &qualifierShape)
	return qualifier, q.err()
}

// deleteFunction is DeleteFunction. The status tells whether the function is gone, or open executions keep it for a
// while.
func (a *api) deleteFunction(w http.ResponseWriter, r *http.Request, function string) error {
	qualifier, err := functionQualifier(r, function)
	if err != nil {
		return err
	}
	draining, err := a.registry.DeleteFunction(r.Context(), function, qualifier)
	switch {
	case err != nil:
		return err
	case draining:
		writeJSON(w, http.StatusAccepted, []byte("{}"))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}
