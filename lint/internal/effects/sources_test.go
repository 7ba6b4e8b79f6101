package effects

import (
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"

	"github.com/perdure/perdure/lint/internal/model"
)

// TestSourcesExist: a name in rooms that its package does not have is a slip, and finds nothing.
func TestSourcesExist(t *testing.T) {
	var paths []string
	for path := range rooms {
		if model.IsStandard(path) {
			paths = append(paths, path)
		}
	}
	pkgs, err := packages.Load(&packages.Config{Context: t.Context(), Mode: packages.LoadTypes}, paths...)
	if err != nil || len(pkgs) != len(paths) {
		t.Fatalf("got %d packages of %d, and error %v", len(pkgs), len(paths), err)
	}
	for _, pkg := range pkgs {
		for _, r := range rooms[pkg.PkgPath] {
			for name := range r.listed {
				if !has(pkg.Types, name) {
					t.Errorf("package %s has no %s", pkg.PkgPath, name)
				}
			}
		}
	}
}

func has(pkg *types.Package, name string) bool {
	typ, method, isMethod := strings.Cut(name, ".")
	obj := pkg.Scope().Lookup(typ)
	if obj == nil || !isMethod || method == "*" {
		return obj != nil
	}
	found, _, _ := types.LookupFieldOrMethod(types.NewPointer(obj.Type()), true, pkg, method)
	if found == nil { // an interface
		found, _, _ = types.LookupFieldOrMethod(obj.Type(), true, pkg, method)
	}
	return found != nil
}
