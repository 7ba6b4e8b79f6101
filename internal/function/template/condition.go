package template

import "strings"

// verdict is the known value of a condition.
type verdict int

const (
	unknown verdict = iota
	fails
	holds
)

func verdictOf(b bool) verdict {
	if b {
		return holds
	}
	return fails
}

// condition works out whether the condition called name holds. One with a mistake, which is told once, is not
// known.
func (r *reader) condition(name string, at Position) verdict {
	if v, decided := r.decided[name]; decided {
		if v == unknown && r.about != "" {
			r.unknown(&node{pos: at}, KindReference, name, "whether the condition %s holds is not known", name)
		}
		return v
	}
	n := r.conditions.byName[name]
	if n == nil {
		r.fail(at, "there is no condition %s%s", quoted(name), didYouMean(name, r.conditions.names))
		return unknown
	}
	if r.busy["condition "+name] {
		r.fail(n.pos, "the condition %s depends on itself", quoted(name))
		return unknown
	}
	r.busy["condition "+name] = true
	defer delete(r.busy, "condition "+name)
	r.decided[name] = r.decide(n)
	return r.decided[name]
}

// decide works out an expression of conditions.
func (r *reader) decide(n *node) verdict {
	if !r.spend(n) {
		return unknown
	}
	if c := n.get("Condition"); c != nil && len(n.entries) == 1 {
		n = &node{pos: n.pos, call: "Condition", arg: c}
	}
	switch n.call {
	case "Condition":
		if name, ok := r.text(n.arg); ok {
			return r.condition(name, n.pos)
		}
		return unknown
	case "Fn::Equals":
		return r.equal(n)
	case "Fn::Not":
		args, ok := r.arguments(n, 1, 1, "a list of one condition")
		if !ok {
			return unknown
		}
		return [...]verdict{unknown: unknown, fails: holds, holds: fails}[r.decide(args[0])]
	case "Fn::And":
		return r.combine(n, fails)
	case "Fn::Or":
		return r.combine(n, holds)
	}
	r.fail(n.pos, "a condition is one of Equals, And, Or, Not and Condition%s", insteadOf(n))
	return unknown
}

// combine is And or Or: one condition that is strong decides; else an unknown one leaves it open.
func (r *reader) combine(n *node, strong verdict) verdict {
	args, ok := r.arguments(n, 1, maxConditions, "a list of conditions")
	if !ok {
		return unknown
	}
	all := [...]verdict{fails: holds, holds: fails}[strong]
	for _, arg := range args {
		switch r.decide(arg) {
		case strong:
			return strong
		case unknown:
			all = unknown
		}
	}
	return all
}

// maxConditions is more than AWS takes in one And or Or, which is 10.
const maxConditions = 100

func insteadOf(n *node) string {
	if n.call != "" {
		return ", not " + shortName(n.call)
	}
	return ", not " + n.form.String()
}

// equal compares two values as texts.
func (r *reader) equal(n *node) verdict {
	args, ok := r.arguments(n, 2, 2, "two values")
	if !ok {
		return unknown
	}
	a, ok1 := r.comparable(args[0])
	b, ok2 := r.comparable(args[1])
	if !ok1 || !ok2 {
		return unknown
	}
	return verdictOf(a == b)
}

// comparable is a value as one text, a list in the form of a parameter's.
func (r *reader) comparable(n *node) (string, bool) {
	v := r.resolve(n)
	if v == nil || v.form != list {
		return r.text(v)
	}
	var texts []string
	for _, item := range v.items {
		text, ok := r.text(item)
		if !ok {
			return "", false
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ","), true
}
