package model

import (
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestEveryFunctionIsKnown: a new function of package durable that takes a context or a function, or makes an
// operation, fails here until funcs says what it is.
func TestEveryFunctionIsKnown(t *testing.T) {
	pkg := loadDurable(t)
	context := pkg.Scope().Lookup("Context").Type()
	found := map[string]bool{}
	for _, fn := range exported(pkg) {
		name := FuncName(fn)
		found[name] = true
		params := fn.Signature().Params()
		known := funcs[name]
		for i := range params.Len() {
			param := params.At(i).Type()
			_, isFunc := param.Underlying().(*types.Signature)
			if known == nil && !exempt[name] && (isFunc || types.Identical(param, context)) {
				t.Errorf("%s takes %s, and is not among funcs", name, param)
			}
			if known != nil && isFunc && len(known.Workflow)+len(known.Step) == 0 {
				t.Errorf("%s takes a function, and funcs does not say when it runs", name)
			}
		}
		if known != nil {
			checkPlaces(t, known, fn.Signature(), context)
		}
	}
	for name := range funcs {
		if !found[name] {
			t.Errorf("package durable has no %s", name)
		}
	}
	for name := range exempt {
		if !found[name] {
			t.Errorf("package durable has no %s", name)
		}
	}
}

// exempt are functions of package durable that no workflow is written with.
var exempt = map[string]bool{}

func checkPlaces(t *testing.T, f *Func, sig *types.Signature, context types.Type) {
	t.Helper()
	at := func(place int) types.Type {
		if place >= sig.Params().Len() {
			t.Fatalf("%s has no argument %d", f.Name, place)
		}
		return sig.Params().At(place).Type()
	}
	if f.Context >= 0 && !types.Identical(at(f.Context), context) && at(f.Context).String() != "context.Context" {
		t.Errorf("%s: argument %d is %s, want a context", f.Name, f.Context, at(f.Context))
	}
	if f.Label >= 0 && !types.Identical(at(f.Label), types.Typ[types.String]) {
		t.Errorf("%s: argument %d is %s, want a name", f.Name, f.Label, at(f.Label))
	}
	if f.Group == Operation && (f.Context != 0 || f.Label != 1) {
		t.Errorf("%s is an operation, and its context and name are %d and %d, want 0 and 1", f.Name, f.Context, f.Label)
	}
	if f.Options >= 0 && (f.Options != sig.Params().Len()-1 || !sig.Variadic()) {
		t.Errorf("%s: argument %d is not the first option", f.Name, f.Options)
	}
	options := sig.Variadic() && strings.HasSuffix(types.Unalias(sig.Params().At(sig.Params().Len()-1).Type()).String(), "Option")
	if options && f.Options < 0 && f.Group != Option {
		t.Errorf("%s has options, and funcs does not know them", f.Name)
	}
	for _, place := range f.Step {
		if fn, ok := at(place).Underlying().(*types.Signature); ok && fn.Params().Len() > 0 &&
			types.Identical(fn.Params().At(0).Type(), context) {
			t.Errorf("%s: argument %d takes a durable context, so it is workflow code", f.Name, place)
		}
	}
}

func loadDurable(t *testing.T) *types.Package {
	t.Helper()
	pkgs, err := packages.Load(&packages.Config{Context: t.Context(), Mode: packages.LoadTypes}, Durable)
	if err != nil || len(pkgs) != 1 || len(pkgs[0].Errors) > 0 {
		t.Fatalf("loading %s: %v, %v", Durable, err, pkgs)
	}
	return pkgs[0].Types
}

// exported returns the exported functions of a package, and methods of its exported types.
func exported(pkg *types.Package) (all []*types.Func) {
	for _, name := range pkg.Scope().Names() {
		switch obj := pkg.Scope().Lookup(name).(type) {
		case *types.Func:
			if obj.Exported() {
				all = append(all, obj)
			}
		case *types.TypeName:
			named, ok := obj.Type().(*types.Named)
			if !ok || !obj.Exported() {
				continue
			}
			for method := range named.Methods() {
				if method.Exported() {
					all = append(all, method)
				}
			}
		}
	}
	return all
}
