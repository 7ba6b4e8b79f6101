package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/rule"
	"github.com/perdure/perdure/lint/internal/usage"
	"github.com/perdure/perdure/protocol"
)

// options knows constants only: what a variable holds is checked when it runs.
var options = rule.New(&rule.Rule{
	Name: "options",
	Doc: `finds arguments of operations that are refused, contradict each other, or have no effect

The operation would fail on its first run, or do something else than the option says.`,
	Requires: []*analysis.Analyzer{usage.Analyzer},
	Run: func(pass *rule.Pass) {
		o := &optionRules{Package: usage.Of(pass.Pass), pass: pass}
		for _, call := range o.Calls {
			o.arguments(call)
			o.options(call)
		}
	},
})

type optionRules struct {
	*usage.Package
	pass *rule.Pass
}

func (o *optionRules) report(n ast.Node, format string, args ...any) {
	o.pass.ReportNode(n, fmt.Sprintf(format, args...))
}

// arguments looks at the arguments that are no options, of operations and of options.
func (o *optionRules) arguments(call *model.Call) {
	o.name(call)
	o.nilFunction(call)
	switch call.Name {
	case "Wait":
		o.duration(call.Arg(2), "a wait", time.Second, maxWait)
	case "WithHeartbeat":
		o.duration(call.Arg(0), "a heartbeat timeout", time.Second, maxCallback)
	case "WithSubType":
		o.subType(call.Arg(0))
	case "WithMaxConcurrency":
		o.number(call, 1, "no option means no limit")
	case "WithMinSuccessful":
		o.number(call, 1, "no option means all")
	case "WithToleratedFailures":
		o.number(call, 0, "no option tolerates none")
	case "WithToleratedFailurePercentage":
		if f, ok := usage.ConstFloat(o.TypesInfo, call.Arg(0)); ok && (f < 0 || f > 100) {
			o.report(call.Arg(0), "a percentage of failures is %v; it must be between 0 and 100", f)
		}
	case "Version":
		if name, ok := o.ConstName(call); ok && name == "" {
			o.report(call.NameArg(), "a version has no name; each place that changes needs one")
		}
		if n, ok := usage.ConstInt(o.TypesInfo, call.Arg(2)); ok && n < 1 {
			o.report(call.Arg(2), "the latest version is %d; it must be at least 1, because 0 is for executions "+
				"from before", n)
		}
	case "Any", "Race", "Select":
		if len(call.Expr.Args) == 2 {
			o.report(call.Expr, "durable.%s has no futures to choose from", call.Name)
		}
	case "Map":
		o.minimum(call)
	case "WithTenantID":
		o.text(call.Arg(0), "a tenant id", protocol.MaxName, "._:/=+-@ ")
	case "Invoke":
		o.function(call.Arg(2))
	}
}

const (
	maxWait     = protocol.MaxWaitSeconds * time.Second
	maxCallback = protocol.MaxCallbackSeconds * time.Second
)

func (o *optionRules) duration(e ast.Expr, what string, least, most time.Duration) {
	d, ok := o.constDuration(e)
	switch {
	case !ok:
	case d < least && least == time.Second:
		o.report(e, "%s of %v is refused; the service counts whole seconds, at least one%s", what, d, unitHint(e, d))
	case d < least:
		o.report(e, "%s of %v is refused; it must be positive", what, d)
	case d > most:
		o.report(e, "%s of %v is refused; the service allows at most %v", what, d, most)
	}
}

// unitHint reminds of the unit that a number lacks.
func unitHint(e ast.Expr, d time.Duration) string {
	if lit, ok := ast.Unparen(e).(*ast.BasicLit); ok && d > 0 {
		return fmt.Sprintf("; a number without a unit is nanoseconds, so write %s*time.Second", lit.Value)
	}
	return ""
}

func (o *optionRules) constDuration(e ast.Expr) (time.Duration, bool) {
	if e == nil {
		return 0, false
	}
	return usage.ConstDuration(o.TypesInfo, e)
}

func (o *optionRules) number(call *model.Call, least int64, none string) {
	if n, ok := usage.ConstInt(o.TypesInfo, call.Arg(0)); ok && n < least {
		o.report(call.Arg(0), "%s of %d is refused; at least %d is needed, and %s", call.Name, n, least, none)
	}
}

// name checks an operation's constant name.
func (o *optionRules) name(call *model.Call) {
	name, ok := o.ConstName(call)
	if !ok {
		return
	}
	added := map[string]string{"Retry": "-attempt-9999", "AddTask": "-compensation"}[call.Name]
	if len(name)+len(added) > protocol.MaxName {
		o.report(call.NameArg(), "the name is %d bytes long; at most %d are allowed", len(name),
			protocol.MaxName-len(added))
		return
	}
	for i, r := range name {
		if r < ' ' || r > '~' {
			o.report(call.NameArg(), "the name has %q at byte %d; only printable ASCII is allowed", r, i)
			return
		}
	}
}

