package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/protocol"
)

// registry holds what is known of functions: the versions that are registered
// or published, and their aliases.
type registry struct {
	mu     sync.Mutex
	byName map[string]*family
	// tend is told of each version that may have begun, or ceased, to be one
	// that can be run.
	tend func(function, version string)

	// editing makes changes of published versions and aliases, which are
	// documents too, take turns. It is taken before mu.
	editing sync.Mutex
	images  Images // guarded by editing; nil until RunVersions
	// incomplete: a document could not be read, so there may be versions that
	// nobody here knows of. Whatever their code is stays. Set before anybody
	// else has the engine.
	incomplete bool

	// starting is held for reading by who commits an execution's start, and
	// for writing while a version begins to drain: a start is either refused
	// or counted.
	starting sync.RWMutex
}

// family is what is known under one function name.
type family struct {
	versions map[string]*function // by version
	aliases  map[string]*Alias    // by name
	last     int                  // the highest number that a version ever had
}

// function is a version of a function with its free places. It does not change;
// a change puts another in its place.
type function struct {
	Function               // Invoker is nil while nothing can run it
	places   chan struct{} // one element per invocation under way
	awaiting *atomic.Int32 // how many of them wait for an [Awaiter]
	revision string
	modified time.Time
	image    *Image // nil unless it was published
	draining bool   // deleted, but not yet without open executions
	fault    string // why it cannot be run, if that is known
}

func newFunction(f Function) *function {
	return &function{
		Function: f, places: make(chan struct{}, f.Concurrency), awaiting: new(atomic.Int32),
		revision: uuid.NewString(), modified: time.Now(),
	}
}

func (r *registry) init(tend func(function, version string)) {
	r.byName = map[string]*family{}
	r.tend = tend
}

// find returns a function version, or nil.
func (r *registry) find(name, version string) *function {
	r.mu.Lock()
	defer r.mu.Unlock()
	if fam := r.byName[name]; fam != nil {
		return fam.versions[version]
	}
	return nil
}

// runnable is find for a version that can be invoked.
func (r *registry) runnable(name, version string) *function {
	if f := r.find(name, version); f != nil && f.Invoker != nil {
		return f
	}
	return nil
}

// familyLocked returns the family of a name, a new one if need be.
func (r *registry) familyLocked(name string) *family {
	fam := r.byName[name]
	if fam == nil {
		fam = &family{versions: map[string]*function{}, aliases: map[string]*Alias{}}
		r.byName[name] = fam
	}
	return fam
}

// put adds a version, or puts it in the place of another one.
func (r *registry) put(f *function) {
	r.mu.Lock()
	fam := r.familyLocked(f.Name)
	fam.versions[f.Version] = f
	fam.last = max(fam.last, versionNumber(f.Version))
	r.mu.Unlock()
	r.tend(f.Name, f.Version)
}

// remove takes a version away, unless another was put in its place meanwhile.
func (r *registry) remove(f *function) {
	r.mu.Lock()
	if fam := r.byName[f.Name]; fam != nil && fam.versions[f.Version] == f {
		delete(fam.versions, f.Version)
	}
	r.mu.Unlock()
	r.tend(f.Name, f.Version)
}

// versionsOf returns the versions of a function, $LATEST first and then by number.
func (r *registry) versionsOf(name string) []*function {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*function
	if fam := r.byName[name]; fam != nil {
		for _, f := range fam.versions {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b *function) int { return compareVersions(a.Version, b.Version) })
	return all
}

// names returns the names of all functions that have a version.
func (r *registry) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name, fam := range r.byName {
		if len(fam.versions) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Register adds a function version, or replaces it: invocations under way end
// with the old one, later ones use the new. Open executions of the function
// that wait for an invocation get it now.
func (e *Engine) Register(f Function) error {
	f.setDefaults()
	err := checkSettings(&f, e.opts.Strict)
	if err == nil && f.Invoker == nil {
		err = errors.New("an Invoker is required")
	}
	if err != nil {
		return fmt.Errorf("registering function %q: %w", f.Name, err)
	}
	registered := newFunction(f)
	if old := e.functions.find(f.Name, f.Version); old != nil && old.image != nil {
		registered.image, registered.draining = old.image, old.draining // it stays published, or deleted
	}
	e.functions.put(registered)
	return nil
}

// Unregister takes a function version away. Invocations under way end as they
// would; its open executions wait until the version is registered again. What
// was published stays published, but cannot be run before that.
func (e *Engine) Unregister(name, version string) {
	version = cmp.Or(version, protocol.LatestVersion)
	e.functions.editing.Lock()
	defer e.functions.editing.Unlock()
	f := e.functions.find(name, version)
	switch {
	case f == nil:
	case f.image == nil:
		e.functions.remove(f)
	default:
		idle := *f
		idle.Invoker, idle.fault = nil, "it was unregistered"
		e.functions.put(&idle)
	}
}

func (f *Function) setDefaults() {
	f.Version = cmp.Or(f.Version, protocol.LatestVersion)
	f.Timeout = cmp.Or(f.Timeout, 3*time.Second)
	f.StartTimeout = cmp.Or(f.StartTimeout, 30*time.Second)
	f.Concurrency = cmp.Or(f.Concurrency, 100)
}

func checkSettings(f *Function, strict bool) error {
	if !protocol.ValidID(f.Name, protocol.MaxFunctionName) {
		return errors.New("a name is 1 to 64 letters, digits, - and _")
	}
	if !validVersion(f.Version) {
		return fmt.Errorf("version %q is neither %s nor a number", f.Version, protocol.LatestVersion)
	}
	if f.Timeout < 0 || f.StartTimeout < 0 || f.Concurrency < 0 {
		return errors.New("timeouts and concurrency cannot be negative")
	}
	if strict && f.Timeout > protocol.MaxFunctionSeconds*time.Second {
		return fmt.Errorf("a timeout is at most %d s, not %v", protocol.MaxFunctionSeconds, f.Timeout)
	}
	c := f.Durable
	if c == nil {
		return nil
	}
	if c.ExecutionTimeout < time.Second || c.ExecutionTimeout > protocol.MaxWaitSeconds*time.Second {
		return fmt.Errorf("an execution timeout is between 1 s and 366 days, not %v", c.ExecutionTimeout)
	}
	if c.RetentionDays < 0 || c.RetentionDays > protocol.MaxRetentionDays {
		return fmt.Errorf("a retention is between 1 and %d days, not %d", protocol.MaxRetentionDays, c.RetentionDays)
	}
	return nil
}

func validVersion(v string) bool { return v == protocol.LatestVersion || isNumber(v) }

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// Functions returns the function versions that can be invoked, ordered by name
// and version, each with its qualified ARN.
func (e *Engine) Functions() (functions []Function, arns []string) {
	for _, name := range e.functions.names() {
		for _, f := range e.functions.versionsOf(name) {
			if f.Invoker != nil && !f.draining {
				functions = append(functions, f.Function)
				arns = append(arns, e.functionARN(name, f.Version).FunctionARN())
			}
		}
	}
	return functions, arns
}
