package lint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/rule"
	"github.com/perdure/perdure/lint/internal/usage"
)

// The types are in a file of Go, not of another kind, so that every driver sees it with the package, and go vet looks
// again when it changes.
const (
	typesFile      = "perdure_types.go"
	typesDirective = "//perdure:recorded "
)

var typeChange = newTypeChange()

func newTypeChange() *analysis.Analyzer {
	write := false
	a := rule.New(&rule.Rule{
		Name: "typechange",
		Doc: `finds recorded types that lost something since they were written down

An open execution has results of the old type in its history, and the new code reads them. Which types were recorded
is written in comments //perdure:recorded, in the file perdure_types.go that perdure lint --write-types makes; a
package without any is not looked at.`,
		Requires: []*analysis.Analyzer{usage.Analyzer, recording},
		Run: func(pass *rule.Pass) {
			t := &typeChanges{records: pass.ResultOf[recording].(*records), pass: pass}
			if write {
				t.write()
				return
			}
			t.check()
		},
	})
	a.Flags.BoolVar(&write, "write", false, "write down the recorded types in "+typesFile)
	return a
}

type typeChanges struct {
	*records
	pass *rule.Pass
}

// shaped is one type that is recorded, under what finds it again.
type shaped struct {
	key   string // such as Step "charge"
	shape any
	at    ast.Node
}

// current are the types that the package records now, under constant names.
func (t *typeChanges) current() (all []shaped) {
	for _, rec := range t.all {
		if rec.of == nil || rec.passage&inward == 0 || t.pass.InTest(rec.call) {
			continue
		}
		key := t.key(rec)
		shape, ok := shapeOf(rec.typ)
		if key != "" && ok {
			all = append(all, shaped{key, shape, rec.call.Fun})
		}
	}
	return all
}

// key names a record: by the operation and its name, or its form if it is put together; by the function if it is the
// input of a handler.
func (t *typeChanges) key(rec record) string {
	if rec.of.Name == "Start" || rec.of.Name == "NewHandler" {
		if _, ok := ast.Unparen(rec.of.Arg(0)).(*ast.FuncLit); ok {
			return ""
		}
		return "input " + strconv.Quote(lastName(rec.of.Arg(0)))
	}
	name := t.nameForm(rec.of)
	if name == "" {
		return ""
	}
	return rec.of.Name + " " + strconv.Quote(name)
}

func lastName(e ast.Expr) string {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// nameForm is an operation's name if that is constant, or the format it is made with.
func (t *typeChanges) nameForm(call *model.Call) string {
	if name, ok := t.ConstName(call); ok {
		return name
	}
	switch e := ast.Unparen(orNone(call.NameArg())).(type) {
	case *ast.BinaryExpr:
		if text, ok := usage.ConstString(t.TypesInfo, e.X); ok && e.Op == token.ADD {
			return text + "*"
		}
	case *ast.CallExpr:
		if fn := t.Callee(e); fn != nil && fn.FullName() == "fmt.Sprintf" && len(e.Args) > 0 {
			form, _ := usage.ConstString(t.TypesInfo, e.Args[0])
			return form
		}
	}
	return ""
}

// check compares what was written down with what is recorded now.
func (t *typeChanges) check() {
	now := make(map[string][]shaped)
	for _, one := range t.current() {
		now[one.key] = append(now[one.key], one)
	}
	for _, file := range t.Files {
		for _, group := range file.Comments {
			for _, c := range group.List {
				if text, ok := strings.CutPrefix(c.Text, typesDirective); ok {
					t.compare(c, text, now)
				}
			}
		}
	}
}

func (t *typeChanges) compare(c *ast.Comment, text string, now map[string][]shaped) {
	key, before, err := parseRecorded(text)
	if err != nil {
		// Not by the rule's own Report, which is silent in generated files.
		t.pass.Pass.Report(analysis.Diagnostic{Pos: c.Pos(), End: c.End(), Category: t.pass.Analyzer.Name,
			Message: fmt.Sprintf("typechange: this comment cannot be read (%v); run perdure lint --write-types", err)})
		return
	}
	var least []string
	var at ast.Node
	for _, one := range now[key] {
		changes := shapeChanges(before, one.shape, "")
		if len(changes) == 0 {
			return
		}
		if least == nil || len(changes) < len(least) {
			least, at = changes, one.at
		}
	}
	if at != nil {
		t.pass.ReportNode(at, fmt.Sprintf("what %s has recorded does not fit its type any more: %s; executions that "+
			"are open would read it wrongly: keep it readable, or give the operation another name behind a "+
			"durable.Version",
			key, strings.Join(least, ", ")))
	}
}

// parseRecorded reads what follows the directive: the operation, its name, and the shape.
func parseRecorded(text string) (key string, shape any, err error) {
	kind, rest, _ := strings.Cut(text, " ")
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", nil, err
	}
	if err := json.Unmarshal([]byte(rest[len(quoted):]), &shape); err != nil {
		return "", nil, err
	}
	return kind + " " + quoted, shape, nil
}

// write writes the file of the package's types. A package that records none, or none that can be found again, gets no
// file.
func (t *typeChanges) write() {
	lines := make(map[string]bool)
	for _, one := range t.current() {
		if text, err := marshalShape(one.shape); err == nil {
			lines[typesDirective+one.key+" "+text] = true
		}
	}
	if len(lines) == 0 || strings.HasSuffix(t.Pkg.Path(), "_test") || strings.HasSuffix(t.Pkg.Path(), ".test") {
		return
	}
	text := fmt.Sprintf("// Code generated by perdure lint --write-types. DO NOT EDIT.\n\npackage %s\n\n"+
		"// What executions may have recorded, in the form of its JSON. perdure lint finds what can no longer be "+
		"read.\n//\n%s\n", t.Pkg.Name(), strings.Join(slices.Sorted(maps.Keys(lines)), "\n"))
	path := filepath.Join(filepath.Dir(t.Fset.File(t.Files[0].FileStart).Name()), typesFile)
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.pass.ReportNode(t.Files[0].Name, fmt.Sprintf("the recorded types cannot be written down: %v", err))
	}
}

func marshalShape(shape any) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(shape)
	return strings.TrimSpace(out.String()), err
}
