// Package vetting runs the linter: this program is a tool of go vet ([IsTool], [Serve]), and [Run] has go vet use it on
// packages, and reads what it found. So packages are loaded, analysed a few at a time and cached as go vet does it.
package vetting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/perdure/perdure/lint"
)

const (
	// maxOutput bounds what is read of go vet, in bytes.
	maxOutput = 32 << 20
	// waitDelay is how long go vet's own processes may keep its output open when it has ended.
	waitDelay = 2 * time.Second
)

// IsTool reports whether the arguments of a program, without its name, are those with which go vet calls its tool.
func IsTool(args []string) bool {
	if len(args) == 0 {
		return false
	}
	first, last := args[0], args[len(args)-1]
	return first == "-V=full" || first == "-flags" ||
		strings.HasSuffix(last, ".cfg") && (len(args) == 1 || strings.HasPrefix(first, "-"))
}

// Serve does what go vet asks of its tool by the program's arguments, and ends the process.
func Serve() {
	if config := os.Args[len(os.Args)-1]; strings.HasSuffix(config, ".cfg") && !slices.Contains(os.Args, "-fix") {
		if err := lookAtAll(config); err != nil {
			fmt.Fprintf(os.Stderr, "perdure: reading %s, which go vet wrote: %v\n", config, err)
			os.Exit(1)
		}
	}
	unitchecker.Main(lint.Analyzers()...)
}

// lookAtAll has the tool report what it finds in a package of ours, also where go vet only wants to know of it what it
// needs for another one. Go vet keeps the answer to both questions under one key (Go 1.26, work.Builder.vet): what is
// not told now would not be told when somebody asks for it. A module's packages have no version if it is ours.
func lookAtAll(config string) error {
	data, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	var known struct {
		VetxOnly                  bool
		ModulePath, ModuleVersion string
	}
	all := map[string]json.RawMessage{}
	if err := errors.Join(json.Unmarshal(data, &known), json.Unmarshal(data, &all)); err != nil {
		return err
	}
	if !known.VetxOnly || known.ModulePath == "" || known.ModuleVersion != "" {
		return nil
	}
	all["VetxOnly"] = json.RawMessage("false")
	if data, err = json.Marshal(all); err != nil {
		return err
	}
	return os.WriteFile(config, data, 0o600)
}

// A Finding is one that the linter reports.
type Finding struct {
	File    string // absolute
	Line    int
	Column  int
	Rule    string
	Message string // without the rule
	Fixable bool   // whether there is a fix
}

// Place is where the finding is, seen from a directory.
func (f Finding) Place(dir string) string {
	file := f.File
	if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
		file = rel
	}
	return fmt.Sprintf("%s:%d:%d", file, f.Line, f.Column)
}

// Options say what to look at. The zero value is all packages of the module around the current directory.
type Options struct {
	Dir      string   // of the go command; empty for the current one
	Packages []string // patterns of the go command
	Tags     string   // build tags, separated by commas
	Fix      bool     // apply fixes, before the findings are those that remain
	// WriteTypes writes down the types that are recorded now, first: what they are compared with from then on.
	WriteTypes bool
}

// A LoadError is what the go command says of packages that it cannot load or compile.
type LoadError struct{ Output string }

func (e *LoadError) Error() string { return "the packages cannot be loaded" }

