package engine

import (
	"strings"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// operationName is what operations are counted by. People give a name to each item of a batch, and put numbers and ids
// into names, so what they would call one operation has many names: the items of a map are counted together, and so
// are names that differ in nothing but that, once there are many.
type operationName struct {
	kind  protocol.OperationType
	name  string // may be empty
	items bool   // of the maps of this name
	alike bool   // the name stands for many: see pattern
}

// mostAlike is how many names that are alike are counted apart: "step 1" and "step 2" are two things to people.
const mostAlike = 12

// nameOf is the name by which a record's operation is counted.
func nameOf(r *machine.Record, kind protocol.OperationType, x *machine.Execution) operationName {
	if r.SubType == protocol.SubTypeMapIteration {
		return operationName{kind: kind, name: x.NameOf(r.ParentID), items: true}
	}
	return operationName{kind: kind, name: r.Name}
}

// String is the name for people.
func (n operationName) String() string {
	switch {
	case n.items && n.name == "":
		return "item"
	case n.items:
		return n.name + " › item"
	}
	return n.name
}

// pattern is what names alike have in common: with a # for each number, and for each word that is an id. Of a name
// that is like no other it is empty.
func (n operationName) pattern() operationName {
	none := operationName{}
	if n.items || !strings.ContainsAny(n.name, "0123456789") {
		return none
	}
	var b strings.Builder
	for rest := n.name; rest != ""; {
		word := rest[:wordLength(rest)]
		rest = rest[max(1, len(word)):]
		if word == "" {
			b.WriteByte(n.name[len(n.name)-len(rest)-1])
			continue
		}
		b.WriteString(withoutNumbers(word))
	}
	name := b.String()
	for _, between := range []string{"-", "_", ".", ":"} { // of an id, a date or a version
		for twice := "#" + between + "#"; strings.Contains(name, twice); {
			name = strings.ReplaceAll(name, twice, "#")
		}
	}
	return operationName{kind: n.kind, name: name, alike: true}
}

// wordLength is the length of the word with which a text begins, of letters and digits of ASCII; 0 for none.
func wordLength(s string) int {
	isNone := func(r rune) bool { return (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') }
	if i := strings.IndexFunc(s, isNone); i >= 0 {
		return i
	}
	return len(s)
}

// leastID is the least length of a word that is taken for an id if it has a digit.
const leastID = 8

// withoutNumbers is a word with # for its numbers, or for all of it.
func withoutNumbers(word string) string {
	const digits = "0123456789"
	if len(word) >= leastID && strings.ContainsAny(word, digits) {
		return "#"
	}
	var b strings.Builder
	for i := range len(word) {
		isDigit := strings.IndexByte(digits, word[i]) >= 0
		if !isDigit {
			b.WriteByte(word[i])
		} else if i == 0 || strings.IndexByte(digits, word[i-1]) < 0 {
			b.WriteByte('#')
		}
	}
	return b.String()
}

// operation is where operations of a name are counted.
func (y *tally) operation(of operationName, names *nameBudget) *operationTally {
	if o := y.operations[of]; o != nil {
		return o
	}
	like := of.pattern()
	if o := y.operations[like]; o != nil {
		return o
	}
	if like.alike && y.alike[like] == mostAlike {
		return y.gather(like, names)
	}
	if len(y.operations) == maxNames || len(of.name) > maxNameInTally || !names.take() {
		y.overflown = true
		return &y.others
	}
	if like.alike {
		y.alike[like]++
	}
	of.name = strings.Clone(of.name) // it may be a part of something large
	o := new(operationTally)
	y.operations[of] = o
	return o
}

// gather counts together what was counted apart by names that are alike, and what follows.
func (y *tally) gather(like operationName, names *nameBudget) *operationTally {
	all := new(operationTally)
	before := len(y.operations)
	for of, o := range y.operations {
		if !of.alike && of.pattern() == like {
			all.add(o)
			delete(y.operations, of)
		}
	}
	delete(y.alike, like)
	y.operations[like] = all
	names.give(before - len(y.operations))
	return all
}

func (o *operationTally) add(more *operationTally) {
	o.ended += more.ended
	o.failed += more.failed
	o.retries += more.retries
	o.took.addAll(&more.took)
}
