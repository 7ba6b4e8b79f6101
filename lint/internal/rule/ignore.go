package rule

import (
	"go/ast"
	"go/token"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
)

// directive begins a comment that suppresses findings.
const directive = "//perdure:ignore"

// An ignore is a comment that suppresses the findings of one line.
type ignore struct {
	pos, end token.Pos
	file     string
	line     int    // of the findings
	text     string // what follows the directive
}

// ignores are the comments of a package that suppress findings, and its generated files.
type ignores struct {
	all       []*ignore
	machinely []*ast.File
}

// comments finds the ignores of a package with durable code.
var comments = &analysis.Analyzer{
	Name:       "perdurecomments",
	Doc:        "finds comments that suppress findings",
	Requires:   []*analysis.Analyzer{model.Analyzer},
	ResultType: reflect.TypeFor[*ignores](),
	Run: func(pass *analysis.Pass) (any, error) {
		found := &ignores{}
		if !model.Of(pass).Used {
			return found, nil
		}
		for _, file := range pass.Files {
			if ast.IsGenerated(file) {
				found.machinely = append(found.machinely, file)
				continue
			}
			found.read(pass.Fset, file)
		}
		return found, nil
	},
}

func (s *ignores) read(fset *token.FileSet, file *ast.File) {
	var code map[int]bool // lines on which code begins or ends
	for _, group := range file.Comments {
		for _, c := range group.List {
			text, ok := strings.CutPrefix(c.Text, directive)
			if !ok || text != "" && text[0] != ' ' && text[0] != '\t' {
				continue
			}
			if code == nil {
				code = codeLines(fset, file)
			}
			text, _, _ = strings.Cut(text, " //")
			at := fset.Position(c.Pos())
			one := &ignore{pos: c.Pos(), end: c.End(), file: at.Filename, line: at.Line, text: strings.TrimSpace(text)}
			if !code[at.Line] {
				one.line++
			}
			s.all = append(s.all, one)
		}
	}
}

func codeLines(fset *token.FileSet, file *ast.File) map[int]bool {
	lines := map[int]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.Comment, *ast.CommentGroup, *ast.File:
			return n != nil
		}
		lines[fset.Position(n.Pos()).Line] = true
		lines[fset.Position(n.End()).Line] = true
		return true
	})
	return lines
}

func (s *ignores) generated(pos token.Pos) bool {
	return slices.ContainsFunc(s.machinely, func(f *ast.File) bool { return f.FileStart <= pos && pos <= f.FileEnd })
}

// of returns the comment that suppresses a rule's findings on a line, or nil.
func (s *ignores) of(at token.Position, rule string) *ignore {
	for _, i := range s.all {
		if i.file == at.Filename && i.line == at.Line && i.covers(rule) {
			return i
		}
	}
	return nil
}

// covers reports whether the comment is for a rule: it names it, or none.
func (i *ignore) covers(rule string) bool {
	rules, _ := i.named()
	return rules == nil || slices.Contains(rules, rule)
}

// named returns the rules that the comment names, and its reason.
func (i *ignore) named() (rules []string, reason string) {
	names, reason, named := strings.Cut(i.text, ":")
	if !named || strings.ContainsAny(names, " \t") {
		return nil, i.text
	}
	return strings.Split(names, ","), strings.TrimSpace(reason)
}

// NewIgnore returns the analyzer that looks at the comments themselves, after all rules.
func NewIgnore(name, doc string, rules []*analysis.Analyzer) *analysis.Analyzer {
	return named(&analysis.Analyzer{
		Name:     name,
		Doc:      doc,
		Requires: append([]*analysis.Analyzer{comments}, rules...),
		Run: func(pass *analysis.Pass) (any, error) {
			used := map[token.Pos]bool{}
			for _, r := range rules {
				for _, pos := range pass.ResultOf[r].(Used) {
					used[pos] = true
				}
			}
			for _, i := range pass.ResultOf[comments].(*ignores).all {
				text := i.mistake(rules, used[i.pos])
				if text == "" {
					continue
				}
				pass.Report(analysis.Diagnostic{Pos: i.pos, End: i.end, Category: name,
					Message: message(pass.Analyzer, text)})
			}
			return nil, nil
		},
	})
}

// mistake says what is wrong with the comment; "" is nothing.
func (i *ignore) mistake(rules []*analysis.Analyzer, used bool) string {
	names, reason := i.named()
	isRule := func(name string) bool {
		return slices.ContainsFunc(rules, func(r *analysis.Analyzer) bool { return r.Name == name })
	}
	for _, name := range names {
		if !isRule(name) {
			return "there is no rule " + name + "; perdure lint --rules lists them"
		}
	}
	switch {
	case reason == "", len(names) == 0 && isRule(reason):
		return "this comment gives no reason; write " + directive + " and why the finding does no harm"
	case !used:
		return "this comment suppresses nothing; remove it"
	}
	return ""
}
