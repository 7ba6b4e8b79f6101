package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/function/codestore"
	"github.com/perdure/perdure/internal/function/runtimes"
	"github.com/perdure/perdure/internal/function/sandbox"
	"github.com/perdure/perdure/protocol"
)

// versions runs what was published. The code is in the data directory; a
// version gets processes when it is invoked, as most old ones never are.
type versions struct {
	l      *local
	log    *slog.Logger
	data   string // the data directory, absolute
	code   *codestore.Store
	output func(function, version string) func(sandbox.Line) // may be nil

	// mu is held while code is kept or swept, so that none goes that was just kept.
	mu     sync.Mutex
	wanted map[string]bool // code, by hash
	open   map[string]*publishedPool
	closed bool
	ending sync.WaitGroup // pools that are being closed
}

var (
	_ engine.Images       = (*versions)(nil)
	_ engine.ImageChecker = (*versions)(nil)
)

// codeDir is the name of the directory of code in a data directory.
const codeDir = "code"

func newVersions(l *local, log *slog.Logger) (*versions, error) {
	data, err := filepath.Abs(l.data)
	if err != nil {
		return nil, err
	}
	return &versions{
		l: l, log: log, data: data, code: codestore.New(filepath.Join(data, codeDir)),
		wanted: map[string]bool{}, open: map[string]*publishedPool{},
	}, nil
}

// keepCode copies code into the store.
func (v *versions) keepCode(ctx context.Context, src codestore.Source) (codestore.Code, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	code, err := v.code.Keep(ctx, src)
	if err == nil {
		v.wanted[code.Hash] = true
	}
	return code, err
}

// Open implements [engine.Images].
func (v *versions) Open(fn engine.Function, image *engine.Image) (engine.Invoker, error) {
	p := &publishedPool{versions: v, fn: fn}
	if err := json.Unmarshal(image.Data, &p.frozen); err != nil {
		return nil, fmt.Errorf("its image cannot be understood: %w", err)
	}
	var err error
	if p.dir, err = v.code.Path(p.frozen.Code); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open[fn.Name+":"+fn.Version] = p
	return p, nil
}

// Check implements [engine.ImageChecker].
func (v *versions) Check(ctx context.Context, image *engine.Image) error {
	return codeOf{v.code}.Check(ctx, image)
}

// codeOf checks images of which the code is, or should be, in a store.
type codeOf struct{ *codestore.Store }

// Check implements [engine.ImageChecker].
func (c codeOf) Check(ctx context.Context, image *engine.Image) error {
	var f frozen
	if err := json.Unmarshal(image.Data, &f); err != nil {
		return fmt.Errorf("its image cannot be understood: %w", err)
	}
	return c.Verify(ctx, f.Code)
}

// Sweep implements [engine.Images]. It ends the processes of versions that are
// gone before it removes their code, in the background: an invocation of an
// execution that was stopped may be under way.
func (v *versions) Sweep(_ context.Context, keep []engine.PublishedImage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wanted = map[string]bool{}
	alive := map[string]bool{}
	for _, image := range keep {
		var f frozen
		if json.Unmarshal(image.Data, &f) == nil {
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
				v.log.Warn("the processes of a deleted version did not end in good order", "function", p.fn.Name, "version", p.fn.Version, "error", err)
			}
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		if err := v.code.Sweep(func(hash string) bool { return v.wanted[hash] }); err != nil {
			v.log.Warn("code that is not needed any more could not be removed", "error", err)
		}
	})
}

// close ends the processes of all versions.
func (v *versions) close(ctx context.Context) error {
	v.mu.Lock()
	v.closed = true
	pools := make([]*publishedPool, 0, len(v.open))
	for _, p := range v.open {
		pools = append(pools, p)
	}
	v.mu.Unlock()
	var errs []error
	for _, p := range pools {
		errs = append(errs, p.close(ctx))
	}
	v.ending.Wait()
	return errors.Join(errs...)
}

// pools returns those of the versions that have been invoked.
func (v *versions) pools() (pools []*sandbox.Pool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.open {
		p.mu.Lock()
		if p.pool != nil {
			pools = append(pools, p.pool)
		}
		p.mu.Unlock()
	}
	return pools
}

// publishedPool runs one published version.
type publishedPool struct {
	versions *versions
	fn       engine.Function
	frozen   frozen
	dir      string // where its code lies

	mu     sync.Mutex
	pool   *sandbox.Pool // nil before the first invocation
	closed bool
}

// Invoke implements [engine.Invoker].
func (p *publishedPool) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	pool, err := p.start(ctx)
	if err != nil {
		failure := protocol.InvocationError(inv.RequestID, protocol.ErrorTypeSandboxFailure, "version %s cannot be run: %v", p.fn.Version, err)
		return engine.Outcome{Unstarted: true, Error: failure}
	}
	return pool.Invoke(ctx, inv)
}

// start returns the pool, and makes it if this is the first invocation.
func (p *publishedPool) start(ctx context.Context) (*sandbox.Pool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pool != nil || p.closed {
		return p.pool, p.gone()
	}
	v := p.versions
	tell := func(line string) { v.log.Info(line, "function", p.fn.Name, "version", p.fn.Version) }
	proc, err := p.frozen.process(ctx, p.dir, &runtimes.Options{Cache: v.l.data, Tell: tell})
	if err != nil {
		return nil, err
	}
	var output func(sandbox.Line)
	if v.output != nil {
		output = v.output(p.fn.Name, p.fn.Version)
	}
	p.pool, err = v.l.newPool(p.fn, proc, p.frozen.Env, output)
	return p.pool, err
}

func (p *publishedPool) gone() error {
	if p.pool == nil {
		return errors.New("it was deleted")
	}
	return nil
}

func (p *publishedPool) close(ctx context.Context) error {
	p.mu.Lock()
	pool := p.pool
	p.closed = true
	p.mu.Unlock()
	if pool == nil {
		return nil
	}
	return pool.Close(ctx)
}

// maxTold bounds the versions of one function that are told at the start.
const maxTold = 5

// published says for each function which versions of it were published, the
// newest last, and where its aliases lead.
func (l *local) published() (lines []string) {
	ctx := context.Background()
	all, err := l.engine.Functions().Configurations(ctx, "")
	if err != nil {
		return nil
	}
	byName := map[string][]string{}
	var names []string
	for _, c := range all {
		if c.Version == protocol.LatestVersion {
			continue
		}
		if byName[c.Name] == nil {
			names = append(names, c.Name)
		}
		word := c.Version
		if c.State != engine.StateActive {
			word += " (" + strings.ToLower(string(c.State)) + ")"
		}
		byName[c.Name] = append(byName[c.Name], word)
	}
	for _, name := range names {
		words := byName[name]
		if more := len(words) - maxTold; more > 0 {
			words = append([]string{fmt.Sprintf("%d more", more)}, words[more:]...)
		}
		line := name + ": " + strings.Join(words, ", ")
		aliases, _ := l.engine.Functions().Aliases(ctx, name, "")
		for _, a := range aliases {
			line += "; " + a.Name + " → " + aliasLeads(a.Version, a.Weights)
		}
		lines = append(lines, line)
	}
	return lines
}
