package durabletest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
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
			e.runs, indent(p.schedule.String()))
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
	if source := e.at.testWith(option); source != "" {
		return "This test repeats it:\n\n" + indent(source) + "\n"
	}
	return "To repeat it, add to the call of Explore:\n\n" + indent(option) + "\n"
}

// quoted is text as a string of Go that is easy to read.
func quoted(text string) string {
	if strings.Contains(text, "`") {
		return strconv.Quote(text)
	}
	return "`" + text + "`"
}

// testWith is the source of the function at s with one argument more in the call there; empty if it is not found.
func (s site) testWith(argument string) string {
	text, err := os.ReadFile(s.file)
	if err != nil {
		return ""
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, s.file, text, parser.SkipObjectResolution)
	if err != nil {
		return ""
	}
	var call *ast.CallExpr
	var around *ast.FuncDecl
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fset.Position(fn.Pos()).Line > s.line || fset.Position(fn.End()).Line < s.line {
			continue
		}
		around = fn
		ast.Inspect(fn, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && calls(c, "Explore") && fset.Position(c.Pos()).Line <= s.line &&
				fset.Position(c.End()).Line >= s.line {
				call = c
			}
			return true
		})
	}
	if call == nil || around.Recv != nil || !strings.HasPrefix(around.Name.Name, "Test") {
		return ""
	}
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	comma := ", "
	if before := strings.TrimRight(string(text[:at(call.Rparen)]), " \t\n"); strings.HasSuffix(before, ",") {
		comma = ""
	}
	between := func(a, b token.Pos) string { return string(text[at(a):at(b)]) }
	return between(around.Pos(), around.Name.End()) + "Again" + between(around.Name.End(), call.Rparen) +
		comma + argument + between(call.Rparen, around.End())
}

// calls reports whether a call is that of a function called name, instantiated or not.
func calls(c *ast.CallExpr, name string) bool {
	fn := c.Fun
	switch f := fn.(type) {
	case *ast.IndexExpr:
		fn = f.X
	case *ast.IndexListExpr:
		fn = f.X
	}
	switch f := fn.(type) {
	case *ast.Ident:
		return f.Name == name
	case *ast.SelectorExpr:
		return f.Sel.Name == name
	}
	return false
}
