package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/wire"
)

// registry holds the registered functions.
type registry struct {
	mu      sync.Mutex
	byName  map[string]map[string]*function // name -> version -> function
	changed chan struct{}                   // signals a registration to the schedule
	news    chan struct{}                   // closed by the next registration
}

// function is a registered function with its free places.
type function struct {
	Function
	places chan struct{} // one element per invocation under way
}

func (r *registry) init() {
	r.byName = map[string]map[string]*function{}
	r.changed = make(chan struct{}, 1)
	r.news = make(chan struct{})
}

// find returns a function version, or nil.
func (r *registry) find(name, version string) *function {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byName[name][version]
}

// Register adds a function version, or replaces it: invocations under way end
// with the old one, later ones use the new. Open executions of the function
// that wait for an invocation get it now.
func (e *Engine) Register(f Function) error {
	f.Version = cmp.Or(f.Version, wire.LatestVersion)
	f.Timeout = cmp.Or(f.Timeout, 3*time.Second)
	f.Concurrency = cmp.Or(f.Concurrency, 100)
	if err := checkFunction(&f); err != nil {
		return fmt.Errorf("registering function %q: %w", f.Name, err)
	}
	r := &e.functions
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName[f.Name] == nil {
		r.byName[f.Name] = map[string]*function{}
	}
	r.byName[f.Name][f.Version] = &function{Function: f, places: make(chan struct{}, f.Concurrency)}
	close(r.news)
	r.news = make(chan struct{})
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return nil
}

// await returns true as soon as ready does, which it asks after every
// registration, and false when ctx ends first.
func (r *registry) await(ctx context.Context, ready func() bool) bool {
	for {
		r.mu.Lock()
		news := r.news
		r.mu.Unlock()
		if ready() {
			return true
		}
		select {
		case <-news:
		case <-ctx.Done():
			return false
		}
	}
}

func checkFunction(f *Function) error {
	if !wire.ValidID(f.Name, 64) {
		return errors.New("a name is 1 to 64 letters, digits, - and _")
	}
	if !validVersion(f.Version) {
		return fmt.Errorf("version %q is neither %s nor a number", f.Version, wire.LatestVersion)
	}
	if f.Invoker == nil {
		return errors.New("an Invoker is required")
	}
	if f.Timeout < 0 || f.Concurrency < 0 {
		return errors.New("timeout and concurrency cannot be negative")
	}
	c := f.Durable
	if c == nil {
		return nil
	}
	if c.ExecutionTimeout < time.Second || c.ExecutionTimeout > wire.MaxWaitSeconds*time.Second {
		return fmt.Errorf("an execution timeout is between 1 s and 366 days, not %v", c.ExecutionTimeout)
	}
	if c.RetentionDays < 0 || c.RetentionDays > wire.MaxRetentionDays {
		return fmt.Errorf("a retention is between 1 and %d days, not %d", wire.MaxRetentionDays, c.RetentionDays)
	}
	return nil
}

func validVersion(v string) bool {
	if v == wire.LatestVersion {
		return true
	}
	return v != "" && strings.Trim(v, "0123456789") == ""
}

// Functions returns the registered function versions, ordered by name and
// version, each with its qualified ARN.
func (e *Engine) Functions() (functions []Function, arns []string) {
	r := &e.functions
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, versions := range r.byName {
		for _, f := range versions {
			functions = append(functions, f.Function)
		}
	}
	slices.SortFunc(functions, func(a, b Function) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	for i := range functions {
		arns = append(arns, e.functionARN(functions[i].Name, functions[i].Version).FunctionARN())
	}
	return functions, arns
}

// Lookup finds a function by name or ARN, and returns it with its ARN, which is
// qualified. A reference without a version means $LATEST. An unknown function
// is a ResourceNotFoundException.
func (e *Engine) Lookup(ref, qualifier string) (Function, string, error) {
	f, arn, err := e.lookup(ref, qualifier)
	if err != nil {
		return Function{}, "", err
	}
	return f.Function, arn.FunctionARN(), nil
}

func (e *Engine) lookup(ref, qualifier string) (*function, wire.ARN, error) {
	name, version, err := e.parseRef(ref, qualifier)
	if err != nil {
		return nil, wire.ARN{}, err
	}
	arn := e.functionARN(name, cmp.Or(version, wire.LatestVersion))
	f := e.functions.find(name, arn.Version)
	if f == nil {
		return nil, arn, functionNotFound(arn)
	}
	return f, arn, nil
}

func functionNotFound(arn wire.ARN) error {
	return wire.Errorf(wire.CodeNotFound, "Function not found: %s", arn.FunctionARN())
}

func (e *Engine) functionARN(name, version string) wire.ARN {
	return wire.ARN{Partition: "aws", Region: e.opts.Region, Account: e.opts.Account, Function: name, Version: version}
}

// parseRef reads a function reference: name, name:version, account:function:name
// or the full ARN, the last two with or without a version. Version is empty if
// none is given. A function of another account or region does not exist here.
func (e *Engine) parseRef(ref, qualifier string) (name, version string, err error) {
	parts := strings.Split(ref, ":")
	switch {
	case len(parts) >= 7 && parts[0] == "arn" && parts[2] == "lambda" && parts[5] == "function":
		if parts[3] != e.opts.Region || parts[4] != e.opts.Account {
			return "", "", wire.Errorf(wire.CodeNotFound, "Function not found: %s", ref)
		}
		parts = parts[6:]
	case len(parts) >= 3 && parts[1] == "function":
		if parts[0] != e.opts.Account {
			return "", "", wire.Errorf(wire.CodeNotFound, "Function not found: %s", ref)
		}
		parts = parts[2:]
	}
	if len(parts) > 2 || !wire.ValidID(parts[0], 64) {
		return "", "", wire.Errorf(wire.CodeInvalidParameter, "%q is not a function name or ARN", ref)
	}
	if len(parts) == 2 {
		if qualifier != "" && qualifier != parts[1] {
			return "", "", wire.Errorf(wire.CodeInvalidParameter, "The derived qualifier from the function name does not match the specified qualifier.")
		}
		qualifier = parts[1]
	}
	return parts[0], qualifier, nil
}
