package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/wire"
)

// What the engine remembers of functions are documents of these kinds. The key
// is the function's name, with a slash and the version or the alias behind it.
const (
	kindNumbering = "function" // by name: which numbers its versions had
	kindVersion   = "version"
	kindAlias     = "alias"
)

// numberingDocument keeps a deleted version's number from being given again:
// executions of it may still be readable.
type numberingDocument struct {
	LastVersion int
}

// versionDocument is a published version.
type versionDocument struct {
	Description string `json:",omitempty"`
	Published   time.Time
	Revision    string
	Deleted     bool `json:",omitempty"` // it drains

	Timeout     time.Duration
	Concurrency int
	Durable     *DurableConfig `json:",omitempty"`
	PerTenant   bool           `json:",omitempty"`
	Runtime     string         `json:",omitempty"`
	Handler     string         `json:",omitempty"`
	MemoryMB    int            `json:",omitempty"`

	Image Image
}

// aliasDocument is an alias.
type aliasDocument struct {
	Version     string
	Description string             `json:",omitempty"`
	Weights     map[string]float64 `json:",omitempty"`
	Revision    string
}

func documentKey(function, word string) string { return function + "/" + word }

// version is the document of a published version.
func (f *function) document() *versionDocument {
	return &versionDocument{
		Description: f.Description, Published: f.modified, Revision: f.revision, Deleted: f.draining,
		Timeout: f.Timeout, Concurrency: f.Concurrency, Durable: f.Durable, PerTenant: f.PerTenant,
		Runtime: f.Runtime, Handler: f.Handler, MemoryMB: f.MemoryMB, Image: *f.image,
	}
}

// function is the published version of a document. Nothing can run it yet.
func (d *versionDocument) function(name, version string) *function {
	f := newFunction(Function{
		Name: name, Version: version, Description: d.Description,
		Timeout: d.Timeout, Concurrency: d.Concurrency, Durable: d.Durable, PerTenant: d.PerTenant,
		Runtime: d.Runtime, Handler: d.Handler, MemoryMB: d.MemoryMB,
	})
	f.revision, f.modified, f.draining, f.image = d.Revision, d.Published, d.Deleted, &d.Image
	return f
}

func encodeDocument(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("engine: encoding a document: " + err.Error())
	}
	return data
}

// loadFunctions reads the documents of functions.
func (e *Engine) loadFunctions(ctx context.Context) error {
	for kind, load := range map[string]func(name, word string, data []byte) error{
		kindNumbering: e.loadNumbering, kindVersion: e.loadVersion, kindAlias: e.loadAlias,
	} {
		docs, err := e.store.Documents(ctx, kind)
		if err != nil {
			return err
		}
		for _, d := range docs {
			name, word, _ := strings.Cut(d.Key, "/")
			if err := load(name, word, d.Value); err != nil {
				e.log.Error("a document cannot be understood; it is left alone", "kind", kind, "key", d.Key, "error", err)
			}
		}
	}
	return nil
}

func (e *Engine) loadNumbering(name, _ string, data []byte) error {
	var d numberingDocument
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	e.functions.mu.Lock()
	defer e.functions.mu.Unlock()
	fam := e.functions.familyLocked(name)
	fam.last = max(fam.last, d.LastVersion)
	return nil
}

func (e *Engine) loadVersion(name, version string, data []byte) error {
	var d versionDocument
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	if !wire.ValidID(name, 64) || !isNumber(version) || d.Timeout <= 0 || d.Concurrency <= 0 {
		return fmt.Errorf("it describes no version")
	}
	e.functions.put(d.function(name, version))
	return nil
}

func (e *Engine) loadAlias(name, alias string, data []byte) error {
	var d aliasDocument
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	e.functions.putAlias(&Alias{
		Function: name, Name: alias, ARN: e.functionARN(name, alias).FunctionARN(),
		Version: d.Version, Description: d.Description, Weights: d.Weights, Revision: d.Revision,
	})
	return nil
}
