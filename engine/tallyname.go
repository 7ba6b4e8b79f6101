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
	var room [roomForPattern]byte
	return n.like(n.appendPattern(room[:0]))
}

// like is what operations of the kind of n are counted as whose names have this pattern; empty if that is.
func (n operationName) like(pattern []byte) operationName {
	if len(pattern) == 0 {
		return operationName{}
	}
	return operationName{kind: n.kind, name: string(pattern), alike: true}
}

// roomForPattern is enough for most names: longer patterns take memory for a moment.
const roomForPattern = 64

// appendPattern appends the name of the pattern to b, or nothing. It is called for each operation whose name is counted
// with others.
func (n operationName) appendPattern(b []byte) []byte {
	if n.items || !strings.ContainsAny(n.name, digits) {
		return b
	}
	for rest := n.name; rest != ""; {
		length := wordLength(rest)
		switch {
		case length == 0:
			b = appendMark(b, rest[0])
			length = 1
		case length >= leastID && strings.ContainsAny(rest[:length], digits):
			b = appendMark(b, '#')
		default:
			b = appendWithoutNumbers(b, rest[:length])
		}
		rest = rest[length:]
	}
	return b
}

// appendMark appends what is no word, or stands for one. An id, a date or a version is one thing.
func appendMark(b []byte, mark byte) []byte {
	if n := len(b); mark == '#' && n >= 2 && b[n-2] == '#' && strings.IndexByte("-_.:", b[n-1]) >= 0 {
		return b[:n-1]
	}
	return append(b, mark)
}

// wordLength is the length of the word with which a text begins, of letters and digits of ASCII; 0 for none.
func wordLength(s string) int {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') {
			return i
		}
	}
	return len(s)
}

// leastID is the least length of a word that is taken for an id if it has a digit.
const leastID = 8

const digits = "0123456789"

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// appendWithoutNumbers appends a word with # for its numbers.
func appendWithoutNumbers(b []byte, word string) []byte {
	for i := range len(word) {
		switch {
		case !isDigit(word[i]):
			b = append(b, word[i])
		case i == 0 || !isDigit(word[i-1]):
			b = appendMark(b, '#')
		}
	}
	return b
}

// operation is where operations of a name are counted.
func (y *tally) operation(of operationName, names *nameBudget) *operationTally {
	if o := y.operations[of]; o != nil {
		return o
	}
	var room [roomForPattern]byte
	pattern := of.appendPattern(room[:0])
	if o := y.operations[operationName{kind: of.kind, name: string(pattern), alike: true}]; o != nil {
		return o
	}
	like := of.like(pattern)
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
