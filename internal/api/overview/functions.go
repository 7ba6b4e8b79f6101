// Package overview puts together what an engine knows of its functions, and of itself, for those who show it: package
// adminapi as JSON, package page for people. What is counted begins with the process, and is of this engine only: in a
// fleet each node knows its own.
package overview

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Source is what an overview is made from. Its methods may be called concurrently.
type Source struct {
	Engine    Engine
	Functions Functions
	Version   string           // the program's
	Sandboxes func() []Sandbox // the processes of functions; nil if there are none
}

// Engine is the service as overviews need it.
type Engine interface {
	CountOpen(ctx context.Context) ([]engine.OpenCount, error)
	Figures() *engine.Figures
	Stats() *engine.Stats
	NodeID() string
}

// Functions are the functions of the service.
type Functions interface {
	Configurations(ctx context.Context, function string) ([]*engine.Configuration, error)
	Aliases(ctx context.Context, function, version string) ([]*engine.Alias, error)
}

// Function is one function.
type Function struct {
	FunctionName string
	Versions     []*Version // $LATEST first, then the newest
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

	Load     *Load     `json:",omitempty"` // nil if this engine cannot run it
	LastHour *Hour     `json:",omitempty"` // nil if nothing is counted of it
	Settings *Settings `json:",omitempty"` // only of [Source.Function]
	Figures  *Figures  `json:",omitempty"` // likewise

	Tally *engine.Tally `json:"-"` // from which the last two come; nil if nothing is counted of it
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

// Load is what a version has to do now.
type Load struct {
	Running int // invocations and calls under way
	Allowed int // how many may be at one time: of a fleet's node its share
	Waiting int // those that wait for a place
}

// Percent is how much of what is allowed runs.
func (l *Load) Percent() int {
	if l.Allowed == 0 {
		return 0
	}
	return min(100, 100*l.Running/l.Allowed)
}

// Settings are how a version is run.
type Settings struct {
	TimeoutSeconds          float64 // of one invocation
	ExecutionTimeoutSeconds float64 `json:",omitempty"`
	RetentionDays           int     `json:",omitempty"`
	Handler                 string  `json:",omitempty"`
	MemoryMB                int     `json:",omitempty"`
	Concurrency             int     // in the whole fleet
	PerProcess              int     `json:",omitempty"`
	PerTenant               bool    `json:",omitempty"`
	// Environment has the names of the variables that were given to it. Nobody is told their values.
	Environment []string
}

// ListFunctions lists all functions, ordered by name.
func (s *Source) ListFunctions(ctx context.Context) ([]*Function, error) {
	all, err := s.Functions.Configurations(ctx, "")
	if err != nil {
		return nil, err
	}
	open, err := s.Engine.CountOpen(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string]*Function{}
	list := []*Function{}
	version := func(name, version string) *Version {
		f := byName[name]
		if f == nil {
			f = &Function{FunctionName: name}
			byName[name], list = f, append(list, f)
		}
		return f.version(version)
	}
	for _, c := range all {
		version(c.Name, c.Version).configure(c)
	}
	for _, c := range open {
		version(c.Function, c.Version).OpenExecutions = c.N
	}
	s.addFigures(byName)
	slices.SortFunc(list, func(a, b *Function) int { return strings.Compare(a.FunctionName, b.FunctionName) })
	for _, f := range list {
		if err := s.addAliases(ctx, f); err != nil {
			return nil, err
		}
		slices.SortFunc(f.Versions, newestFirst)
	}
	return list, nil
}

// addFigures adds what runs and what was counted, of versions that are listed already.
func (s *Source) addFigures(byName map[string]*Function) {
	find := func(name, version string) *Version {
		f := byName[name]
		if f == nil {
			return nil
		}
		i := slices.IndexFunc(f.Versions, func(v *Version) bool { return v.Version == version })
		if i < 0 {
			return nil
		}
		return f.Versions[i]
	}
	for _, l := range s.Engine.Figures().Loads() {
		if v := find(l.Function, l.Version); v != nil {
			v.Load = &Load{Running: l.Running, Allowed: l.Allowed, Waiting: l.Waiting}
		}
	}
	for _, t := range s.Engine.Figures().Tallies("") {
		if v := find(t.Function, t.Version); v != nil {
			v.Tally, v.LastHour = t, hourOf(t)
		}
	}
}

// Function describes a function with its settings and figures. An unknown one is a ResourceNotFoundException.
func (s *Source) Function(ctx context.Context, name string) (*Function, error) {
	all, err := s.ListFunctions(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(f *Function) bool { return f.FunctionName == name })
	if i < 0 {
		return nil, protocol.Errorf(protocol.CodeNotFound, "Function not found: %s", protocol.Clip(name, 140))
	}
	f := all[i]
	for _, v := range f.Versions {
		if v.Tally != nil {
			v.Figures = figuresOf(v.Tally)
		}
	}
	configured, err := s.Functions.Configurations(ctx, name)
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.Code == protocol.CodeNotFound {
		return f, nil // only executions are left
	}
	for _, c := range configured {
		f.version(c.Version).Settings = settingsOf(c)
	}
	return f, err
}

// version returns a version, which it adds if need be, as one of which nothing is known.
func (f *Function) version(version string) *Version {
	for _, v := range f.Versions {
		if v.Version == version {
			return v
		}
	}
	v := &Version{
		Version: version, State: StateUnregistered, Durable: true,
		StateReason: "Its open executions wait until it is registered.",
	}
	f.Versions = append(f.Versions, v)
	return v
}

func (v *Version) configure(c *engine.Configuration) {
	*v = Version{
		Version: c.Version, Description: c.Description, State: c.State, StateReason: c.StateReason,
		Durable: c.Durable != nil,
		Runtime: c.Runtime, CodeSha256: c.CodeSHA256, CodeSize: c.CodeSize,
		LastModified: protocol.Seconds(protocol.TimestampOf(c.Modified)),
	}
}

func settingsOf(c *engine.Configuration) *Settings {
	out := &Settings{
		TimeoutSeconds: c.Timeout.Seconds(), Handler: c.Handler, MemoryMB: c.MemoryMB, Concurrency: c.Concurrency,
		PerProcess: c.PerProcess, PerTenant: c.PerTenant, Environment: append([]string{}, c.Environment...),
	}
	if d := c.Durable; d != nil {
		out.ExecutionTimeoutSeconds = d.ExecutionTimeout.Seconds()
		out.RetentionDays = cmp.Or(d.RetentionDays, protocol.DefaultRetentionDays)
	}
	return out
}

func (s *Source) addAliases(ctx context.Context, f *Function) error {
	aliases, err := s.Functions.Aliases(ctx, f.FunctionName, "")
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.Code == protocol.CodeNotFound {
		return nil // only executions are left
	}
	for _, alias := range aliases {
		f.Aliases = append(f.Aliases, Alias{alias.Name, alias.Version, alias.Description, alias.Weights})
	}
	return err
}

// AliasesTo returns the aliases that lead to a version, with the share of the starts that goes there.
func (f *Function) AliasesTo(version string) (shares []AliasShare) {
	for _, a := range f.Aliases {
		share, rest := 0.0, 1.0
		for other, weight := range a.AdditionalVersionWeights {
			rest -= weight
			if other == version {
				share = weight
			}
		}
		if a.FunctionVersion == version {
			share = rest
		}
		if share > 0 || a.FunctionVersion == version {
			shares = append(shares, AliasShare{a.Name, share})
		}
	}
	return shares
}

// AliasShare is an alias with the share of the starts that it brings to a version, from 0 to 1.
type AliasShare struct {
	Name  string
	Share float64
}

// String is the alias for people, with its share unless that is all.
func (s AliasShare) String() string {
	if s.Share >= 1 {
		return s.Name
	}
	return s.Name + ":" + strconv.FormatFloat(s.Share*100, 'g', 3, 64) + "%"
}

// newestFirst orders $LATEST before all numbers, and a number before lower ones.
func newestFirst(a, b *Version) int {
	number := func(v *Version) int {
		if v.Version == protocol.LatestVersion {
			return -1
		}
		n, _ := strconv.Atoi(v.Version)
		return n
	}
	x, y := number(a), number(b)
	if x < 0 || y < 0 {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(y, x)
}

// started is when this process started.
var started = time.Now()
