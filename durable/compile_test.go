package durable_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// calls are what takes options, as code in which %s stands for one.
var calls = map[string]string{
	"handler":   `durable.NewHandler(func(durable.Context, int) (int, error) { return 0, nil }, %s)`,
	"with":      `durable.With(nil, %s)`,
	"step":      `durable.Step(nil, "", func(context.Context) (int, error) { return 0, nil }, %s)`,
	"child":     `durable.RunInChildContext(nil, "", func(durable.Context) (int, error) { return 0, nil }, %s)`,
	"go":        `durable.Go(nil, "", func(durable.Context) (int, error) { return 0, nil }, %s)`,
	"saga":      `durable.RunSaga(nil, "", func(durable.Context, *durable.Saga) (int, error) { return 0, nil }, %s)`,
	"invoke":    `durable.Invoke(nil, "", durable.Function[int, int]{}, 0, %s)`,
	"callback":  `durable.CreateCallback[int](nil, "", %s)`,
	"wait":      `durable.WaitForCallback[int](nil, "", func(context.Context, string) error { return nil }, %s)`,
	"condition": `durable.WaitForCondition(nil, "", 0, func(context.Context, int) (int, bool, error) { return 0, true, nil }, %s)`,
	"map":       `durable.Map(nil, "", []int{}, func(durable.Context, int, int) (int, error) { return 0, nil }, %s)`,
	"parallel":  `durable.Parallel(nil, "", []durable.Branch[int]{}, %s)`,
	"retry":     `durable.Retry(nil, "", func(durable.Context, int) (int, error) { return 0, nil }, %s)`,
}

// where has every option, by its name with arguments, and the calls that it is for.
var where = map[string]string{
	`WithAtMostOncePerRetry()`: "step",
	`WithAttemptBudget(3)`:     "handler with step",
	`WithClient(nil)`:          "handler",
	`WithCompletion(func(durable.BatchProgress) durable.CompletionReason { return "" })`: "map parallel",
	`WithErrorMapping(nil)`:     "child go saga",
	`WithErrors()`:              "handler",
	`WithFlat()`:                "map parallel",
	`WithGoroutineChecks(true)`: "handler",
	`WithHeartbeat(1)`:          "callback wait",
	`WithItemNames(func(int) string { return "" })`: "map parallel",
	`WithItemSerdes(nil)`:                           "map parallel",
	`WithLogger(nil)`:                               "handler with",
	`WithMaxConcurrency(1)`:                         "map parallel",
	`WithMinSuccessful(1)`:                          "map parallel",
	`WithPayloadSerdes(nil)`:                        "invoke",
	`WithPipelining()`:                              "handler",
	`WithPlugins()`:                                 "handler",
	`WithPolling(retry.Policy{})`:                   "condition",
	`WithReplayLogs()`:                              "handler",
	`WithRetry(retry.Policy{})`:                     "step wait retry",
	`WithSerdes(nil)`:                               "handler with step child go saga invoke callback wait condition map parallel retry",
	`WithSubType("x")`:                              "step child go saga callback",
	`WithTenantID("")`:                              "invoke",
	`WithTimeout(1)`:                                "step child go callback wait",
	`WithToleratedFailurePercentage(1)`:             "map parallel",
	`WithToleratedFailures(1)`:                      "map parallel",
	`WithTraceHeader("")`:                           "invoke",
	`WithVirtual()`:                                 "child go saga retry",
}

// Each option compiles where it applies, and nowhere else.
func TestOptionsCompileWhereTheyApply(t *testing.T) {
	check, names := compiler(t)
	for option, fits := range where {
		name := option[:strings.IndexByte(option, '(')]
		names = slices.DeleteFunc(names, func(n string) bool { return n == name })
		for call, code := range calls {
			err := check(fmt.Sprintf(code, "durable."+option))
			if want := slices.Contains(strings.Fields(fits), call); (err == nil) != want {
				t.Errorf("%s for %q: got %v, want that it compiles: %t", option, call, err, want)
			}
		}
	}
	if len(names) > 0 {
		t.Errorf("the table lacks %q", names)
	}
}

// Functions that are given with an option have the types of the call.
func TestFunctionsAreTyped(t *testing.T) {
	check, _ := compiler(t)
	work := "func(durable.Context) (int, error) { return 0, nil }"
	for code, want := range map[string]bool{
		`durable.RunInChildContext(nil, "", durable.Summarized(` + work + `, func(int) string { return "" }))`:    true,
		`durable.RunInChildContext(nil, "", durable.Summarized(` + work + `, func(string) string { return "" }))`: false,
		`durable.Map(nil, "", []string{}, func(durable.Context, int, int) (int, error) { return 0, nil })`:        false,
		`durable.Step(nil, "", ` + work + `)`: false, // a durable context inside of a step
	} {
		if err := check(code); (err == nil) != want {
			t.Errorf("%s\ngot %v, want that it compiles: %t", code, err, want)
		}
	}
}

// compiler returns a function that says why an expression does not compile, and
// the names of all options. It reads what the go command has compiled already.
func compiler(t *testing.T) (check func(code string) error, options []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Export", "context", ".",
		"./retry").Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := make(map[string]string)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
	}
	fset := token.NewFileSet()
	from := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	durable, err := from.Import("github.com/perdure/perdure/durable")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range durable.Scope().Names() {
		if ast.IsExported(name) && strings.HasPrefix(name, "With") && name != "With" {
			options = append(options, name)
		}
	}
	return func(code string) error {
		src := `package p
import ("context"; "github.com/perdure/perdure/durable"; "github.com/perdure/perdure/durable/retry")
var _ context.Context
var _ retry.Policy
func _() { ` + code + ` }`
		file, err := parser.ParseFile(fset, "p.go", src, 0)
		if err != nil {
			return err
		}
		_, err = (&types.Config{Importer: from}).Check("p", fset, []*ast.File{file}, nil)
		return err
	}, options
}
