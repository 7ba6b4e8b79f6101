package adminapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// FunctionList is an overview of all functions, ordered by name.
type FunctionList struct {
	Functions []Function
}

// Function is one function.
type Function struct {
	FunctionName string
	Versions     []Version // $LATEST first, then the newest
	Aliases      []Alias
}

// Version is one version of a function.
type Version struct {
	Version     string
	Description string `json:",omitempty"`
	// State is the Lambda API's, or Unregistered for a version of which only executions are left.
	State       engine.FunctionState
	StateReason string `json:",omitempty"`
	Durable     bool
	Runtime     string `json:",omitempty"`
	CodeSha256  string `json:",omitempty"`
	CodeSize    int64  `json:",omitempty"`
	// LastModified is when it was registered, or published.
	LastModified protocol.Seconds `json:",omitzero"`
	// OpenExecutions counts those that have not ended.
	OpenExecutions int
}

// StateUnregistered is the state of a version that has executions and is not registered.
const StateUnregistered engine.FunctionState = "Unregistered"

// Alias is a name for a version.
type Alias struct {
	Name                     string
	FunctionVersion          string
	Description              string             `json:",omitempty"`
	AdditionalVersionWeights map[string]float64 `json:",omitempty"`
}

type functionsEngine interface {
	CountOpen(ctx context.Context) ([]engine.OpenCount, error)
}

func (a *api) functions(w http.ResponseWriter, r *http.Request, _ string) error {
	if err := newQuery(r).err(); err != nil {
		return err
	}
	list, err := a.listFunctions(r.Context())
	if err != nil {
		return err
	}
	return reply(w, list)
}

func (a *api) listFunctions(ctx context.Context) (*FunctionList, error) {
	all, err := a.registry.Configurations(ctx, "")
	if err != nil {
		return nil, err
	}
	byName := map[string]*Function{}
	of := func(name string) *Function {
		if byName[name] == nil {
			byName[name] = &Function{FunctionName: name}
		}
		return byName[name]
	}
	for _, c := range all {
		f := of(c.Name)
		f.Versions = append(f.Versions, versionOf(c))
	}
	open, err := a.engine.CountOpen(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range open {
		of(c.Function).count(c)
	}
	list := &FunctionList{Functions: []Function{}}
	for name, f := range byName {
		if err := a.addAliases(ctx, f); err != nil {
			return nil, err
		}
		slices.SortFunc(byName[name].Versions, newestFirst)
		list.Functions = append(list.Functions, *f)
	}
	slices.SortFunc(list.Functions, func(a, b Function) int { return strings.Compare(a.FunctionName, b.FunctionName) })
	return list, nil
}

func versionOf(c *engine.Configuration) Version {
	return Version{
		Version: c.Version, Description: c.Description, State: c.State, StateReason: c.StateReason, Durable: c.Durable != nil,
		Runtime: c.Runtime, CodeSha256: c.CodeSHA256, CodeSize: c.CodeSize, LastModified: protocol.Seconds(protocol.TimestampOf(c.Modified)),
	}
}

// count counts the open executions of a version.
func (f *Function) count(c engine.OpenCount) {
	for i := range f.Versions {
		if f.Versions[i].Version == c.Version {
			f.Versions[i].OpenExecutions = c.N
			return
		}
	}
	f.Versions = append(f.Versions, Version{
		Version: c.Version, State: StateUnregistered, Durable: true, OpenExecutions: c.N,
		StateReason: "Its open executions wait until it is registered.",
	})
}

func (a *api) addAliases(ctx context.Context, f *Function) error {
	aliases, err := a.registry.Aliases(ctx, f.FunctionName, "")
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.Code == protocol.CodeNotFound {
		return nil // only executions are left
	}
	for _, alias := range aliases {
		f.Aliases = append(f.Aliases, Alias{alias.Name, alias.Version, alias.Description, alias.Weights})
	}
	return err
}

// newestFirst orders $LATEST before all numbers, and a number before lower ones.
func newestFirst(a, b Version) int {
	number := func(v string) int {
		if v == protocol.LatestVersion {
			return -1
		}
		n, _ := strconv.Atoi(v)
		return n
	}
	x, y := number(a.Version), number(b.Version)
	if x < 0 || y < 0 {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(y, x)
}