// Run looks at packages, and returns what there is to find in them, in order. Its error is a [*LoadError] if the
// packages are the reason.
func Run(ctx context.Context, opts Options) ([]Finding, error) {
	for _, p := range opts.Packages {
		if strings.HasPrefix(p, "-") { // the go command would take it for a flag
			return nil, fmt.Errorf("%q is no package", p)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if opts.WriteTypes {
		if _, err := goVet(ctx, &opts, "-json", "-typechange", "-typechange.write", "-vettool="+self); err != nil {
			return nil, err
		}
	}
	if opts.Fix {
		if _, err := goVet(ctx, &opts, "-fix", "-vettool="+self); err != nil {
			return nil, err
		}
	}
	asked, err := goList(ctx, opts.Dir, append([]string{"-e", "-tags=" + opts.Tags}, opts.patterns()...)...)
	if err != nil {
		return nil, err
	}
	return look(ctx, &opts, self, asked)
}

// look returns what there is to find in the packages that were asked for, by their paths.
func look(ctx context.Context, opts *Options, self string, asked []string) ([]Finding, error) {
	out, err := goVet(ctx, opts, "-json", "-vettool="+self)
	switch {
	case err != nil:
		return nil, err
	case len(out) == 0: // it writes at least {} for each package
		return nil, &LoadError{Output: "go vet has looked at no package: " + strings.Join(opts.patterns(), " ") +
			" names none with files that are built"}
	}
	return read(bytes.NewReader(out), asked)
}

// goList returns what go list prints, a line for each package.
func goList(ctx context.Context, dir string, args ...string) ([]string, error) {
	out, err := output(ctx, dir, append([]string{"list"}, args...)...)
	return strings.Fields(string(out)), err
}

func (o *Options) patterns() []string {
	if len(o.Packages) == 0 {
		return []string{"./..."}
	}
	return o.Packages
}

// Program looks at the program in a directory, and at the packages of its module that it needs.
func Program(ctx context.Context, dir string) ([]Finding, error) {
	const ofMain = "{{with .Module}}{{if .Main}}{{$.ImportPath}}{{end}}{{end}}"
	packages, err := goList(ctx, dir, "-deps", "-f", ofMain, ".")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return look(ctx, &Options{Dir: dir, Packages: packages}, self, packages)
}

// goVet runs go vet and returns its standard output.
func goVet(ctx context.Context, opts *Options, flags ...string) ([]byte, error) {
	args := append([]string{"vet"}, flags...)
	if opts.Tags != "" {
		args = append(args, "-tags="+opts.Tags)
	}
	return output(ctx, opts.Dir, append(args, opts.patterns()...)...)
}

// output returns what the go command prints.
func output(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.WaitDelay = dir, waitDelay
	var stdout, stderr limited
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch exit := (*exec.ExitError)(nil); {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case stdout.over:
		return nil, fmt.Errorf("the findings have more than %d MB; look at fewer packages", maxOutput>>20)
	case errors.As(err, &exit):
		return nil, &LoadError{Output: strings.TrimSpace(stderr.String())}
	case err != nil:
		return nil, fmt.Errorf("go %s: %w", args[0], err)
	}
	return stdout.Bytes(), nil
}

// limited is a buffer of at most maxOutput bytes; what is over is dropped.
type limited struct {
	bytes.Buffer
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	room := min(len(p), maxOutput-l.Len())
	l.over = l.over || room < len(p)
	l.Buffer.Write(p[:room])
	return len(p), nil
}

// diagnostic is a finding as go vet writes it.
type diagnostic struct {
	Position string            `json:"posn"`
	Message  string            `json:"message"`
	Fixes    []json.RawMessage `json:"suggested_fixes"`
}

// read reads what go vet wrote of the packages that were asked for: objects of packages, with objects of analyzers,
// with diagnostics or an error.
func read(r io.Reader, asked []string) (all []Finding, err error) {
	dec := json.NewDecoder(r)
	for {
		var packages map[string]map[string]json.RawMessage
		if err := dec.Decode(&packages); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading go vet's findings: %w", err)
		}
		for id, analyzers := range packages {
			path, _, _ := strings.Cut(id, " ") // a variant for tests has more
			if !slices.Contains(asked, strings.TrimSuffix(path, "_test")) {
				continue
			}
			for rule, data := range analyzers {
				var found []diagnostic
				if err := json.Unmarshal(data, &found); err != nil {
					return nil, fmt.Errorf("rule %s failed in package %s: %s", rule, id, data)
				}
				for _, d := range found {
					all = append(all, d.finding(rule))
				}
			}
		}
	}
	slices.SortFunc(all, compare)
	return slices.Compact(all), nil
}

func (d diagnostic) finding(rule string) Finding {
	f := Finding{Rule: rule, Message: strings.TrimPrefix(d.Message, rule+": "), Fixable: len(d.Fixes) > 0}
	f.File = d.Position
	for _, number := range []*int{&f.Column, &f.Line} {
		if i := strings.LastIndexByte(f.File, ':'); i >= 0 {
			if n, err := strconv.Atoi(f.File[i+1:]); err == nil {
				f.File, *number = f.File[:i], n
			}
		}
	}
	return f
}

func compare(a, b Finding) int {
	for _, c := range []int{strings.Compare(a.File, b.File), a.Line - b.Line, a.Column - b.Column,
		strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message)} {
		if c != 0 {
			return c
		}
	}
	return 0
}
