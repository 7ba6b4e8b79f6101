package durabletest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// report is what a failed exploration tells.
func (e *exploration) report() string {
	p := e.failure
	var b strings.Builder
	fmt.Fprintf(&b, "durabletest: %s\n", strings.Join(p.blames, "\nand: "))
	if len(p.schedule) == 0 {
		fmt.Fprintf(&b, "\nThis happened in %s without any fault.\n", e.handler)
	} else {
		fmt.Fprintf(&b, "\nThis happened in %s, in run %d with a fault, when this went wrong:\n\n%s\n", e.handler,
			p.run, indent(p.schedule.String()))
	}
	if p.repeats < p.repeated {
		fmt.Fprintf(&b, "\nMade %d times more, the run failed %d times: branches of the code that run at the same "+
			"time go on in the scheduler's order.\n", p.repeated, p.repeats)
	}
	fmt.Fprintf(&b, "\nWhat happened, by the virtual time since the start:\n\n%s", p.timeline())
	if p.outcome != nil {
		fmt.Fprintf(&b, "\nThe execution %s.\n", p.outcome)
	}
	if len(p.schedule) > 0 {
		b.WriteString("\n" + e.reproduction())
	}
	if p.hung != "" {
		fmt.Fprintf(&b, "\n%s\n", p.hung)
	}
	return b.String()
}

// maxScenes bounds a timeline: what is between its begin and its end is left out.
const maxScenes = 200

// timeline is the script for people.
func (p *played) timeline() string {
	var lines []string
	for _, s := range p.script {
		if text := s.describe(); text != "" {
			lines = append(lines, fmt.Sprintf("%12s  %s", "+"+s.at.Round(time.Millisecond).String(), text))
		}
	}
	if over := len(lines) - maxScenes; over > 0 {
		kept := append(lines[:maxScenes/2:maxScenes/2], fmt.Sprintf("%12s  (%d more)", "…", over))
		lines = append(kept, lines[len(lines)-maxScenes/2:]...)
	}
	return indent(strings.Join(lines, "\n")) + "\n"
}

// describe is what happened, or empty if that goes without saying.
func (s *scene) describe() string {
	if s.place == "" {
		return "     " + s.text
	}
	text := ""
	switch where := string(s.place); s.sort {
	case invocationBegins:
		text = strings.TrimPrefix(where, "at ")
	case bodyBegins:
		text = "   body, " + strings.TrimPrefix(where, "in ")
	case recordEnds:
		text = "   recorded: " + strings.TrimPrefix(where, "after ")
	case pageIsRead:
		text = "   the next page of the state is read"
	case answerComes:
		text = "   " + where
	case invocationPending, invocationEnds:
		text = "   answer: " + strings.TrimPrefix(where, "at ")
	default:
		if s.struck == "" {
			return ""
		}
		text = "   " + where
	}
	if s.struck != "" {
		text += "   <== " + string(s.struck)
	}
	return text
}

func indent(text string) string {
	return "\t" + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n\t")
}

// site is a line of source.
type site struct {
	file string
	line int
}

// callerOf is the site where the function above the caller was called.
func callerOf(skip int) site {
	_, file, line, _ := runtime.Caller(skip + 1)
	return site{file, line}
}

func funcName(f any) string {
	if fn := runtime.FuncForPC(reflect.ValueOf(f).Pointer()); fn != nil {
		return fn.Name()
	}
	return "the handler"
}

// reproduction is a test that makes the failed run alone: the one that called Explore, with an option more.
func (e *exploration) reproduction() string {
	option := "durabletest.Schedule(" + quoted(e.failure.schedule.String()) + ")"
	if test, source := e.at.testWith(option); source != "" {
		name := test + strings.TrimPrefix(e.t.Name(), strings.TrimSuffix(test, again))
		return fmt.Sprintf("This test repeats it, with go test -run '%s':\n\n%s\n", pattern(name), indent(source))
	}
	return "To repeat it, add to the call of Explore:\n\n" + indent(option) + "\n"
}

// again is what the name of a test that repeats another ends with.
const again = "Again"

// pattern is what the flag -run wants for the test of that name alone.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// quoted is text as a string of Go that is easy to read.
func quoted(text string) string {
	if strings.Contains(text, "`") {
		return strconv.Quote(text)
	}
	return "`" + text + "`"
}

// testWith is the source of the test at s with one option more in the call there, and its name; empty if it is not
// found. Package durabletest goes by the name that the file gives it.
func (s site) testWith(option string) (name, source string) {
	text, err := os.ReadFile(s.file)
	if err != nil {
		return "", ""
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, s.file, text, parser.SkipObjectResolution)
	if err != nil {
		return "", ""
	}
	fn, call := s.find(fset, file)
	if call == nil || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") {
		return "", ""
	}
	if of := calls(call, "Explore"); of != "durabletest." {
		option = of + strings.TrimPrefix(option, "durabletest.")
	}
	last := call.Args[len(call.Args)-1]
	between := func(a, b token.Pos) string { return string(text[fset.Position(a).Offset:fset.Position(b).Offset]) }
	before, after := between(fn.Name.End(), last.End()), ", "+option
	if call.Ellipsis.IsValid() {
		before, after = between(fn.Name.End(), last.Pos())+"append("+between(last.Pos(), last.End()), after+")"
	}
	name = fn.Name.Name + again
	return name, "func " + name + before + after + between(last.End(), fn.End())
}

// find is the call of Explore at s, and the function that it is in.
func (s site) find(fset *token.FileSet, file *ast.File) (fn *ast.FuncDecl, call *ast.CallExpr) {
	covers := func(n ast.Node) bool {
		return fset.Position(n.Pos()).Line <= s.line && fset.Position(n.End()).Line >= s.line
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !covers(f) {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && len(c.Args) > 0 && calls(c, "Explore") != none && covers(c) {
				fn, call = f, c
			}
			return true
		})
	}
	return fn, call
}

// none is the qualifier of what is not called.
const none = "-"

// calls is how a call of a function called name, instantiated or not, is qualified: with the name of the package and a
// dot, or nothing; none if it calls another function.
func calls(c *ast.CallExpr, name string) (qualifier string) {
	fn := c.Fun
	switch f := fn.(type) {
	case *ast.IndexExpr:
		fn = f.X
	case *ast.IndexListExpr:
		fn = f.X
	}
	switch f := fn.(type) {
	case *ast.Ident:
		if f.Name == name {
			return ""
		}
	case *ast.SelectorExpr:
		if of, ok := f.X.(*ast.Ident); ok && f.Sel.Name == name {
			return of.Name + "."
		}
	}
	return none
}
