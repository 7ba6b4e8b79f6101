package engine

import (
	"context"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A function version that is deleted while executions of it are open drains: it
// takes no new ones, those that there are go on, and with the last of them it is
// gone.

// DeleteFunction deletes a version, or without a qualifier the whole function
// with its aliases. It reports whether open executions delay that. An unknown
// function or version is a ResourceNotFoundException, a version that an alias
// leads to a ResourceConflictException. Numbers of deleted versions are not
// given again.
//
// A function that its owner registers again is a new one.
func (e *Engine) DeleteFunction(ctx context.Context, ref, qualifier string) (draining bool, err error) {
	name, qualifier, err := e.parseRef(ref, qualifier)
	if err != nil {
		return false, err
	}
	e.functions.editing.Lock()
	defer e.functions.editing.Unlock()
	if qualifier == "" {
		return e.deleteWhole(ctx, name)
	}
	f, err := e.deletable(name, qualifier)
	if err != nil {
		return false, err
	}
	gone, err := e.drain(ctx, f)
	return !gone, err
}

// deletable returns the version that can be deleted alone.
func (e *Engine) deletable(name, qualifier string) (*function, error) {
	switch {
	case qualifier == protocol.LatestVersion:
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "$LATEST version cannot be deleted without deleting the function.")
	case !validVersion(qualifier):
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "Deletion of aliases is not currently supported.")
	}
	f := e.functions.find(name, qualifier)
	if f == nil {
		return nil, functionNotFound(e.functionARN(name, qualifier))
	}
	aliases, err := e.Aliases(context.Background(), name, qualifier)
	if err != nil || len(aliases) == 0 {
		return f, err
	}
	var names []string
	for _, a := range aliases {
		names = append(names, a.Name)
	}
	return nil, protocol.Errorf(protocol.CodeConflict, "Unable to delete version because the following aliases reference it: [%s]", strings.Join(names, ", "))
}

func (e *Engine) deleteWhole(ctx context.Context, name string) (draining bool, err error) {
	versions := e.functions.versionsOf(name)
	if len(versions) == 0 {
		return false, protocol.Errorf(protocol.CodeNotFound, "Function not found: %s", e.unqualifiedARN(name))
	}
	for _, a := range e.functions.aliasesOf(name) {
		if err := e.deleteAlias(ctx, name, a.Name); err != nil {
			return false, err
		}
	}
	for _, f := range versions {
		gone, err := e.drain(ctx, f)
		if err != nil {
			return false, err
		}
		draining = draining || !gone
	}
	return draining, nil
}

// drain lets no more executions start on a version, and forgets it if none is
// open. The registry's editing lock is held.
func (e *Engine) drain(ctx context.Context, f *function) (gone bool, err error) {
	draining := *f
	draining.draining = true
	if f.image != nil {
		if err := e.store.PutDocument(ctx, kindVersion, documentKey(f.Name, f.Version), encodeDocument(draining.document())); err != nil {
			return false, err
		}
	}
	e.functions.starting.Lock()
	e.functions.put(&draining)
	e.functions.starting.Unlock()
	return e.forgetDrained(ctx, &draining)
}

// forgetDrained forgets a version that drains, unless executions of it are
// open. The registry's editing lock is held.
func (e *Engine) forgetDrained(ctx context.Context, f *function) (gone bool, err error) {
	open, err := e.store.List(ctx, store.Query{Function: f.Name, Version: f.Version, Statuses: openStatuses(), Limit: 1})
	if err != nil || len(open) > 0 {
		return false, err
	}
	if f.image != nil {
		if err := e.store.DeleteDocument(ctx, kindVersion, documentKey(f.Name, f.Version)); err != nil {
			return false, err
		}
	}
	e.functions.remove(f)
	e.sweep(ctx)
	return true, nil
}

// openStatuses are those of executions that are not closed.
func openStatuses() (open []protocol.ExecutionStatus) {
	for _, s := range protocol.ExecutionStatuses {
		if !s.Closed() {
			open = append(open, s)
		}
	}
	return open
}

// drained looks, in the background, whether the execution that closed was the
// last of a version that drains.
func (e *Engine) drained(arn protocol.ARN) {
	if f := e.functions.find(arn.Function, arn.Version); f == nil || !f.draining {
		return
	}
	e.work.Go(func() {
		e.functions.editing.Lock()
		defer e.functions.editing.Unlock()
		f := e.functions.find(arn.Function, arn.Version)
		if f == nil || !f.draining || e.ctx.Err() != nil {
			return
		}
		if _, err := e.forgetDrained(e.ctx, f); err != nil {
			// The next execution that closes, or the next start, looks again.
			e.log.Error("a deleted version could not be removed", "function", f.Name, "version", f.Version, "error", err)
		}
	})
}
