package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
)

// Image is the code of a function, kept for good with the settings that its
// processes get.
type Image struct {
	CodeSHA256 string // SHA-256 of the code, in base64, as Lambda tells it
	CodeSize   int64  // in bytes
	// Data says how to run the code, to the [Images] that kept it. Images with
	// equal Data run the same. It is stored with the version, so it is small.
	Data []byte
}

// Freezer is an [Invoker] whose code can be published.
type Freezer interface {
	Invoker
	// Code returns hash and size of the code as it is now, as an [Image] of
	// it would have them.
	Code(ctx context.Context) (sha256 string, size int64, err error)
	// Freeze keeps the code and its settings as they are now. It changes
	// nothing for this invoker. To keep the same twice costs no more room.
	Freeze(ctx context.Context) (*Image, error)
}

// Images runs published versions from what a [Freezer] kept of them. The engine
// calls one method at a time.
type Images interface {
	// Open returns the invoker of a published version, whose Invoker is nil.
	// It should start nothing before the first invocation: most old versions
	// are never invoked again.
	Open(f Function, image *Image) (Invoker, error)
	// Sweep removes every image that is not among keep, and ends the invokers
	// of other versions than those. A version is not among them once it is
	// deleted and has no open execution, but an invocation of one that was
	// stopped may be under way.
	Sweep(ctx context.Context, keep []PublishedImage)
}

// ImageChecker is implemented by [Images] that can tell whether code is there;
// without it, [Engine.Verify] does not look for it.
type ImageChecker interface {
	// Check returns an error if the code of an image is missing, or is not
	// what was kept. It may be called while methods of Images are.
	Check(ctx context.Context, image *Image) error
}

// PublishedImage is the image of one version.
type PublishedImage struct {
	Function, Version string
	*Image
}

// publishedImages returns the images of the published versions that a store
// holds. A version of which the store cannot tell is an error, beside the others.
func publishedImages(ctx context.Context, st store.Store) (found []PublishedImage, err error) {
	docs, err := st.Documents(ctx, kindVersion)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, d := range docs {
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

// RunVersions makes images run what was published, and what will be. It
// registers every published version; one that cannot be opened is logged, and
// its executions wait. Without RunVersions there is nothing to publish with.
func (e *Engine) RunVersions(ctx context.Context, images Images) error {
	r := &e.functions
	r.editing.Lock()
	defer r.editing.Unlock()
	r.images = images
	for _, name := range r.names() {
		for _, f := range r.versionsOf(name) {
			if f.image != nil {
				r.put(e.opened(f))
			}
		}
	}
	for _, name := range r.names() {
		for _, f := range r.versionsOf(name) {
			if f.draining {
				if _, err := e.forgetDrained(ctx, f); err != nil {
					return err
				}
			}
		}
	}
	e.sweep(ctx)
	return nil
}

// opened returns f with an invoker, or with the reason why it has none. The
// registry's editing lock is held.
func (e *Engine) opened(f *function) *function {
	open := *f
	var err error
	open.Invoker, open.fault = nil, ""
	if open.Invoker, err = e.functions.images.Open(open.Function, f.image); err != nil {
		open.Invoker, open.fault = nil, err.Error()
		e.log.Error("a published version cannot be run; its executions wait", "function", f.Name, "version", f.Version, "error", err)
	}
	return &open
}

// sweep lets go of the images that no version needs. The registry's editing
// lock is held.
func (e *Engine) sweep(ctx context.Context) {
	r := &e.functions
	if r.images == nil || r.incomplete {
		return
	}
	var keep []PublishedImage
	for _, name := range r.names() {
		for _, f := range r.versionsOf(name) {
			if f.image != nil {
				keep = append(keep, PublishedImage{name, f.Version, f.image})
			}
		}
	}
	r.images.Sweep(ctx, keep)
}
