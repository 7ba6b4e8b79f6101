package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/perdure/perdure/protocol"
)

// Alias is a name for a version of a function, and can be moved to another version. It is followed when an execution
// starts: the execution stays on the version that the alias had then.
type Alias struct {
	Function    string // name
	Name        string
	ARN         string
	Version     string // to which it points
	Description string
	// Weights sends a share of the starts, from 0 to 1, to one other version.
	Weights  map[string]float64
	Revision string // changes with every change
}

// AliasChange makes an alias, or changes one. A nil member is empty in a new alias, and changes nothing in another.
type AliasChange struct {
	Function    string // as in InvokeRequest, without a version
	Name        string
	Version     *string
	Description *string
	Weights     *map[string]float64
	// Revision, unless empty, must be the alias's before the change.
	Revision string
}

// route returns the version on which an execution starts.
func (a *Alias) route(share float64) string {
	for version, weight := range a.Weights { // there is one at most
		if share < weight {
			return version
		}
	}
	return a.Version
}

// versions returns all versions to which the alias leads.
func (a *Alias) versions() []string {
	return append([]string{a.Version}, slices.Collect(maps.Keys(a.Weights))...)
}

func (a *Alias) copy() *Alias {
	c := *a
	c.Weights = maps.Clone(a.Weights)
	return &c
}

func (fs *Functions) alias(function, name string) *Alias {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.aliases[qualified{function, name}]
}

func (fs *Functions) aliasesOf(function string) []*Alias {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	all := slices.SortedFunc(maps.Values(fs.aliases), func(a, b *Alias) int { return cmp.Compare(a.Name, b.Name) })
	return slices.DeleteFunc(all, func(a *Alias) bool { return a.Function != function })
}

func (fs *Functions) putAlias(a *Alias) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.aliases[qualified{a.Function, a.Name}] = a
}

// Alias returns an alias of a function, or a ResourceNotFoundException.
func (fs *Functions) Alias(ctx context.Context, ref, name string) (*Alias, error) {
	function, err := fs.home.plainRef(ref)
	if err == nil {
		err = fs.documents.fresh(ctx)
	}
	if err != nil {
		return nil, err
	}
	a := fs.alias(function, name)
	if a == nil {
		return nil, aliasNotFound(fs.home.functionARN(function, name))
	}
	return a.copy(), nil
}

// Aliases returns the aliases of a function, ordered by name; with a version those that lead to it. An unknown
// function is a ResourceNotFoundException.
func (fs *Functions) Aliases(ctx context.Context, ref, version string) ([]*Alias, error) {
	function, err := fs.home.plainRef(ref)
	if err == nil {
		err = fs.documents.fresh(ctx)
	}
	if err != nil {
		return nil, err
	}
	var all []*Alias
	for _, a := range fs.aliasesOf(function) {
		if version == "" || slices.Contains(a.versions(), version) {
			all = append(all, a.copy())
		}
	}
	if len(all) == 0 {
		_, err = fs.known(function)
	}
	return all, err
}

// CreateAlias makes an alias. One that exists is a ResourceConflictException, a version that does not a
// ResourceNotFoundException.
func (fs *Functions) CreateAlias(ctx context.Context, change *AliasChange) (*Alias, error) {
	return fs.changeAlias(ctx, change, true)
}

// UpdateAlias changes an alias. An unknown alias or version is a ResourceNotFoundException, another revision a
// PreconditionFailedException.
func (fs *Functions) UpdateAlias(ctx context.Context, change *AliasChange) (*Alias, error) {
	return fs.changeAlias(ctx, change, false)
}

