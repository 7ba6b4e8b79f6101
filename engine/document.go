package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/core/store"
)

// The engine remembers functions in documents of these kinds. The key is the function's name, a slash, and the
// version or alias.
const (
	kindNumbering = "function" // key: the name alone
	kindVersion   = "version"
	kindAlias     = "alias"
)

// numberingDocument keeps a deleted version's number from being given again: executions of it may still be there.
type numberingDocument struct {
	LastVersion int
	Deleted     time.Time `json:",omitzero"` // when the function was deleted as a whole, by the engine's clock
}

// versionDocument is a published version. A setting that an old document lacks has its default.
type versionDocument struct {
	Function  Function // without name, version and invoker
	Image     Image
	Published time.Time
	Revision  string
	Deleted   bool      `json:",omitempty"` // it drains
	DeletedAt time.Time `json:",omitzero"`
}

// aliasDocument is an alias.
type aliasDocument struct {
	Version     string
	Description string             `json:",omitempty"`
	Weights     map[string]float64 `json:",omitempty"`
	Revision    string
}

func documentKey(function, word string) string { return function + "/" + word }

// settings are what a version document keeps of a function.
func (f *function) settings() Function {
	s := f.Function
	s.Name, s.Version, s.Invoker = "", "", nil
	return s
}

// document is a published version as it is stored.
func (f *function) document() *versionDocument {
	return &versionDocument{
		Function: f.settings(), Image: *f.image, Published: f.modified, Revision: f.revision, Deleted: f.draining,
		DeletedAt: f.deleted,
	}
}

// function is a published version as it is read. Nothing can run it yet.
func (d *versionDocument) function(name, version string) *function {
	settings := d.Function
	settings.Name, settings.Version = name, version
	settings.setDefaults()
	f := newFunction(settings)
	f.revision, f.modified, f.image = d.Revision, d.Published, &d.Image
	f.draining, f.deleted = d.Deleted, d.DeletedAt
	return f
}

func encodeDocument(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // it would make six bytes of one
	if err := enc.Encode(v); err != nil {
		panic("engine: encoding a document: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// knowledge is what the documents say of functions.
type knowledge struct {
	functions  *Functions
	versions   map[qualified]*function // published ones; nothing can run them yet
	aliases    map[qualified]*Alias
	last       map[string]int       // by function: the highest number that a version ever had
	deleted    map[string]time.Time // by function: when it was deleted as a whole
	incomplete bool                 // a document could not be understood
}

// read reads all documents.
func (d *documents) read(ctx context.Context) (*knowledge, error) {
	k := &knowledge{
		functions: d.functions, versions: map[qualified]*function{}, aliases: map[qualified]*Alias{},
		last: map[string]int{}, deleted: map[string]time.Time{},
	}
	for kind, read := range map[string]func(name, word string, data []byte) error{
		kindNumbering: k.readNumbering, kindVersion: k.readVersion, kindAlias: k.readAlias,
	} {
		for doc, err := range store.AllDocuments(ctx, d.store, kind) {
			if err != nil {
				return nil, err
			}
			name, word, _ := strings.Cut(doc.Key, "/")
			err := errors.New("it is not what was written")
			if !doc.Damaged {
				err = read(name, word, doc.Value)
			}
			if err != nil {
				k.incomplete = true
				d.log.Error("a document cannot be understood; it is left alone",
					"kind", kind, "key", doc.Key, "error", err)
			}
		}
	}
	return k, nil
}

func (k *knowledge) readNumbering(name, _ string, data []byte) error {
	var d numberingDocument
	err := json.Unmarshal(data, &d)
	if err == nil {
		k.last[name], k.deleted[name] = d.LastVersion, d.Deleted
	}
	return err
}

func (k *knowledge) readVersion(name, version string, data []byte) error {
	var d versionDocument
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	f := d.function(name, version)
	if err := checkSettings(&f.Function, false); err != nil {
		return err
	}
	if !isNumber(version) || d.Image.CodeSHA256 == "" {
		return errors.New("it describes no published version")
	}
	k.versions[qualified{name, version}] = f
	return nil
}

func (k *knowledge) readAlias(name, alias string, data []byte) error {
	var d aliasDocument
	err := json.Unmarshal(data, &d)
	if err == nil {
		k.aliases[qualified{name, alias}] = &Alias{
			Function: name, Name: alias, ARN: k.functions.home.functionARN(name, alias).FunctionARN(),
			Version: d.Version, Description: d.Description, Weights: d.Weights, Revision: d.Revision,
		}
	}
	return err
}
