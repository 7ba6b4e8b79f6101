package durable_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// Every operation has to hold in every situation. The operations are the rows
// of matrixRows; the situations are the cells of matrixCells, which are tests
// of any operation. So a new operation is tested once it has a row, and
// TestEveryOperationHasARow fails until it has.

// cell is a situation in which operations are tested.
type cell struct {
	name string
	test func(t *testing.T, row *operationRow)
	slow bool // and few invocations: rows are tested at the same time
}

var matrixCells = []cell{
	{name: "first run", test: testFirstRun},
	{name: "replay", test: testReplay},
	{name: "lost calls", test: testLostCalls},
	{name: "suspension", test: testSuspension},
	{name: "failure", test: testFailure},
	{name: "panic", test: testPanic},
	{name: "loser of a race", test: testLoser},
	{name: "deadline", test: testDeadline},
	{name: "large value", test: testLargeValue, slow: true},
	{name: "huge value", test: testHugeValue, slow: true},
	{name: "non-determinism", test: testNonDeterminism},
	{name: "dead context", test: testDeadContext},
	{name: "bad name", test: testBadName},
}

func TestMatrix(t *testing.T) {
	for _, c := range matrixCells {
		t.Run(c.name, func(t *testing.T) {
			for _, row := range matrixRows() {
				t.Run(row.name, func(t *testing.T) {
					if reason := row.not[c.name]; reason != "" {
						t.Skip("not for this operation: " + reason)
					}
					if c.slow {
						t.Parallel()
					}
					c.test(t, row)
				})
			}
		})
	}
}

// notOperations take a Context first and are no operations.
var notOperations = map[string]string{
	"With": "it makes a context with other defaults and does nothing itself; see TestWith…",
}

func TestEveryOperationHasARow(t *testing.T) {
	covered := map[string]bool{}
	cells := map[string]bool{}
	for _, c := range matrixCells {
		cells[c.name] = true
	}
	for _, row := range matrixRows() {
		for _, name := range row.covers {
			covered[name] = true
		}
		for name := range row.not {
			if !cells[name] {
				t.Errorf("row %q leaves out %q, which is no cell of the matrix", row.name, name)
			}
		}
	}
	operations := exportedOperations(t)
	for _, name := range operations {
		if covered[name] == (notOperations[name] != "") {
			t.Errorf("%s takes a durable.Context: it needs a row in matrixRows, or a reason in notOperations", name)
		}
	}
	for name := range covered {
		if !slices.Contains(operations, name) {
			t.Errorf("the row for %s is about no operation of the package", name)
		}
	}
}

// exportedOperations are the package's exported functions and methods whose
// first parameter is a Context.
func exportedOperations(t *testing.T) (names []string) {
	for _, file := range packageFiles(t) {
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() || len(fn.Type.Params.List) == 0 {
				continue
			}
			if first, ok := fn.Type.Params.List[0].Type.(*ast.Ident); !ok || first.Name != "Context" {
				continue
			}
			name := fn.Name.Name
			if fn.Recv != nil {
				name = receiver(fn) + "." + name
			}
			if ast.IsExported(name) {
				names = append(names, name)
			}
		}
	}
	if !slices.Contains(names, "Step") || !slices.Contains(names, "Future.Result") {
		t.Fatalf("Step or Future.Result is not among the operations: %q", names)
	}
	return names
}

// packageFiles are the package's sources without tests.
func packageFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	return parseFiles(t, func(name string) bool { return !strings.HasSuffix(name, "_test.go") })
}

// parseFiles are the Go files of this directory that are wanted, by name.
func parseFiles(t *testing.T, wanted func(name string) bool) map[string]*ast.File {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	set, files := token.NewFileSet(), map[string]*ast.File{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || !wanted(e.Name()) {
			continue
		}
		if files[e.Name()], err = parser.ParseFile(set, e.Name(), nil, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// receiver is the name of the type that a method belongs to.
func receiver(fn *ast.FuncDecl) string {
	typ := fn.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.Name
		}
	}
}
