package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Image is the code of a function, kept for good, with what its processes get.
type Image struct {
	CodeSHA256 string // SHA-256 of the code, in base64, as Lambda tells it
	CodeSize   int64  // in bytes
	// Data tells the [Images] that kept the code how to run it. Images with equal Data run the same. It is stored, so
	// it is small.
	Data []byte
}

// Freezer is an [Invoker] whose code can be published.
type Freezer interface {
	Invoker
	// Code returns the hash and the size that an [Image] of the code as it is now has.
	Code(ctx context.Context) (sha256 string, size int64, err error)
	// Freeze keeps the code and its settings as they are now. It changes nothing for this invoker. The same twice
	// takes no more room.
	Freeze(ctx context.Context) (*Image, error)
}

// Images runs published versions from what a [Freezer] kept of them. The engine calls one method at a time.
type Images interface {
	// Open returns the invoker of a published version; f.Invoker is nil. It should start nothing before the first
	// invocation: most old versions are never invoked again.
	Open(f Function, image *Image) (Invoker, error)
	// Sweep removes all images that are not among keep, and ends the invokers of all other versions. A version that
	// is deleted and has no open execution is not among keep; an invocation of a stopped one may still be under way.
	Sweep(ctx context.Context, keep []PublishedImage)
}

// ImageChecker is implemented by [Images] that can tell whether code is there; [Engine.Verify] uses it.
type ImageChecker interface {
	// Check returns an error if the code of an image is missing, or is not what was kept. It may run beside methods
	// of Images.
	Check(ctx context.Context, image *Image) error
}

// PublishedImage is the image of one version.
type PublishedImage struct {
	Function, Version string
	*Image
}

// PublishedImages returns the images of the published versions in a store. The error names the versions that cannot
// be read; the others are there all the same.
func PublishedImages(ctx context.Context, st StoreReader) (found []PublishedImage, err error) {
	var errs []error
	for d, err := range store.AllDocuments(ctx, st, kindVersion) {
		if err != nil {
			return nil, err
		}
		var v versionDocument
		name, version, _ := strings.Cut(d.Key, "/")
		if d.Damaged || json.Unmarshal(d.Value, &v) != nil {
			errs = append(errs, fmt.Errorf("version %s of function %s cannot be understood", version, name))
			continue
		}
		found = append(found, PublishedImage{name, version, &v.Image})
	}
	return found, errors.Join(errs...)
}

// RunVersions makes images run the versions that are published, now and later. It registers all of them; one that
// cannot be opened is logged, and its executions wait. Without RunVersions nothing can be published.
func (fs *Functions) RunVersions(ctx context.Context, images Images) error {
	return fs.documents.edit(ctx, func(ctx context.Context) error {
		fs.images = images
		for _, f := range fs.all() {
			if f.image != nil {
				fs.put(fs.opened(f))
			}
		}
		for _, f := range fs.all() {
			if f.draining {
				if _, err := fs.forgetDrained(ctx, f); err != nil {
					return err
				}
			}
		}
		fs.sweep(ctx)
		return nil
	})
}

// opened returns f with an invoker, or with the reason why it has none. documents.editing is held.
func (fs *Functions) opened(f *function) *function {
	open := *f
	var err error
	open.Invoker, open.fault = nil, ""
	if open.Invoker, err = fs.images.Open(open.Function, f.image); err != nil {
		open.Invoker, open.fault = nil, err.Error()
		fs.log.Error("a published version cannot be run; its executions wait",
			"function", f.Name, "version", f.Version, "error", err)
	}
	return &open
}

// sweep removes the images that no version needs. documents.editing is held.
func (fs *Functions) sweep(ctx context.Context) {
	if fs.images == nil || fs.incomplete {
		return
	}
	var keep []PublishedImage
	for _, f := range fs.all() {
		if f.image != nil {
			keep = append(keep, PublishedImage{f.Name, f.Version, f.image})
		}
	}
	fs.images.Sweep(ctx, keep)
}

// PublishRequest publishes $LATEST as it is now.
type PublishRequest struct {
	Function    string // as in InvokeRequest, without a version
	Description string // of the version; empty is the function's
	// CodeSHA256 and Revision, unless empty, must be those of $LATEST.
	CodeSHA256 string
	Revision   string
}

// PublishVersion keeps the code and the settings of $LATEST as the next version, and returns its configuration. If
// nothing has changed since the last version was published, it returns that one. No number is given twice.
//
// The version stays until it is deleted. After a restart [Functions.RunVersions] runs it again.
func (fs *Functions) PublishVersion(ctx context.Context, req *PublishRequest) (*Configuration, error) {
	name, qualifier, err := fs.home.parseRef(req.Function, "")
	if err != nil {
		return nil, err
	}
	if qualifier != "" && qualifier != protocol.LatestVersion {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter,
			"Only %s can be published, not %s.", protocol.LatestVersion, qualifier)
	}
	var c *Configuration
	err = fs.documents.edit(ctx, func(ctx context.Context) (err error) {
		c, err = fs.publishLatest(ctx, name, req)
		return err
	})
	return c, err
}