// nilFunction finds nil in the place of a function.
func (o *optionRules) nilFunction(call *model.Call) {
	if call.Group == model.Value || call.Name == "SerdesOf" || call.Name == "WithRetry" || call.Name == "WithPolling" {
		return
	}
	for _, place := range slices.Concat(call.Step, call.Workflow) {
		if arg := call.Arg(place); usage.IsNil(o.TypesInfo, arg) {
			o.report(arg, "%s gets no function", o.What(call))
		}
	}
}

func (o *optionRules) subType(e ast.Expr) {
	text, ok := usage.ConstString(o.TypesInfo, e)
	switch {
	case !ok:
	case text == "" || !protocol.ValidID(text, protocol.MaxSubType):
		o.report(e, "the subtype %q is refused; it is 1 to %d letters, digits, - and _", text, protocol.MaxSubType)
	case slices.Contains(reservedSubTypes, text):
		o.report(e, "the subtype %q is refused; the SDKs use it themselves", text)
	}
}

// reservedSubTypes are those that durable.WithSubType refuses.
var reservedSubTypes = []string{protocol.SubTypeStep, protocol.SubTypeWaitForCondition, protocol.SubTypeWait,
	protocol.SubTypeCallback, protocol.SubTypeWaitForCallback, protocol.SubTypeChainedInvoke,
	protocol.SubTypeRunInChildContext, protocol.SubTypeMap, protocol.SubTypeMapIteration, protocol.SubTypeParallel,
	protocol.SubTypeParallelBranch, protocol.SubTypeDag, "DagTask", "Deadline", "Version", "Now"}

func (o *optionRules) text(e ast.Expr, what string, most int, marks string) {
	text, ok := usage.ConstString(o.TypesInfo, e)
	if !ok {
		return
	}
	bad := strings.IndexFunc(text, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(marks, r))
	})
	if len(text) > most || bad >= 0 {
		o.report(e, "%s is refused; it has at most %d letters, digits and any of %s", what, most, marks)
	}
}

// function checks the name of a function that is called, where it is written.
func (o *optionRules) function(e ast.Expr) {
	if id, ok := ast.Unparen(e).(*ast.Ident); ok {
		if value := o.Value(o.TypesInfo.Uses[id]); value != nil {
			e = value
		}
	}
	lit, ok := ast.Unparen(e).(*ast.CompositeLit)
	if !ok {
		return
	}
	name := field(lit, "Name", 0)
	if name == nil {
		o.report(lit, "the function has no name, so it cannot be called; set Function.Name")
		return
	}
	if text, ok := usage.ConstString(o.TypesInfo, name); ok && text == "" {
		o.report(name, "the function has no name, so it cannot be called; set Function.Name")
		return
	}
	o.text(name, "the function's name", protocol.MaxName, "-_.:$")
}

// field returns the value of a field in a literal of a struct.
func field(lit *ast.CompositeLit, name string, place int) ast.Expr {
	for i, element := range lit.Elts {
		kv, ok := element.(*ast.KeyValueExpr)
		if !ok && i == place {
			return element
		}
		if ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == name {
				return kv.Value
			}
		}
	}
	return nil
}

// minimum finds a Map of a list that is written out, with fewer items than must succeed.
func (o *optionRules) minimum(call *model.Call) {
	items, ok := ast.Unparen(call.Arg(2)).(*ast.CompositeLit)
	given := o.given(call)["WithMinSuccessful"]
	if !ok || given == nil {
		return
	}
	if n, ok := usage.ConstInt(o.TypesInfo, given.Arg(0)); ok && n > int64(len(items.Elts)) && !isKeyed(items) {
		o.report(given.Expr, "WithMinSuccessful is %d, but there are only %d items", n, len(items.Elts))
	}
}

func isKeyed(lit *ast.CompositeLit) bool {
	return slices.ContainsFunc(lit.Elts, func(e ast.Expr) bool { _, ok := e.(*ast.KeyValueExpr); return ok })
}

// optionArgs are the options of a call, also those of options in a list that is spread.
func (o *optionRules) optionArgs(call *model.Call) []ast.Expr {
	args := call.OptionArgs()
	if call.Expr.Ellipsis == token.NoPos || len(args) == 0 {
		return args
	}
	last := o.resolve(args[len(args)-1])
	args = slices.Clone(args[:len(args)-1])
	if lit, ok := last.(*ast.CompositeLit); ok {
		args = append(args, lit.Elts...)
	}
	return args
}

// given are the options of a call that are known, by their names; of several with one name the last.
func (o *optionRules) given(call *model.Call) map[string]*model.Call {
	all := make(map[string]*model.Call)
	for _, arg := range o.optionArgs(call) {
		if made := o.CallOf(o.resolve(arg)); made != nil {
			all[made.Name] = made
		}
	}
	return all
}