func (fs *Functions) changeAlias(ctx context.Context, change *AliasChange, create bool) (*Alias, error) {
	function, err := fs.home.plainRef(change.Function)
	if err != nil {
		return nil, err
	}
	if !protocol.ValidID(change.Name, 128) || isNumber(change.Name) {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter,
			"%q cannot be an alias: it has 1 to 128 letters, digits, - and _, and is not a number", change.Name)
	}
	a := &Alias{Function: function, Name: change.Name, ARN: fs.home.functionARN(function, change.Name).FunctionARN()}
	err = fs.documents.edit(ctx, func(ctx context.Context) error { return fs.storeAlias(ctx, a, change, create) })
	if err != nil {
		return nil, err
	}
	return a.copy(), nil
}

// storeAlias makes of a, which is empty, the alias after a change. documents.editing is held.
func (fs *Functions) storeAlias(ctx context.Context, a *Alias, change *AliasChange, create bool) error {
	switch existing := fs.alias(a.Function, a.Name); {
	case create && existing != nil:
		return protocol.Errorf(protocol.CodeConflict, "Alias already exists: %s", a.ARN)
	case create:
	case existing == nil:
		return aliasNotFound(fs.home.functionARN(a.Function, a.Name))
	case change.Revision != "" && change.Revision != existing.Revision:
		return stale("Alias")
	default:
		*a = *existing.copy()
	}
	change.apply(a)
	if err := fs.checkAlias(a); err != nil {
		return err
	}
	doc := &aliasDocument{Version: a.Version, Description: a.Description, Weights: a.Weights, Revision: a.Revision}
	if err := fs.store.PutDocument(ctx, kindAlias, documentKey(a.Function, a.Name), encodeDocument(doc)); err != nil {
		return err
	}
	fs.putAlias(a.copy())
	return nil
}

func (c *AliasChange) apply(a *Alias) {
	if c.Version != nil {
		a.Version = *c.Version
	}
	if c.Description != nil {
		a.Description = *c.Description
	}
	if c.Weights != nil {
		a.Weights = maps.Clone(*c.Weights)
	}
	a.Revision = uuid.NewString()
}

// checkAlias refuses an alias that leads to no version, or that AWS would refuse.
func (fs *Functions) checkAlias(a *Alias) error {
	for _, version := range a.versions() {
		if f := fs.find(a.Function, version); f == nil || f.draining || !validVersion(version) {
			return functionNotFound(fs.home.functionARN(a.Function, cmp.Or(version, protocol.LatestVersion)))
		}
	}
	if len(a.Weights) > 1 {
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for version, weight := range a.Weights {
		switch {
		case version == protocol.LatestVersion || a.Version == protocol.LatestVersion:
			return protocol.Errorf(protocol.CodeInvalidParameter,
				"$LATEST is not supported for an alias pointing to more than 1 version.")
		case version == a.Version:
			return protocol.Errorf(protocol.CodeInvalidParameter,
				"Invalid function version %s. Function version %s is already included in routing configuration.",
				version, version)
		case !(weight >= 0 && weight <= 1):
			return protocol.Errorf(protocol.CodeInvalidParameter,
				"The weight of version %s must be between 0 and 1.", version)
		}
	}
	return nil
}

// DeleteAlias removes an alias; executions that started through it go on. An unknown one of a known function is not
// an error, as on AWS.
func (fs *Functions) DeleteAlias(ctx context.Context, ref, name string) error {
	function, err := fs.home.plainRef(ref)
	if err != nil {
		return err
	}
	return fs.documents.edit(ctx, func(ctx context.Context) error {
		if fs.alias(function, name) == nil {
			_, err := fs.known(function)
			return err
		}
		return fs.deleteAlias(ctx, function, name)
	})
}

// deleteAlias removes an alias. documents.editing is held.
func (fs *Functions) deleteAlias(ctx context.Context, function, name string) error {
	if fs.alias(function, name) == nil {
		return nil
	}
	if err := fs.store.DeleteDocument(ctx, kindAlias, documentKey(function, name)); err != nil {
		return err
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	delete(fs.aliases, qualified{function, name})
	return nil
}

func aliasNotFound(arn protocol.ARN) error {
	return protocol.Errorf(protocol.CodeNotFound, "Cannot find alias arn: %s", arn.FunctionARN())
}