// publishLatest is PublishVersion of a function by its name. documents.editing is held.
func (fs *Functions) publishLatest(ctx context.Context, name string, req *PublishRequest) (*Configuration, error) {
	latest, err := fs.lookup(name, protocol.LatestVersion, primary)
	if err != nil {
		return nil, err
	}
	image, err := fs.freeze(ctx, latest, req)
	if err != nil {
		return nil, err
	}
	published := slices.DeleteFunc(fs.versionsOf(name), func(f *function) bool { return f.image == nil || f.draining })
	if n := len(published); n > 0 && published[n-1].sameAs(latest.function, image) {
		return fs.configuration(ctx, published[n-1]), nil
	}
	f, err := fs.publish(ctx, latest.function, image, req.Description)
	if err != nil {
		return nil, err
	}
	return fs.configuration(ctx, f), nil
}

// freeze keeps the code of $LATEST, if it is the code that the caller means.
func (fs *Functions) freeze(ctx context.Context, latest target, req *PublishRequest) (*Image, error) {
	if req.Revision != "" && req.Revision != latest.revision {
		return nil, stale("Function")
	}
	if err := latest.admit(); err != nil {
		return nil, err
	}
	if latest.remote {
		return nil, protocol.Errorf(protocol.CodeNotReady, "Function %s runs on other nodes of the fleet: "+
			"one of them has to publish it.", latest.Name)
	}
	freezer, ok := latest.Invoker.(Freezer)
	if !ok || fs.images == nil {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "Function %s has no code that could be kept: "+
			"it is part of another program. Register its versions there, each with its number.", latest.Name)
	}
	image, err := freezer.Freeze(ctx)
	if err != nil {
		return nil, fmt.Errorf("keeping the code of function %s: %w", latest.Name, err)
	}
	if req.CodeSHA256 != "" && req.CodeSHA256 != image.CodeSHA256 {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter,
			"CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). "+
				"Please try again with the CodeSHA256 in $LATEST.", req.CodeSHA256, image.CodeSHA256)
	}
	return image, nil
}

// stale refuses a change of a Function or an Alias that was meant for an earlier revision.
func stale(what string) error {
	return protocol.Errorf(protocol.CodePrecondition,
		"The Revision Id provided does not match the latest Revision Id. "+
			"Call the Get%s API to retrieve the latest Revision Id", what)
}

// sameAs reports whether publishing latest, whose code is in image, would only repeat f.
func (f *function) sameAs(latest *function, image *Image) bool {
	return f.hasSettings(&latest.Function) &&
		f.image.CodeSHA256 == image.CodeSHA256 && bytes.Equal(f.image.Data, image.Data)
}

// publish makes the next version of latest. It exists from its document on; a crash before that costs a number.
func (fs *Functions) publish(
	ctx context.Context, latest *function, image *Image, description string,
) (*function, error) {
	for {
		n, err := fs.nextNumber(ctx, latest.Name)
		if err != nil {
			return nil, err
		}
		settings := latest.Function
		settings.Version, settings.Invoker = strconv.Itoa(n), nil
		settings.Description = cmp.Or(description, latest.Description)
		f := newFunction(settings)
		f.image, f.modified = image, time.Now().UTC()
		if f = fs.opened(f); f.Invoker == nil {
			return nil, fmt.Errorf("the version that was to be published cannot be run: %s", f.fault)
		}
		mine := encodeDocument(f.document())
		stored, err := fs.store.EnsureDocument(ctx, kindVersion, documentKey(f.Name, f.Version), mine)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(stored, mine) {
			fs.put(f)
			return f, nil
		}
	}
}

// nextNumber returns the number of a new version. It is stored before it is used.
func (fs *Functions) nextNumber(ctx context.Context, name string) (int, error) {
	fs.mu.Lock()
	fs.last[name]++
	n := fs.last[name]
	fs.mu.Unlock()
	return n, fs.store.PutDocument(ctx, kindNumbering, name, encodeDocument(&numberingDocument{LastVersion: n}))
}

func (fs *Functions) lastNumber(name string) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.last[name]
}

// A version that is deleted while executions of it are open drains: it takes no new ones, those that are open go on,
// and with the last of them it is gone.

// DeleteFunction deletes a version, or without a qualifier the whole function with its aliases. It reports whether
// open executions delay that. An unknown function or version is a ResourceNotFoundException, a version with an alias
// a ResourceConflictException. Numbers of deleted versions are not given again.
//
// A function that is registered again is a new one.
func (fs *Functions) DeleteFunction(ctx context.Context, ref, qualifier string) (draining bool, err error) {
	name, qualifier, err := fs.home.parseRef(ref, qualifier)
	if err != nil {
		return false, err
	}
	err = fs.documents.edit(ctx, func(ctx context.Context) error {
		if qualifier == "" {
			draining, err = fs.deleteWhole(ctx, name)
			return err
		}
		f, err := fs.deletable(name, qualifier)
		if err != nil {
			return err
		}
		gone, err := fs.drain(ctx, f)
		draining = !gone
		return err
	})
	return draining, err
}