// resolve follows variables with only one value.
func (o *optionRules) resolve(e ast.Expr) ast.Expr {
	for range 8 {
		e = ast.Unparen(e)
		id, ok := e.(*ast.Ident)
		if !ok {
			return e
		}
		value := o.Value(o.TypesInfo.Uses[id])
		if value == nil {
			return e
		}
		e = value
	}
	return e
}

// repeatable are options that may be given more than once.
var repeatable = []string{"WithErrors", "WithPlugins"}

// options looks at the options of a call, and at what they are together.
func (o *optionRules) options(call *model.Call) {
	seen := make(map[string]bool)
	for _, arg := range o.optionArgs(call) {
		if usage.IsNil(o.TypesInfo, arg) {
			o.report(arg, "%s gets nil as an option; leave it out", o.What(call))
			continue
		}
		made := o.CallOf(o.resolve(arg))
		if made == nil {
			continue
		}
		if seen[made.Name] && !slices.Contains(repeatable, made.Name) {
			o.report(arg, "%s gets %s twice; only the last counts", o.What(call), made.Name)
		}
		seen[made.Name] = true
	}
	given := o.given(call)
	switch call.Name {
	case "Step", "Saga.Compensate":
		o.step(call, given)
	case "CreateCallback", "WaitForCallback":
		o.callback(given)
	case "RunInChildContext", "Go", "RunSaga":
		o.child(call, given)
	case "Map", "Parallel":
		o.batch(given)
	}
	if made := given["WithRetry"]; made != nil {
		o.policy(made.Arg(0), time.Minute)
	}
	if made := given["WithPolling"]; made != nil {
		o.policy(made.Arg(0), 5*time.Minute)
	}
}

func (o *optionRules) step(call *model.Call, given map[string]*model.Call) {
	if made := given["WithTimeout"]; made != nil {
		o.duration(made.Arg(0), "a step's timeout", 1, 1<<63-1)
	}
	policy, explicit := o.policyOf(given["WithRetry"])
	if budget := given["WithAttemptBudget"]; budget != nil {
		n, ok := usage.ConstInt(o.TypesInfo, budget.Arg(0))
		switch {
		case ok && n < 1:
			o.report(budget.Arg(0), "an attempt budget of %d is refused; it must be at least 1", n)
		case ok && explicit && policy.Decide == nil && int64(policy.MaxAttempts) > n:
			o.report(budget.Expr, "the attempt budget of %d ends the step before its retry policy does, which allows "+
				"%d attempts; make them agree", n, policy.MaxAttempts)
		}
	}
	if made := given["WithAtMostOncePerRetry"]; made != nil && given["WithRetry"] == nil && o.knowsAll(call) {
		o.report(made.Expr, "WithAtMostOncePerRetry has no retry policy beside it, so the default one repeats an "+
			"interrupted attempt, up to 6 times in all; give retry.None, or the policy that is meant")
	}
}

// knowsAll reports whether no option of a call is unknown.
func (o *optionRules) knowsAll(call *model.Call) bool {
	for _, arg := range o.optionArgs(call) {
		if o.CallOf(o.resolve(arg)) == nil {
			return false
		}
	}
	return call.Expr.Ellipsis == token.NoPos
}

func (o *optionRules) callback(given map[string]*model.Call) {
	made, beat := given["WithTimeout"], given["WithHeartbeat"]
	if made == nil {
		return
	}
	o.duration(made.Arg(0), "a callback's timeout", time.Second, maxCallback)
	if beat == nil {
		return
	}
	timeout, ok := o.constDuration(made.Arg(0))
	if heartbeat, is := o.constDuration(beat.Arg(0)); ok && is && heartbeat > timeout {
		o.report(beat.Expr, "the heartbeat timeout of %v can never pass, because the timeout of %v passes before",
			heartbeat, timeout)
	}
}

func (o *optionRules) child(call *model.Call, given map[string]*model.Call) {
	if made := given["WithTimeout"]; made != nil {
		o.duration(made.Arg(0), "a context's timeout", time.Second, maxWait)
	}
	virtual := given["WithVirtual"]
	if virtual == nil {
		return
	}
	for _, name := range []string{"WithSerdes", "WithSubType", "WithTimeout"} {
		if made := given[name]; made != nil {
			o.report(made.Expr, "a virtual context is not recorded, so %s is refused with WithVirtual", name)
		}
	}
	if fn := o.CallOf(o.resolve(call.Arg(2))); fn != nil && fn.Name == "Summarized" {
		o.report(fn.Expr, "a virtual context is not recorded, so it has no summary")
	}
}

func (o *optionRules) batch(given map[string]*model.Call) {
	if given["WithCompletion"] == nil {
		return
	}
	for _, name := range []string{"WithMinSuccessful", "WithToleratedFailures", "WithToleratedFailurePercentage"} {
		if made := given[name]; made != nil {
			o.report(made.Expr, "%s is refused beside WithCompletion, which decides alone", name)
		}
	}
}
