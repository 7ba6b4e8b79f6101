package lint

import (
	"go/ast"
	"go/types"
	"time"

	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/lint/internal/model"
	"github.com/perdure/perdure/lint/internal/usage"
)

const retryPath = "github.com/perdure/perdure/durable/retry"

// policyOf is the policy of WithRetry as far as it is constant; false if it is not known.
func (o *optionRules) policyOf(made *model.Call) (p retry.Policy, ok bool) {
	if made == nil {
		return p, false
	}
	switch e := o.resolve(made.Arg(0)).(type) {
	case *ast.CallExpr:
		return o.madePolicy(e)
	case *ast.CompositeLit:
		return o.literalPolicy(e)
	}
	return p, false
}

// madePolicy is what a function of package retry makes of constants.
func (o *optionRules) madePolicy(call *ast.CallExpr) (p retry.Policy, ok bool) {
	fn := o.Callee(call)
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != retryPath {
		return p, false
	}
	switch fn.Name() {
	case "None":
		return retry.None(), true
	case "Transient":
		return retry.Transient(), true
	case "Resource":
		return retry.Resource(), true
	case "Critical":
		return retry.Critical(), true
	case "Fixed", "Linear":
		n, known := usage.ConstInt(o.TypesInfo, call.Args[0])
		delay, knownDelay := usage.ConstDuration(o.TypesInfo, call.Args[1])
		if fn.Name() == "Fixed" {
			return retry.Fixed(int(n), delay), known && knownDelay
		}
		increment, knownIncrement := usage.ConstDuration(o.TypesInfo, call.Args[2])
		return retry.Linear(int(n), delay, increment), known && knownDelay && knownIncrement
	}
	return p, false
}

// policyFields are the fields of a retry.Policy in their order.
var policyFields = []string{"MaxAttempts", "Delay", "Multiplier", "Increment", "MaxDelay", "Jitter", "RetryIf",
	"Decide"}

// literalPolicy is a policy that is written out; false if it has a number that is not constant.
func (o *optionRules) literalPolicy(lit *ast.CompositeLit) (p retry.Policy, ok bool) {
	if !o.isPolicy(lit) {
		return p, false
	}
	duration := func(e ast.Expr, to *time.Duration) bool {
		d, ok := usage.ConstDuration(o.TypesInfo, e)
		*to = d
		return ok
	}
	for i, name := range policyFields {
		e := field(lit, name, i)
		if e == nil {
			continue
		}
		ok := true
		switch name {
		case "MaxAttempts":
			var n int64
			n, ok = usage.ConstInt(o.TypesInfo, e)
			p.MaxAttempts = int(n)
		case "Delay":
			ok = duration(e, &p.Delay)
		case "Increment":
			ok = duration(e, &p.Increment)
		case "MaxDelay":
			ok = duration(e, &p.MaxDelay)
		case "Multiplier":
			p.Multiplier, ok = usage.ConstFloat(o.TypesInfo, e)
		case "Jitter":
			var n int64
			n, ok = usage.ConstInt(o.TypesInfo, e)
			p.Jitter = retry.Jitter(n)
		case "RetryIf":
			p.RetryIf = func(error) bool { return true }
		case "Decide":
			p.Decide = func(error, int) (time.Duration, bool) { return 0, false }
		}
		if !ok {
			return p, false
		}
	}
	return p, true
}

func (o *optionRules) isPolicy(lit *ast.CompositeLit) bool {
	named, ok := types.Unalias(o.TypesInfo.TypeOf(lit)).(*types.Named)
	return ok && named.Obj().Name() == "Policy" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == retryPath
}

// policy looks at a retry policy whose greatest delay is maxDelay unless it says otherwise.
func (o *optionRules) policy(e ast.Expr, maxDelay time.Duration) {
	var p retry.Policy
	var known bool
	switch x := o.resolve(e).(type) {
	case *ast.CallExpr:
		if p, known = o.madePolicy(x); known && p.MaxAttempts == 0 {
			o.report(x, "0 attempts mean the default of 6; use retry.None for one attempt")
		}
	case *ast.CompositeLit:
		if p, known = o.literalPolicy(x); o.isPolicy(x) {
			o.unused(x)
		}
	}
	if !known || p.Decide != nil {
		return
	}
	if p.MaxDelay > 0 {
		maxDelay = p.MaxDelay
	}
	switch err := p.Validate(); {
	case err != nil:
		o.report(e, "this policy is refused: %v", err)
	case p.MaxAttempts == 1:
	case p.Delay > maxDelay:
		o.report(e, "the policy's delay of %v is cut to its MaxDelay of %v; set MaxDelay, too", p.Delay, maxDelay)
	case p.Delay > 0 && p.Delay < time.Second:
		o.report(e, "the policy's delay of %v has no effect; the service counts whole seconds, at least one", p.Delay)
	}
}

// unused finds fields of a policy that others make useless.
func (o *optionRules) unused(lit *ast.CompositeLit) {
	var why string
	attempts := field(lit, "MaxAttempts", 0)
	if n, ok := usage.ConstInt(o.TypesInfo, orNone(attempts)); ok && attempts != nil && n == 1 {
		why = "one attempt is never retried"
	}
	decide := field(lit, "Decide", 7)
	if decide != nil && !usage.IsNil(o.TypesInfo, decide) {
		why = "Decide replaces all other fields"
	}
	if why == "" {
		return
	}
	for i, name := range policyFields {
		isCause := name == "Decide" || name == "MaxAttempts" && decide == nil
		if e := field(lit, name, i); e != nil && !isCause {
			o.report(e, "the policy's %s has no effect, because %s", name, why)
		}
	}
}

// orNone stands in for an expression that is missing.
func orNone(e ast.Expr) ast.Expr {
	if e == nil {
		return new(ast.BadExpr)
	}
	return e
}
