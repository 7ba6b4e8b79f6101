package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/codestore"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// versions runs published versions. The code is in the data directory; a version gets its processes, and a node of a
// fleet the code, when it is invoked, which most old ones never are.
type versions struct {
	host *Host
	data string // the data directory, absolute
	codeOf

	keeping sync.Mutex // held while code is kept or swept, so that new code is not swept

	mu     sync.Mutex
	wanted map[string]bool // code, by hash
	open   map[string]*publishedPool
	closed bool
	ending sync.WaitGroup // pools that are being closed, and sweeps

	sweeping context.Context // of sweeps of what nodes share
	stop     context.CancelFunc
}

var (
	_ engine.Images       = (*versions)(nil)
	_ engine.ImageChecker = (*versions)(nil)
)

// RunPublished lets published versions run, present and future ones.
func (h *Host) RunPublished(ctx context.Context) error {
	if err := h.Engine.Functions().RunVersions(ctx, h.versions); err != nil {
		return h.Fault(err)
	}
	return nil
}

func newVersions(h *Host) (*versions, error) {
	data, err := filepath.Abs(h.Data)
	if err != nil {
		return nil, err
	}
	v := &versions{
		host: h, data: data, codeOf: codeOf{h.data.code},
		wanted: map[string]bool{}, open: map[string]*publishedPool{},
	}
	v.sweeping, v.stop = context.WithCancel(context.Background())
	return v, nil
}

// keepCode copies code into the store.
func (v *versions) keepCode(ctx context.Context, src codestore.Source) (codestore.Code, error) {
	v.keeping.Lock()
	defer v.keeping.Unlock()
	code, err := v.Store.Keep(ctx, src)
	if err == nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.wanted[code.Hash] = true
	}
	return code, err
}

// Open implements [engine.Images].
func (v *versions) Open(fn engine.Function, image *engine.Image) (engine.Invoker, error) {
	f, err := thaw(image)
	if err != nil {
		return nil, err
	}
	if err := v.Here(f.Code); err != nil {
		return nil, err
	}
	p := &publishedPool{versions: v, fn: fn, frozen: f}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open[fn.Name+":"+fn.Version] = p
	return p, nil
}

// codeOf checks images against the code in a store.
type codeOf struct{ *codestore.Store }

// Check implements [engine.ImageChecker].
func (c codeOf) Check(ctx context.Context, image *engine.Image) error {
	f, err := thaw(image)
	if err != nil {
		return err
	}
	return c.Verify(ctx, f.Code)
}

// Sweep implements [engine.Images]. It ends the processes of removed versions before it removes their code, in the
// background: an invocation of a stopped execution may be under way.
func (v *versions) Sweep(_ context.Context, keep []engine.PublishedImage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wanted = map[string]bool{}
	alive := map[string]bool{}
	for _, image := range keep {
		if f, err := thaw(image.Image); err == nil {
			v.wanted[f.Code] = true
		}
		alive[image.Function+":"+image.Version] = true
	}
	var gone []*publishedPool
	for name, p := range v.open {
		if !alive[name] {
			gone = append(gone, p)
			delete(v.open, name)
		}
	}
	if v.closed {
		return
	}
	v.ending.Go(func() {
		for _, p := range gone {
			if err := p.close(context.Background()); err != nil {
				v.host.opts.Log.Warn("the processes of a deleted version did not end in good order", "function",
					p.fn.Name, "version", p.fn.Version, "error", err)
			}
		}
		v.keeping.Lock()
		defer v.keeping.Unlock()
		err := errors.Join(v.Store.Sweep(v.wants), v.host.data.sweepCode(v.sweeping, v.wants))
		if err != nil && v.sweeping.Err() == nil {
			v.host.opts.Log.Warn("code that is not needed any more could not be removed", "error", err)
		}
	})
}

func (v *versions) wants(hash string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.wanted[hash]
}

// close begins nothing more, and waits for the end of deletions.
func (v *versions) close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.stop()
	v.ending.Wait()
}

// publishedPool runs one published version.
type publishedPool struct {
	versions *versions
	fn       engine.Function
	frozen   frozen

	mu     sync.Mutex
	pool   *sandbox.Pool // nil before the first invocation
	closed bool
}

