package engine

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/protocol"
)

// PublishRequest publishes what $LATEST is now.
type PublishRequest struct {
	Function    string // as in InvokeRequest, without a version
	Description string // takes the place of the function's; may be empty
	// CodeSHA256 and Revision, unless empty, must be those of $LATEST.
	CodeSHA256 string
	Revision   string
}

// PublishVersion keeps the code and the settings that $LATEST has now as the
// next version, and returns its configuration. If nothing has changed since the
// last version was published, that is the one. Numbers are never given twice.
//
// The version stays until it is deleted, over restarts too, if the engine is
// told how to run it; see [Engine.RunVersions].
func (e *Engine) PublishVersion(ctx context.Context, req *PublishRequest) (*Configuration, error) {
	name, qualifier, err := e.parseRef(req.Function, "")
	if err != nil {
		return nil, err
	}
	if qualifier != "" && qualifier != protocol.LatestVersion {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "Only %s can be published, not %s.", protocol.LatestVersion, qualifier)
	}
	e.functions.editing.Lock()
	defer e.functions.editing.Unlock()
	latest, err := e.lookup(name, protocol.LatestVersion, primary)
	if err != nil {
		return nil, err
	}
	image, err := e.freeze(ctx, latest, req)
	if err != nil {
		return nil, err
	}
	if last := e.lastPublished(name); last != nil && last.sameAs(latest.function, image) {
		return e.configuration(ctx, last), nil
	}
	f, err := e.publish(ctx, latest.function, image, req.Description)
	if err != nil {
		return nil, err
	}
	return e.configuration(ctx, f), nil
}

// freeze keeps the code of $LATEST, if it is the code that the caller means.
func (e *Engine) freeze(ctx context.Context, latest target, req *PublishRequest) (*Image, error) {
	if req.Revision != "" && req.Revision != latest.revision {
		return nil, stale("function")
	}
	if err := latest.admit(); err != nil {
		return nil, err
	}
	freezer, ok := latest.Invoker.(Freezer)
	if !ok || e.functions.images == nil {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "Function %s has no code that could be kept: it is part of another program. "+
			"Register its versions there, each with its number.", latest.Name)
	}
	image, err := freezer.Freeze(ctx)
	if err != nil {
		return nil, fmt.Errorf("keeping the code of function %s: %w", latest.Name, err)
	}
	if req.CodeSHA256 != "" && req.CodeSHA256 != image.CodeSHA256 {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). "+
			"Please try again with the CodeSHA256 in $LATEST.", req.CodeSHA256, image.CodeSHA256)
	}
	return image, nil
}

// stale refuses a change that was meant for an earlier revision.
func stale(what string) error {
	return protocol.Errorf(protocol.CodePrecondition, "The Revision Id provided does not match the latest Revision Id. Call the Get%s API to retrieve the latest Revision Id",
		map[string]string{"function": "Function", "alias": "Alias"}[what])
}

// lastPublished returns the newest version that was published and not deleted,
// or nil.
func (e *Engine) lastPublished(name string) (last *function) {
	for _, f := range e.functions.versionsOf(name) {
		if f.image != nil && !f.draining {
			last = f
		}
	}
	return last
}

// sameAs reports whether publishing latest, of which image was made, would
// only repeat f.
func (f *function) sameAs(latest *function, image *Image) bool {
	a, b := f.settings(), latest.settings()
	a.Description, b.Description = "", ""
	return bytes.Equal(encodeDocument(&a), encodeDocument(&b)) &&
		f.image.CodeSHA256 == image.CodeSHA256 && bytes.Equal(f.image.Data, image.Data)
}

// publish makes the next version of latest. Its document is what makes it
// exist; a crash before that costs a number.
func (e *Engine) publish(ctx context.Context, latest *function, image *Image, description string) (*function, error) {
	for {
		n, err := e.nextNumber(ctx, latest.Name)
		if err != nil {
			return nil, err
		}
		settings := latest.Function
		settings.Version, settings.Invoker = strconv.Itoa(n), nil
		settings.Description = cmp.Or(description, latest.Description)
		f := newFunction(settings)
		f.image, f.modified, f.revision = image, time.Now().UTC(), uuid.NewString()
		if f = e.opened(f); f.Invoker == nil {
			return nil, fmt.Errorf("the version that was to be published cannot be run: %s", f.fault)
		}
		mine := encodeDocument(f.document())
		stored, err := e.store.EnsureDocument(ctx, kindVersion, documentKey(f.Name, f.Version), mine)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(stored, mine) {
			e.functions.put(f)
			return f, nil
		}
	}
}

// nextNumber gives out the number of a version. It is stored before it is used.
func (e *Engine) nextNumber(ctx context.Context, name string) (int, error) {
	e.functions.mu.Lock()
	fam := e.functions.familyLocked(name)
	fam.last++
	n := fam.last
	e.functions.mu.Unlock()
	return n, e.store.PutDocument(ctx, kindNumbering, name, encodeDocument(&numberingDocument{n}))
}
