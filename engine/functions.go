package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Functions are the functions that an engine knows: the versions that are registered or published, and their aliases.
// All methods may be called concurrently.
type Functions struct {
	*life
	store  store.Store
	fleet  *membership
	home   home
	strict bool
	// tend hears of each version that may begin or cease to be one that can be run.
	tend func(function, version string)

	mu       sync.Mutex
	versions map[qualified]*function
	aliases  map[qualified]*Alias
	last     map[string]int // by function: the highest number that a version ever had

	documents documents
	images    Images // guarded by documents.editing; nil until RunVersions
	// incomplete: a document could not be read, so there may be versions that are not known here, and no code is
	// removed. Guarded as images are.
	incomplete bool

	// starting is held for reading while the start of an execution is committed, and for writing when a version
	// begins to drain: a start is either refused or counted.
	starting sync.RWMutex
}

// qualified names a version of a function, or an alias.
type qualified struct{ function, qualifier string }

// function is a version of a function with its places. It does not change; a change puts another in its place.
type function struct {
	Function               // Invoker is nil while nothing can run it
	places   chan struct{} // an element for each invocation under way
	awaiting *atomic.Int32 // how many of these wait for an [Awaiter]
	revision string
	modified time.Time
	image    *Image // nil unless it was published
	draining bool   // deleted, but not yet without open executions
	deleted  time.Time
	fault    string // why it cannot be run; empty if that is not known
	remote   bool   // only other nodes can run it
}

// absent reports whether nothing is there that runs the function.
func (f *function) absent() bool {
	return f.awaiting.Load() > 0 || !present(f)
}

func newFunction(f Function) *function {
	return &function{
		Function: f, places: make(chan struct{}, f.Concurrency), awaiting: new(atomic.Int32),
		revision: uuid.NewString(), modified: time.Now(),
	}
}

func newFunctions(l *life, st store.Store, at home, strict bool) *Functions {
	return &Functions{
		life: l, store: st, home: at, strict: strict,
		versions: map[qualified]*function{}, aliases: map[qualified]*Alias{}, last: map[string]int{},
	}
}

// learn takes over what the documents say. documents.editing is held, or nobody has the engine yet.
func (fs *Functions) learn(k *knowledge) {
	fs.mu.Lock()
	fs.aliases, fs.incomplete = k.aliases, k.incomplete
	for name, n := range k.last {
		fs.last[name] = max(fs.last[name], n)
	}
	fs.mu.Unlock()
	for _, f := range fs.all() {
		if _, there := k.versions[qualified{f.Name, f.Version}]; f.image != nil && !there {
			fs.remove(f)
		}
		if f.image == nil && !f.draining && !f.remote && !f.modified.After(k.deleted[f.Name]) {
			fs.startDraining(f, k.deleted[f.Name])
		}
	}
	for _, f := range k.versions {
		fs.take(f)
	}
}

// take takes over a published version as it was read.
func (fs *Functions) take(f *function) {
	switch old := fs.find(f.Name, f.Version); {
	case old != nil && old.image != nil:
		if f.draining && !old.draining {
			fs.startDraining(old, f.deleted)
		}
	case old != nil && old.Invoker != nil: // registered by its number
	case fs.images != nil:
		fs.put(fs.opened(f))
	default:
		fs.put(f)
	}
}

// find returns a function version, or nil.
func (fs *Functions) find(name, version string) *function {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.versions[qualified{name, version}]
}

// runnable is find for a version that can be invoked.
func (fs *Functions) runnable(name, version string) *function {
	if f := fs.find(name, version); f != nil && f.Invoker != nil {
		return f
	}
	return nil
}

// put adds a version, or puts it in the place of another one.
func (fs *Functions) put(f *function) { putIf(fs, func(*function) bool { return true }, f) }

// replace is put of a version in the place of one that is still there; old is nil for none.
func (fs *Functions) replace(old, f *function) {
	putIf(fs, func(now *function) bool { return now == old }, f)
}

func putIf(fs *Functions, fits func(now *function) bool, f *function) {
	fs.mu.Lock()
	old := fs.versions[qualified{f.Name, f.Version}]
	if !fits(old) {
		fs.mu.Unlock()
		return
	}
	fs.fleet.share(f) // before anybody sees its places
	fs.versions[qualified{f.Name, f.Version}] = f
	fs.last[f.Name] = max(fs.last[f.Name], versionNumber(f.Version))
	fs.mu.Unlock()
	if old != nil && old.places != f.places {
		fs.fleet.unshare(old)
	}
	fs.tend(f.Name, f.Version)
}

// runs are the versions that this engine can run, each with its share of places.
func (fs *Functions) runs() (told []NodeFunction) {
	for _, f := range fs.all() {
		if f.Invoker != nil {
			told = append(told, NodeFunction{Name: f.Name, Version: f.Version, Concurrency: fs.fleet.shares.usable(f)})
		}
	}
	return told
}

// remove takes a version away, unless another has taken its place.
func (fs *Functions) remove(f *function) {
	fs.mu.Lock()
	if v := (qualified{f.Name, f.Version}); fs.versions[v] == f {
		delete(fs.versions, v)
	}
	fs.mu.Unlock()
	fs.fleet.unshare(f)
	fs.tend(f.Name, f.Version)
}

// versionsOf returns the versions of a function, $LATEST first and then by number.
func (fs *Functions) versionsOf(name string) []*function {
	return slices.DeleteFunc(fs.all(), func(f *function) bool { return f.Name != name })
}