// Invoke implements [engine.Invoker].
func (p *publishedPool) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	began := time.Now()
	pool, err := p.start(ctx)
	fetched := time.Since(began)
	if err != nil {
		failure := protocol.InvocationError(inv.RequestID, protocol.ErrorTypeSandboxFailure,
			"version %s cannot be run: %v", p.fn.Version, err)
		return engine.Outcome{Unstarted: true, Error: failure}
	}
	out := pool.Invoke(ctx, inv)
	if out.Init > 0 { // what it waited for its code is a part of that
		out.Init += fetched
	}
	return out
}

// start returns the pool, which the first invocation makes.
func (p *publishedPool) start(ctx context.Context) (*sandbox.Pool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, errors.New("it was deleted")
	case p.pool != nil:
		return p.pool, nil
	}
	v := p.versions
	tell := func(line string) { v.host.opts.Log.Info(line, "function", p.fn.Name, "version", p.fn.Version) }
	dir, err := v.Fetch(ctx, p.frozen.Code)
	if err != nil {
		return nil, err
	}
	proc, err := p.frozen.process(ctx, dir, &runtimes.Options{Cache: v.host.Data, Tell: tell})
	if err != nil {
		return nil, err
	}
	code := &Code{Function: p.fn, Process: proc, Env: p.frozen.Env}
	p.pool, err = v.host.newPool(code.config(v.host.doors.runtime))
	return p.pool, err
}

func (p *publishedPool) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if p.pool == nil { // and it stays so
		return nil
	}
	return p.versions.host.end(ctx, p.pool)
}

// frozen is the data of a version's image: how to run its code. It does not name the code's place on this machine,
// so a data directory can be moved.
type frozen struct {
	Code    string            // hash in the code store
	Runtime string            `json:",omitempty"` // the language, if the code needs one
	Program string            `json:",omitempty"` // else the file to execute, below the code
	Args    []string          `json:",omitempty"` // of the program
	Handler string            `json:",omitempty"`
	Env     map[string]string `json:",omitempty"` // the function's own
}

// thaw reads the data of an image.
func thaw(image *engine.Image) (f frozen, err error) {
	if err := json.Unmarshal(image.Data, &f); err != nil {
		return f, fmt.Errorf("its image cannot be understood: %w", err)
	}
	return f, nil
}

// deployed is the pool of a function's newest code, which can be published.
type deployed struct {
	*sandbox.Pool
	host *Host // nil for rehearsals, which are not published
	code *Code
}

var _ Running = (*deployed)(nil)

// Close implements [Running].
func (d *deployed) Close(ctx context.Context) error {
	if d.host == nil {
		return d.Pool.Close(ctx)
	}
	return d.host.end(ctx, d.Pool)
}

// Code implements [engine.Freezer].
func (d *deployed) Code(ctx context.Context) (sha256 string, size int64, err error) {
	code, err := d.host.versions.Hash(ctx, d.source())
	return code.Base64(), code.Size, err
}

// Freeze implements [engine.Freezer].
func (d *deployed) Freeze(ctx context.Context) (*engine.Image, error) {
	src := d.source()
	code, err := d.host.versions.keepCode(ctx, src)
	if err != nil {
		return nil, err
	}
	f := frozen{Code: code.Hash, Handler: d.code.Process.Handler, Env: d.code.Env}
	if d.code.Process.Runtime != "" {
		f.Runtime = d.code.Process.Runtime
	} else {
		f.Program, f.Args = filepath.Base(d.code.Process.Command[0]), d.code.Process.Command[1:]
	}
	data, err := json.Marshal(f)
	return &engine.Image{CodeSHA256: code.Base64(), CodeSize: code.Size, Data: data}, err
}

// source is the code: the one file of a built program, otherwise the directory, since a script may need its
// neighbours.
func (d *deployed) source() codestore.Source {
	switch program := d.code.Process.Command[0]; {
	case d.code.Process.Runtime != "":
		return codestore.Source{Path: d.code.Process.Dir, Except: d.host.versions.data}
	case isScript(program):
		return codestore.Source{Path: filepath.Dir(program), Except: d.host.versions.data}
	default:
		return codestore.Source{Path: program}
	}
}

// isScript reports whether a program is text that another one interprets.
func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "#!"
}

// process returns how to run frozen code in dir.
func (f *frozen) process(ctx context.Context, dir string, opts *runtimes.Options) (*runtimes.Process, error) {
	if f.Runtime != "" {
		return runtimes.Resolve(ctx, runtimes.Code{Runtime: f.Runtime, Handler: f.Handler, Dir: dir}, opts)
	}
	proc := runtimes.Executable(filepath.Join(dir, f.Program), f.Handler, f.Args...)
	proc.Dir = dir
	return proc, nil
}
