package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/rule"
	"github.com/perdure/perdure/lint/internal/usage"
)

var recordedType = rule.New(&rule.Rule{
	Name: "recordedtype",
	Doc: `finds types whose values JSON does not bring back as they were

What a step returns goes through JSON, and code gets what JSON read: unexported fields are lost, and the type of what is
in an interface is not known.`,
	Requires: []*analysis.Analyzer{usage.Analyzer, recording},
	Run: func(pass *rule.Pass) {
		t := &recordedTypes{records: pass.ResultOf[recording].(*records), pass: pass, done: make(map[string]bool)}
		t.fields = fieldUses(t.Package)
		for _, rec := range t.all {
			t.record(rec)
		}
	},
})

type recordedTypes struct {
	*records
	pass   *rule.Pass
	fields map[*types.Var]fieldUse
	done   map[string]bool // what was reported
}

// fieldUse says what the package does with a field of a struct.
type fieldUse struct{ read, set bool }

func fieldUses(p *usage.Package) map[*types.Var]fieldUse {
	uses := make(map[*types.Var]fieldUse)
	for id, obj := range p.TypesInfo.Uses {
		v, ok := obj.(*types.Var)
		if !ok || !v.IsField() {
			continue
		}
		use := uses[v.Origin()]
		switch parent := p.Parent(id).(type) {
		case *ast.KeyValueExpr:
			use.set = true
		case *ast.SelectorExpr:
			if assign, ok := p.Parent(parent).(*ast.AssignStmt); ok && isLeft(assign, parent) {
				use.set = true
			} else {
				use.read = true
			}
		}
		uses[v.Origin()] = use
	}
	return uses
}

func isLeft(assign *ast.AssignStmt, e ast.Expr) bool {
	for _, left := range assign.Lhs {
		if left == e {
			return true
		}
	}
	return false
}

// loss is what JSON does to a part of a value.
type loss struct {
	path  string
	field *types.Var // the innermost field on the path
	why   string
}

func (t *recordedTypes) record(rec record) {
	name := strings.TrimPrefix(types.TypeString(rec.typ, types.RelativeTo(t.Pkg)), "*")
	t.walk(rec.typ, rec.passage, loss{path: name}, make(map[types.Type]bool), func(l loss) {
		var at ast.Node = rec.call.Fun
		pos, end := at.Pos(), at.End()
		if l.field != nil && l.field.Pkg() == t.Pkg && t.isHere(l.field.Pos()) {
			pos, end = l.field.Pos(), l.field.Pos()+token.Pos(len(l.field.Name()))
		}
		key := fmt.Sprint(pos, l.why)
		if t.done[key] {
			return
		}
		t.done[key] = true
		t.pass.Report(analysis.Diagnostic{Pos: pos, End: end,
			Message: fmt.Sprintf("%s %s (%s)", l.path, l.why, rec.what)})
	})
}

func (t *recordedTypes) isHere(pos token.Pos) bool {
	for _, file := range t.Files {
		if file.FileStart <= pos && pos < file.FileEnd {
			return true
		}
	}
	return false
}

// walk calls found for each part of a type that is lost.
func (t *recordedTypes) walk(typ types.Type, p passage, at loss, seen map[types.Type]bool, found func(loss)) {
	if seen[typ] {
		return
	}
	seen[typ] = true
	lost := func(why string) { at.why = why; found(at) }
	if _, ok := types.Unalias(typ).(*types.TypeParam); ok {
		return
	}
	if !types.IsInterface(typ) {
		if why, done := marshals(typ, p); why != "" {
			lost(why)
			return
		} else if done {
			return
		}
	}
	switch u := typ.Underlying().(type) {
	case *types.Basic:
		if u.Info()&types.IsComplex != 0 || u.Kind() == types.UnsafePointer {
			lost("cannot be written as JSON")
		}
	case *types.Chan, *types.Signature:
		lost("cannot be written as JSON; tag the field `json:\"-\"`, or record what is needed to make it again")
	case *types.Interface:
		if u.NumMethods() > 0 && p&inward != 0 {
			lost("is an interface, and what is recorded does not say of which type to make it; use a concrete type, " +
				"or a Serdes that can tell")
		}
	case *types.Pointer:
		t.walk(u.Elem(), p, at, seen, found)
	case *types.Slice:
		t.walk(u.Elem(), p, at.in("[]"), seen, found)
	case *types.Array:
		t.walk(u.Elem(), p, at.in("[]"), seen, found)
	case *types.Map:
		if why := keyLoss(u.Key(), p); why != "" {
			lost(why)
		}
		t.walk(u.Elem(), p, at.in("[]"), seen, found)
	case *types.Struct:
		t.walkFields(typ, u, p, at, seen, found)
	}
}

func (l loss) in(part string) loss { l.path += part; return l }

func (t *recordedTypes) walkFields(typ types.Type, s *types.Struct, p passage, at loss, seen map[types.Type]bool,
	found func(loss)) {
	if typ := t.embeddedMarshaler(typ, s); typ != "" {
		at.why = "embeds " + typ + ", whose MarshalJSON writes that alone: the other fields are lost; give the " +
			"field a name"
		found(at)
		return
	}
	for i := range s.NumFields() {
		f := s.Field(i)
		at := at.in("." + f.Name())
		at.field = f.Origin()
		name, _, _ := strings.Cut(reflect.StructTag(s.Tag(i)).Get("json"), ",")
		switch {
		case f.Name() == "_":
		case s.Tag(i) != "" && name == "-" && !strings.Contains(s.Tag(i), `json:"-,`):
			if p == bothWays && t.fields[f.Origin()].read && !isOpaque(f.Type()) {
				at.why = "is tagged `json:\"-\"`, so a replay gets it back empty, and it is read; record it, or " +
					"make it again"
				found(at)
			}
		case f.Embedded() && isHiddenPointer(f):
			if p&inward != 0 {
				at.why = "is an embedded pointer to an unexported struct, which JSON cannot read into; embed the " +
					"struct itself"
				found(at)
			}
		case f.Exported() || f.Embedded() && isStruct(f.Type()):
			t.walk(f.Type(), p, at, seen, found)
		case t.isMissed(f, s, p):
			at.why = "is not exported, so JSON leaves it out, and it comes back empty; export it, or give the type " +
				"MarshalJSON and UnmarshalJSON"
			found(at)
		}
	}
}

