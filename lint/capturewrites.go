package lint

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/perdure/perdure/lint/internal/model"
)

// writes finds what a block changes, in the order of the text.
func (c *captures) writes(block *ast.BlockStmt) (list []write) {
	add := func(node ast.Node, target ast.Expr, depend bool) {
		if w, ok := c.target(target); ok {
			w.node, w.depend = node, depend
			list = append(list, w)
		}
	}
	ast.Inspect(block, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				depend := n.Tok != token.ASSIGN || len(n.Rhs) == len(n.Lhs) && c.dependsOn(n.Rhs[i], left)
				if n.Tok != token.DEFINE || c.TypesInfo.Defs[ident(left)] == nil {
					add(n, left, depend && n.Tok != token.DEFINE)
				}
			}
		case *ast.IncDecStmt:
			add(n, n.X, true)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				add(n, n.Key, false)
				if n.Value != nil {
					add(n, n.Value, false)
				}
			}
		case *ast.CallExpr:
			for _, w := range c.changedBy(n) {
				w.node = n
				list = append(list, w)
			}
		}
		return true
	})
	return list
}

func ident(e ast.Expr) *ast.Ident {
	id, _ := ast.Unparen(e).(*ast.Ident)
	return id
}

func (c *captures) dependsOn(value, target ast.Expr) bool {
	w, ok := c.target(target)
	return ok && c.mentions(value, w.root)
}

// target finds the variable that an expression on the left belongs to, and the way from there.
func (c *captures) target(e ast.Expr) (w write, ok bool) {
	var path []string
	through := false // by a pointer
	for depth := 0; depth < 32; depth++ {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e, through = x.X, true
		case *ast.IndexExpr:
			path, e = append(path, "[]"), x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			if obj, ok := c.TypesInfo.Uses[x.Sel].(*types.Var); ok && !obj.IsField() {
				return c.rooted(obj, path, w), true // a variable of another package
			} else if ok && len(path) == 0 {
				w.field = obj
			}
			path, e = append(path, "."+x.Sel.Name), x.X
		case *ast.UnaryExpr:
			if x.Op != token.AND {
				return w, false
			}
			e = x.X
		case *ast.Ident:
			obj, isVar := c.TypesInfo.ObjectOf(x).(*types.Var)
			if !isVar || x.Name == "_" {
				return w, false
			}
			if from := c.alias(obj); from != nil && (len(path) > 0 || through) {
				e = from
				continue
			}
			return c.rooted(obj, path, w), true
		default:
			return w, false
		}
	}
	return w, false
}

func (c *captures) rooted(obj types.Object, path []string, w write) write {
	slices.Reverse(path)
	w.root, w.path = obj, strings.Join(path, "")
	return w
}

