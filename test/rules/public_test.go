package rules

import (
	"go/ast"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPublicNamesNoInternalType: what a public package exports (signatures,
// fields, methods of interfaces, embedded and underlying types, constants and
// variables) is spelled without a package that users cannot import.
func TestPublicNamesNoInternalType(t *testing.T) {
	for _, p := range list(t) {
		path := ours(p.ImportPath)
		isRoom := slices.ContainsFunc(publicRooms, func(room string) bool { return within(path, room) })
		if !isRoom || slices.Contains(strings.Split(path, "/"), "internal") {
			continue
		}
		for _, file := range parse(t, filepath.Join(root, path)) {
			hidden := internalImports(file)
			for _, decl := range file.Decls {
				for _, name := range naming(decl, hidden) {
					t.Errorf("%s: %s names a type of an internal package", path, name)
				}
			}
		}
	}
}

// publicRooms are the folders of the packages that users import.
var publicRooms = []string{".", "protocol", "telemetry", "durable", "durabletest", "engine", "lint"}

// internalImports returns the names under which a file has internal packages.
func internalImports(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, i := range file.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if !slices.Contains(strings.Split(path, "/"), "internal") {
			continue
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = true
	}
	return names
}

// naming returns what of a declaration is exported and names one of the packages.
func naming(decl ast.Decl, hidden map[string]bool) (names []string) {
	check := func(name string, nodes ...ast.Node) {
		for _, n := range nodes {
			if n != ast.Expr(nil) && shows(n, hidden) {
				names = append(names, name)
			}
		}
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		receiver := ""
		if d.Recv != nil {
			receiver = typeName(d.Recv.List[0].Type)
		}
		if d.Name.IsExported() && (receiver == "" || ast.IsExported(receiver)) {
			check(receiver+"."+d.Name.Name, d.Type)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					check(s.Name.Name, s.Type)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						check(name.Name, s.Type)
						for _, v := range s.Values {
							check(name.Name, v)
						}
					}
				}
			}
		}
	}
	return names
}

// shows reports whether a type names one of the packages where readers see it:
// members of structs and interfaces that are not exported are hidden.
func shows(n ast.Node, hidden map[string]bool) (found bool) {
	private := map[*ast.Field]bool{}
	members := func(list *ast.FieldList) {
		for _, f := range list.List {
			private[f] = len(f.Names) > 0 && !slices.ContainsFunc(f.Names, (*ast.Ident).IsExported)
		}
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType:
			members(n.Fields)
		case *ast.InterfaceType:
			members(n.Methods)
		case *ast.Field:
			return !private[n]
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			found = found || ok && hidden[x.Name]
		}
		return !found
	})
	return found
}