// isMissed reports whether somebody may miss a field that is not exported.
func (t *recordedTypes) isMissed(f *types.Var, s *types.Struct, p passage) bool {
	if isEmpty(f.Type()) || isOpaque(f.Type()) {
		return false
	}
	use := t.fields[f.Origin()]
	switch {
	case f.Pkg() != t.Pkg:
		return p == bothWays && !hasExported(s)
	case p == bothWays:
		return use.read
	case p == inward:
		return use.read && !use.set
	}
	return false
}

func hasExported(s *types.Struct) bool {
	for i := range s.NumFields() {
		if s.Field(i).Exported() {
			return true
		}
	}
	return false
}

// isEmpty reports whether values of a type hold nothing.
func isEmpty(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Struct:
		for i := range u.NumFields() {
			if !isEmpty(u.Field(i).Type()) {
				return false
			}
		}
		return true
	case *types.Array:
		return u.Len() == 0 || isEmpty(u.Elem())
	}
	return false
}

// isOpaque reports whether values of a type are no data: functions, channels, locks.
func isOpaque(t types.Type) bool {
	if named, ok := types.Unalias(t).(*types.Named); ok && named.Obj().Pkg() != nil {
		if path := named.Obj().Pkg().Path(); path == "sync" || path == "sync/atomic" {
			return true
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Chan, *types.Signature:
		return true
	case *types.Pointer:
		return isOpaque(u.Elem())
	}
	return false
}

func isStruct(t types.Type) bool {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	_, ok := t.Underlying().(*types.Struct)
	return ok
}

// isHiddenPointer reports whether an embedded field is a pointer to a struct whose type is not exported.
func isHiddenPointer(f *types.Var) bool {
	_, ok := f.Type().Underlying().(*types.Pointer)
	return ok && !f.Exported() && isStruct(f.Type())
}

// method finds a method of a type, or of a pointer to it, and how deep it is embedded.
func method(t types.Type, name string) (fn *types.Func, depth int) {
	obj, index, _ := types.LookupFieldOrMethod(t, true, nil, name)
	fn, _ = obj.(*types.Func)
	return fn, len(index)
}

func has(t types.Type, name string) bool {
	fn, _ := method(t, name)
	return fn != nil
}

// marshals reports whether a type says itself how it is written and read, and what is wrong with that.
func marshals(t types.Type, p passage) (why string, done bool) {
	name := types.TypeString(t, func(pkg *types.Package) string { return pkg.Name() })
	jsonWriter, jsonReader := has(t, "MarshalJSON"), has(t, "UnmarshalJSON")
	textWriter, textReader := has(t, "MarshalText"), has(t, "UnmarshalText")
	switch {
	case has(t, "ProtoReflect"):
		return "is a protocol buffer, which encoding/json does not bring back whole; use a Serdes of protojson",
			p == bothWays
	case promoted(t, "MarshalJSON"):
		return "", false // see embeddedMarshaler
	case jsonWriter && jsonReader:
		return "", true
	case p == bothWays && jsonWriter && !textReader:
		return "has MarshalJSON and no UnmarshalJSON, so " + name + " is not read back as it was; add it", true
	case p == outward:
		return "", jsonWriter || textWriter
	case p == inward:
		return "", jsonReader || textReader
	case textWriter && textReader:
		return "", true
	case textWriter && !jsonReader && !isText(t):
		return "has MarshalText and no UnmarshalText, so " + name + " is not read back as it was; add it", true
	}
	return "", textWriter
}

func isText(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsString != 0
}

// promoted reports whether a struct has a method only because it embeds something that has it.
func promoted(t types.Type, name string) bool {
	_, depth := method(t, name)
	return depth > 1 && isStruct(t)
}

// embeddedMarshaler is the embedded type whose MarshalJSON speaks for a whole struct with other fields.
func (t *recordedTypes) embeddedMarshaler(typ types.Type, s *types.Struct) string {
	fn, depth := method(typ, "MarshalJSON")
	if fn == nil || depth < 2 || s.NumFields() < 2 {
		return ""
	}
	recv := fn.Signature().Recv().Type()
	if p, ok := recv.(*types.Pointer); ok {
		recv = p.Elem()
	}
	return types.TypeString(recv, func(pkg *types.Package) string { return pkg.Name() })
}

// keyLoss says why keys of a map are not brought back.
func keyLoss(key types.Type, p passage) string {
	basic, isBasic := key.Underlying().(*types.Basic)
	writes, reads := has(key, "MarshalText"), has(key, "UnmarshalText")
	switch {
	case types.IsInterface(key) && !writes:
		return "has keys that are an interface, which JSON cannot write; use string"
	case isBasic && basic.Info()&(types.IsString|types.IsInteger) != 0:
		if p == bothWays && writes && !reads {
			return "has keys with MarshalText and no UnmarshalText, so they are not read back as they were"
		}
		return ""
	case writes && (reads || p&inward == 0):
		return ""
	}
	return "has keys that JSON cannot write; use strings or whole numbers, or a list"
}