// all returns the versions of all functions, ordered by name, $LATEST first and then by number.
func (fs *Functions) all() []*function {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return slices.SortedFunc(maps.Values(fs.versions), func(a, b *function) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name),
			cmp.Compare(versionNumber(a.Version), versionNumber(b.Version)), cmp.Compare(a.Version, b.Version))
	})
}

// known returns the versions of a function, and refuses one that has none.
func (fs *Functions) known(name string) ([]*function, error) {
	versions := fs.versionsOf(name)
	if len(versions) == 0 {
		return nil, protocol.Errorf(protocol.CodeNotFound, "Function not found: %s", fs.home.unqualifiedARN(name))
	}
	return versions, nil
}

// Register adds a function version, or replaces it: invocations under way end with the old one, later ones use the
// new. Open executions that wait for an invocation of it get it now.
func (fs *Functions) Register(f Function) error {
	f.setDefaults()
	err := checkSettings(&f, fs.strict)
	if err == nil && f.Invoker == nil {
		err = errors.New("an Invoker is required")
	}
	if err != nil {
		return fmt.Errorf("registering function %q: %w", f.Name, err)
	}
	registered := newFunction(f)
	registered.modified = fs.now().Time()
	if old := fs.find(f.Name, f.Version); old != nil && old.image != nil {
		registered.image, registered.draining, registered.deleted = old.image, old.draining, old.deleted
	}
	fs.put(registered)
	return nil
}

// Unregister takes a function version away. Invocations under way go on to their end; open executions wait until the
// version is registered again. A published version stays published, but cannot be run until then.
func (fs *Functions) Unregister(name, version string) {
	version = cmp.Or(version, protocol.LatestVersion)
	fs.documents.editing.Lock()
	defer fs.documents.editing.Unlock()
	f := fs.find(name, version)
	switch {
	case f == nil:
	case f.image == nil:
		fs.remove(f)
	default:
		idle := *f
		idle.Invoker, idle.fault = nil, "it was unregistered"
		fs.put(&idle)
	}
}

// List returns the function versions that can be invoked here, or by another node of the fleet, ordered by name and
// version, each with its qualified ARN.
func (fs *Functions) List() (functions []Function, arns []string) {
	for _, f := range fs.all() {
		if (f.Invoker != nil || f.remote) && !f.draining {
			functions = append(functions, f.Function)
			arns = append(arns, fs.home.functionARN(f.Name, f.Version).FunctionARN())
		}
	}
	return functions, arns
}

// FunctionState says whether a function version can be invoked.
type FunctionState string

// The states of a function version.
const (
	StateActive   FunctionState = "Active"
	StateFailed   FunctionState = "Failed"   // it was published, but its code cannot be run now
	StateDeleting FunctionState = "Deleting" // deleted, while executions of it are still open
)

// Configuration is what is known of a function version.
type Configuration struct {
	Function        // without its Invoker
	ARN      string // with the qualifier that was asked for
	Revision string // changes with every change
	Modified time.Time

	State           FunctionState
	StateReason     string // for people; empty for an active one
	StateReasonCode string // Lambda's word for it

	CodeSHA256 string // in base64; empty for a function of this process
	CodeSize   int64  // in bytes
}

// Configuration describes the function version that a reference names. An unknown one is a ResourceNotFoundException.
func (fs *Functions) Configuration(ctx context.Context, ref, qualifier string) (*Configuration, error) {
	if err := fs.documents.fresh(ctx); err != nil {
		return nil, err
	}
	t, err := fs.lookup(ref, qualifier, primary)
	if err != nil {
		return nil, err
	}
	name, qualifier, err := fs.home.parseRef(ref, qualifier)
	if err != nil {
		return nil, err
	}
	c := fs.configuration(ctx, t.function)
	c.ARN = fs.home.unqualifiedARN(name)
	if qualifier != "" {
		c.ARN += ":" + qualifier
	}
	return c, nil
}

// Configurations describes the versions of a function, $LATEST first and then by number; with an empty reference
// those of all functions, ordered by name. An unknown function is a ResourceNotFoundException.
func (fs *Functions) Configurations(ctx context.Context, ref string) ([]*Configuration, error) {
	if err := fs.documents.fresh(ctx); err != nil {
		return nil, err
	}
	versions := fs.all()
	if ref != "" {
		name, _, err := fs.home.parseRef(ref, "")
		if err == nil {
			versions, err = fs.known(name)
		}
		if err != nil {
			return nil, err
		}
	}
	var all []*Configuration
	for _, f := range versions {
		all = append(all, fs.configuration(ctx, f))
	}
	return all, nil
}

func (fs *Functions) configuration(ctx context.Context, f *function) *Configuration {
	c := &Configuration{
		Function: f.Function, ARN: fs.home.functionARN(f.Name, f.Version).FunctionARN(),
		Revision: f.revision, Modified: f.modified, State: StateActive,
	}
	c.Invoker = nil
	switch {
	case f.draining:
		c.State, c.StateReasonCode = StateDeleting, "DrainingDurableExecutions"
		c.StateReason = "The function was deleted. Its open durable executions go on to their end."
	case f.Invoker == nil && !f.remote:
		c.State, c.StateReasonCode = StateFailed, "InvalidImage"
		c.StateReason = f.whyIdle()
	}
	if f.image != nil {
		c.CodeSHA256, c.CodeSize = f.image.CodeSHA256, f.image.CodeSize
		return c
	}
	if z, ok := f.Invoker.(Freezer); ok {
		var err error
		if c.CodeSHA256, c.CodeSize, err = z.Code(ctx); err != nil {
			c.State, c.StateReasonCode, c.StateReason = StateFailed, "InvalidImage", err.Error()
		}
	}
	return c
}
