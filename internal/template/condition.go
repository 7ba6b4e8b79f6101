package template

import "strings"

// condition works out whether the condition called name holds. A condition
// that cannot be known does not.
func (r *reader) condition(name string, at Position) bool {
	if holds, known := r.decided[name]; known {
		return holds
	}
	n := r.conditions.byName[name]
	if n == nil {
		r.fail(at, "there is no condition %s%s", quoted(name), didYouMean(name, r.conditions.names))
		r.decided[name] = false
		return false
	}
	if r.busy["condition "+name] {
		r.fail(n.pos, "the condition %s depends on itself", quoted(name))
		r.decided[name] = false
		return false
	}
	r.busy["condition "+name] = true
	defer delete(r.busy, "condition "+name)
	about := r.about
	r.about = "" // what is not known makes it false, for everyone
	holds := r.holds(n)
	r.about = about
	r.decided[name] = holds
	return holds
}

// holds works out an expression of conditions.
func (r *reader) holds(n *node) bool {
	if !r.spend(n) {
		return false
	}
	if c := n.get("Condition"); c != nil && len(n.entries) == 1 {
		n = &node{pos: n.pos, call: "Condition", arg: c}
	}
	switch n.call {
	case "Condition":
		name, ok := r.text(n.arg)
		return ok && r.condition(name, n.pos)
	case "Fn::Equals":
		return r.equal(n)
	case "Fn::Not":
		args, ok := r.arguments(n, 1, 1, "a list of one condition")
		return ok && !r.holds(args[0])
	case "Fn::And", "Fn::Or":
		args, ok := r.arguments(n, 1, maxConditions, "a list of conditions")
		if !ok {
			return false
		}
		any := false
		for _, arg := range args {
			if any = r.holds(arg); any == (n.call == "Fn::Or") {
				break
			}
		}
		return any
	}
	r.fail(n.pos, "a condition is one of Equals, And, Or, Not and Condition%s", insteadOf(n))
	return false
}

// maxConditions is more than AWS takes in one And or Or, which is 10.
const maxConditions = 100

func insteadOf(n *node) string {
	if n.call != "" {
		return ", not " + shortName(n.call)
	}
	return ", not " + n.form.String()
}

// equal compares two values as texts. One that is not known equals nothing.
func (r *reader) equal(n *node) bool {
	args, ok := r.arguments(n, 2, 2, "two values")
	if !ok {
		return false
	}
	a, ok1 := r.comparable(args[0])
	b, ok2 := r.comparable(args[1])
	return ok1 && ok2 && a == b
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