// alias is what a variable points into, if it is declared as an address, or as a copy of a pointer, map or slice.
func (c *captures) alias(obj *types.Var) ast.Expr {
	if !leadsOut(obj.Type()) || obj.IsField() {
		return nil
	}
	value := ast.Unparen(c.Value(obj))
	switch v := value.(type) {
	case *ast.UnaryExpr:
		if v.Op == token.AND {
			if _, lit := ast.Unparen(v.X).(*ast.CompositeLit); !lit {
				return v.X
			}
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return value
	}
	return nil
}

// changers are functions of the standard library that change what an argument leads to, by the argument's place; -1
// is the receiver.
var changers = map[string]int{
	"encoding/json.Unmarshal": 1, "(*encoding/json.Decoder).Decode": 0,
	"encoding/xml.Unmarshal": 1, "(*encoding/xml.Decoder).Decode": 0,
	"(*encoding/gob.Decoder).Decode": 0, "encoding/binary.Read": 2, "errors.As": 1,
	"sort.Slice": 0, "sort.SliceStable": 0, "sort.Strings": 0, "sort.Ints": 0, "sort.Sort": 0, "sort.Stable": 0,
	"slices.Sort": 0, "slices.SortFunc": 0, "slices.SortStableFunc": 0, "slices.Reverse": 0,
	"maps.Copy": 0, "maps.DeleteFunc": 0, "maps.Insert": 0,
	"(*sync.Map).Store": -1, "(*sync.Map).Delete": -1, "(*sync.Map).LoadOrStore": -1, "(*sync.Map).Swap": -1,
	"(*container/list.List).PushBack": -1, "(*container/list.List).PushFront": -1,
}

// scanners fill all arguments from a place on.
var scanners = map[string]int{
	"(*database/sql.Rows).Scan": 0, "(*database/sql.Row).Scan": 0,
	"fmt.Sscan": 1, "fmt.Sscanf": 2, "fmt.Sscanln": 1, "fmt.Fscan": 1, "fmt.Fscanf": 2, "fmt.Fscanln": 1,
}

// changedBy finds what a call changes: of arguments, or of the receiver.
func (c *captures) changedBy(call *ast.CallExpr) (list []write) {
	if model.IsBuiltin(c.TypesInfo, call, "delete", "clear", "copy") {
		if w, ok := c.target(call.Args[0]); ok {
			w.path += "[]"
			list = append(list, w)
		}
		return list
	}
	fn := c.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return nil
	}
	for _, change := range c.changesIn(fn, len(call.Args)) {
		var led ast.Expr
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && change.Place < 0 {
			led = sel.X
		} else if change.Place >= 0 && change.Place < len(call.Args) {
			led = call.Args[change.Place]
		}
		if w, ok := c.target(led); ok && len(w.path) < maxPath {
			w.path += change.Path
			w.through = true
			list = append(list, w)
		}
	}
	return list
}

// maxPath bounds paths, which grow in functions that call themselves.
const maxPath = 100

func (c *captures) changesIn(fn *types.Func, args int) (changes []change) {
	name := fn.FullName()
	if i, ok := changers[name]; ok {
		return []change{{Place: i}}
	}
	if i, ok := scanners[name]; ok {
		for ; i < args; i++ {
			changes = append(changes, change{Place: i})
		}
		return changes
	}
	switch path := fn.Pkg().Path(); {
	case path == "sync/atomic" && fn.Signature().Recv() == nil && !strings.HasPrefix(fn.Name(), "Load"):
		return []change{{Place: 0}}
	case path == "sync/atomic" && fn.Signature().Recv() != nil && fn.Name() != "Load",
		(path == "bytes" || path == "strings") && fn.Signature().Recv() != nil && strings.HasPrefix(fn.Name(), "Write"):
		return []change{{Place: -1}}
	}
	return c.changesOf(fn).Changes
}

// changesOf finds what a function changes of that to which its parameters lead.
func (c *captures) changesOf(fn *types.Func) *changesParams {
	if known := c.changes[fn]; known != nil {
		return known
	}
	f := new(changesParams)
	c.changes[fn] = f // also for a function that calls itself
	decl := c.Decl(fn)
	if decl == nil {
		c.pass.ImportObjectFact(fn, f)
		return f
	}
	sig := fn.Signature()
	for _, w := range c.writes(decl.Body) {
		if w.path == "" && !w.through && !isStarWrite(w.node, w.root, c) || !leadsOut(w.root.Type()) {
			continue
		}
		if w.root == sig.Recv() {
			f.add(change{-1, w.path})
		}
		for i := range sig.Params().Len() {
			if w.root == sig.Params().At(i) {
				f.add(change{i, w.path})
			}
		}
	}
	return f
}

// isStarWrite reports whether a write without a path goes through a pointer: *p = v.
func isStarWrite(n ast.Node, obj types.Object, c *captures) bool {
	assign, ok := n.(*ast.AssignStmt)
	if !ok {
		return false
	}
	for _, left := range assign.Lhs {
		if star, ok := ast.Unparen(left).(*ast.StarExpr); ok && c.mentions(star.X, obj) {
			return true
		}
	}
	return false
}

func (f *changesParams) add(one change) {
	if !slices.Contains(f.Changes, one) {
		f.Changes = append(f.Changes, one)
	}
}
