package model

import (
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/types/typeutil"
)

// Durable is the import path of the package that this one knows.
const Durable = "github.com/perdure/perdure/durable"

// Group says what a function of package durable is to its caller.
type Group int

const (
	// Operation makes something with a name in the history: Step, Wait, Map, ….
	Operation Group = iota + 1
	// Value gives something that is the same on every run: Now, UUID, Rand, ….
	Value
	// Setup makes a handler, or a part of a workflow that runs later: Start, AddTask, Saga.Compensate, ….
	Setup
	// Option makes an option of an operation or a handler.
	Option
	// Helper is whatever else takes part in a workflow: results, errors, contexts.
	Helper
)

// A Func is what the linter knows of a function or method of package durable. Places are those of arguments,
// counted from 0 without the receiver; -1 is none.
type Func struct {
	Name     string // as "Step", or "Future.Result" for methods
	Group    Group
	Context  int   // the durable context
	Label    int   // the operation's name
	Workflow []int // functions, or slices of branches with functions, that run as workflow code
	Step     []int // functions that run once and are recorded: they may do anything
	Options  int   // the first option; all that follow are options, too
	Blocking bool  // the code may stop in it until the next invocation
}

// funcs are the functions of package durable by name. A test finds those that are missing.
var funcs = index(
	// Operations.
	op("Step").step(2).options(3),
	op("Wait"),
	op("WaitUntil"),
	op("Invoke").options(4),
	method("Function.Invoke", Operation).at(0, 1).options(3).blocks(),
	op("CreateCallback").options(2),
	op("WaitForCallback").step(2).options(3),
	op("WaitForCondition").step(3).options(4),
	op("RunInChildContext").workflow(2).options(3),
	op("RunSaga").workflow(2).options(3),
	op("Retry").workflow(2).options(3),
	op("Map").workflow(3).options(4),
	op("Parallel").workflow(2).options(3),
	op("Go").workflow(2).options(3).returns(),
	op("All"), op("AllSettled"), op("Any"), op("Race"), op("Join"), op("Select"),
	op("Version").returns(),
	method("Graph.Run", Operation).at(0, 1).blocks(),
	// What an operation gave, waited for or given up.
	method("Future.Result", Helper).at(0, -1).blocks(),
	method("Future.Cancel", Helper).at(0, -1).blocks(),
	method("Callback.Result", Helper).at(0, -1).blocks(),
	// Values.
	value("Now"), value("Rand"), value("UUID"), value("Attempt"), value("ExecutionARN"), value("IdempotencyKey"),
	value("IsReplaying"), value("Logger"),
	// What makes workflows.
	setup("Start", 1).workflow(0), setup("NewHandler", 1).workflow(0),
	setup("AddTask", -1).at(-1, 1).workflow(2),
	method("Task.Compensate", Setup).workflow(0),
	method("Task.When", Setup).workflow(0),
	method("Saga.Compensate", Setup).at(-1, 0).step(1).options(2),
	setup("Summarized", -1).workflow(0, 1),
	setup("SerdesOf", -1).step(0, 1),
	setup("With", 1).at(0, -1),
	setup("From", -1).at(0, -1),
	// Options with functions. Names and judgements are asked for again on each run; what a policy or an error mapping
	// decides is recorded.
	option("WithItemNames").workflow(0), option("WithCompletion").workflow(0),
	option("WithErrorMapping").step(0), option("WithRetry").step(0), option("WithPolling").step(0),
)

// Lookup returns what is known of a function, or nil if it is not one of package durable's with a part in workflows.
func Lookup(fn *types.Func) *Func {
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != Durable {
		return nil
	}
	name := FuncName(fn)
	if f := funcs[name]; f != nil {
		return f
	}
	if strings.HasPrefix(name, "With") {
		return &Func{Name: name, Group: Option, Context: -1, Label: -1, Options: -1}
	}
	return nil
}

// FuncName returns a function's name as this package writes it: "Step", "Future.Result".
func FuncName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return fn.Name()
	}
	t := types.Unalias(recv.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	if named, ok := t.(*types.Named); ok {
		return named.Obj().Name() + "." + fn.Name()
	}
	return "interface." + fn.Name()
}

// A Call is a call of a function of package durable.
type Call struct {
	*Func
	Expr *ast.CallExpr
}

// Handles reports whether a call makes a function the handler of all executions. c may be nil.
func (c *Call) Handles() bool { return c != nil && (c.Name == "Start" || c.Name == "NewHandler") }

// CallOf returns the call of a function of package durable that an expression is, or nil.
func CallOf(info *types.Info, expr ast.Expr) *Call {
	call, ok := ast.Unparen(expr).(*ast.CallExpr)
	if !ok {
		return nil
	}
	fn, _ := typeutil.Callee(info, call).(*types.Func)
	if fn == nil {
		return nil
	}
	if f := Lookup(fn.Origin()); f != nil {
		return &Call{Func: f, Expr: call}
	}
	return nil
}

// Arg returns the argument at a place of the Func, or nil if there is none.
func (c *Call) Arg(place int) ast.Expr {
	if place < 0 || place >= len(c.Expr.Args) {
		return nil
	}
	return c.Expr.Args[place]
}

// ContextArg returns the durable context of the call, or nil.
func (c *Call) ContextArg() ast.Expr { return c.Arg(c.Context) }

// NameArg returns the operation's name, or nil.
func (c *Call) NameArg() ast.Expr { return c.Arg(c.Label) }

// OptionArgs returns the options.
func (c *Call) OptionArgs() []ast.Expr {
	if c.Options < 0 || c.Options >= len(c.Expr.Args) {
		return nil
	}
	return c.Expr.Args[c.Options:]
}

func index(all ...*Func) map[string]*Func {
	m := make(map[string]*Func, len(all))
	for _, f := range all {
		m[f.Name] = f
	}
	return m
}

func method(name string, g Group) *Func {
	return &Func{Name: name, Group: g, Context: -1, Label: -1, Options: -1}
}

func op(name string) *Func     { return method(name, Operation).at(0, 1).blocks() }
func value(name string) *Func  { return method(name, Value).at(0, -1) }
func option(name string) *Func { return method(name, Option) }

func setup(name string, options int) *Func { return method(name, Setup).options(options) }

func (f *Func) at(context, label int) *Func  { f.Context, f.Label = context, label; return f }
func (f *Func) workflow(places ...int) *Func { f.Workflow = places; return f }
func (f *Func) step(places ...int) *Func     { f.Step = places; return f }
func (f *Func) options(first int) *Func      { f.Options = first; return f }
func (f *Func) blocks() *Func                { f.Blocking = true; return f }
func (f *Func) returns() *Func               { f.Blocking = false; return f }