// deletable returns the version that can be deleted alone.
func (fs *Functions) deletable(name, qualifier string) (*function, error) {
	switch {
	case qualifier == protocol.LatestVersion:
		return nil, protocol.Errorf(protocol.CodeInvalidParameter,
			"$LATEST version cannot be deleted without deleting the function.")
	case !validVersion(qualifier):
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "Deletion of aliases is not currently supported.")
	}
	f := fs.find(name, qualifier)
	if f == nil {
		return nil, functionNotFound(fs.home.functionARN(name, qualifier))
	}
	var names []string
	for _, a := range fs.aliasesOf(name) {
		if slices.Contains(a.versions(), qualifier) {
			names = append(names, a.Name)
		}
	}
	if len(names) > 0 {
		return nil, protocol.Errorf(protocol.CodeConflict,
			"Unable to delete version because the following aliases reference it: [%s]", strings.Join(names, ", "))
	}
	return f, nil
}

func (fs *Functions) deleteWhole(ctx context.Context, name string) (draining bool, err error) {
	versions, err := fs.known(name)
	if err != nil {
		return false, err
	}
	for _, a := range fs.aliasesOf(name) {
		if err := fs.deleteAlias(ctx, name, a.Name); err != nil {
			return false, err
		}
	}
	if !fs.fleet.alone() { // the other nodes have registered it, too
		n := numberingDocument{fs.lastNumber(name), fs.now().Time()}
		if err := fs.store.PutDocument(ctx, kindNumbering, name, encodeDocument(&n)); err != nil {
			return false, err
		}
	}
	for _, f := range versions {
		gone, err := fs.drain(ctx, f)
		if err != nil {
			return false, err
		}
		draining = draining || !gone
	}
	return draining, nil
}

// drain lets no more executions start on a version, and forgets it if none is open. documents.editing is held.
func (fs *Functions) drain(ctx context.Context, f *function) (gone bool, err error) {
	at := fs.now().Time()
	if f.image != nil {
		deleted := *f
		deleted.draining, deleted.deleted = true, at
		doc := encodeDocument(deleted.document())
		if err := fs.store.PutDocument(ctx, kindVersion, documentKey(f.Name, f.Version), doc); err != nil {
			return false, err
		}
	}
	return fs.forgetDrained(ctx, fs.startDraining(f, at))
}

// startDraining lets no more executions start on a version, which was deleted at a moment.
func (fs *Functions) startDraining(f *function, at time.Time) *function {
	draining := *f
	draining.draining, draining.deleted = true, at
	fs.starting.Lock()
	defer fs.starting.Unlock()
	fs.put(&draining)
	return &draining
}

// forgetDrained forgets a version that drains, unless executions of it are open. documents.editing is held.
func (fs *Functions) forgetDrained(ctx context.Context, f *function) (gone bool, err error) {
	if settled, err := fs.fleet.settled(ctx, f.deleted); err != nil || !settled {
		return false, err
	}
	q := store.Query{Function: f.Name, Version: f.Version, Statuses: openStatuses(), Limit: 1}
	open, err := fs.store.List(ctx, q)
	if err != nil || len(open) > 0 {
		return false, err
	}
	if f.image != nil {
		if err := fs.store.DeleteDocument(ctx, kindVersion, documentKey(f.Name, f.Version)); err != nil {
			return false, err
		}
	}
	fs.remove(f)
	fs.sweep(ctx)
	return true, nil
}

func openStatuses() (open []protocol.ExecutionStatus) {
	for _, s := range protocol.ExecutionStatuses {
		if !s.Closed() {
			open = append(open, s)
		}
	}
	return open
}

// heard looks, in the background, whether the execution that closed was the last of a version that drains.
func (fs *Functions) heard(c change) {
	if c.x == nil || !c.x.Status().Closed() {
		return
	}
	arn := c.x.Identity().ARN
	if f := fs.find(arn.Function, arn.Version); f == nil || !f.draining {
		return
	}
	fs.work.Go(func() { fs.forget(arn.Function, arn.Version) })
}

// forget forgets a version if it has drained.
func (fs *Functions) forget(name, version string) {
	err := fs.documents.edit(fs.ctx, func(ctx context.Context) error {
		f := fs.find(name, version)
		if f == nil || !f.draining || fs.closing() {
			return nil
		}
		_, err := fs.forgetDrained(ctx, f)
		return err
	})
	if err != nil && !fs.closing() {
		// The next execution that closes, or the next start of an engine, looks again.
		fs.log.Error("a deleted version could not be removed", "function", name, "version", version, "error", err)
	}
}
