package model

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/types/typeutil"
)

// standard are the first parts of the paths of the standard library. A new one is looked at as any other package.
var standard = words("archive bufio builtin bytes cmd cmp compress container context crypto database debug embed " +
	"encoding errors expvar flag fmt go hash html image index internal io iter log maps math mime net os path plugin " +
	"reflect regexp runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe " +
	"vendor weak")

// IsStandard reports whether a path is one of the standard library's.
func IsStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return standard[first]
}

// IsDurable reports whether a path is that of package durable, or of one below it.
func IsDurable(path string) bool { return path == Durable || strings.HasPrefix(path, Durable+"/") }

func words(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}

// callee returns the function that a call calls by name, or nil.
func callee(info *types.Info, call *ast.CallExpr) *types.Func {
	fn, _ := typeutil.Callee(info, call).(*types.Func)
	return fn
}

// IsBuiltin reports whether a call is that of one of Go's own functions with these names.
func IsBuiltin(info *types.Info, call *ast.CallExpr, names ...string) bool {
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok || !slices.Contains(names, id.Name) {
		return false
	}
	_, ok = info.Uses[id].(*types.Builtin)
	return ok
}
