package lambdaapi

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/perdure/perdure/protocol"
)

// violations collects what is wrong with the shape of a request, in the words of AWS's request framework. The zero
// value is empty.
type violations struct {
	list []string
	n    int
}

// maxListed bounds the violations that an answer spells out; all are counted.
const maxListed = 50

// add notes that the value at a member's path breaks a constraint. value is as the message shows it: quoted, null,
// or empty to hide it.
func (v *violations) add(value, at, constraint string) {
	v.n++
	if v.n > maxListed {
		return
	}
	if value != "" {
		value = " " + value
	}
	v.list = append(v.list, "Value"+value+" at '"+at+"' failed to satisfy constraint: "+constraint)
}

// err returns the refusal, or nil if there were no violations.
func (v *violations) err() error {
	if v.n == 0 {
		return nil
	}
	noun := " validation errors"
	if v.n == 1 {
		noun = " validation error"
	}
	return refusal(protocol.CodeValidation, "%d%s detected: %s", v.n, noun, strings.Join(v.list, "; "))
}

// quote writes a value for a message: whole, unless its size only serves to hurt.
func quote(value string) string { return "'" + protocol.Clip(value, 16<<10) + "'" }

// missing notes that a required member is absent.
func (v *violations) missing(at string) { v.add("null", at, "Member must not be null") }

// text checks a string member against c.
func (v *violations) text(value, at string, c *textShape) {
	if !c.ok(value) {
		c.explain(v, value, at)
	}
}

// number checks a whole-number member against its bounds.
func (v *violations) number(value int64, at string, least, most int64) {
	quoted := "'" + strconv.FormatInt(value, 10) + "'"
	if value < least {
		v.add(quoted, at, "Member must have value greater than or equal to "+strconv.FormatInt(least, 10))
	}
	if value > most {
		v.add(quoted, at, "Member must have value less than or equal to "+strconv.FormatInt(most, 10))
	}
}

// enumConstraint is the text of a constraint to a set of words.
func enumConstraint[T ~string](set []T) string {
	words := make([]string, len(set))
	for i, w := range set {
		words[i] = string(w)
	}
	return "Member must satisfy enum value set: [" + strings.Join(words, ", ") + "]"
}

// textShape is the shape of a string member in the API model.
type textShape struct {
	min, max  int               // characters
	pattern   string            // as AWS writes it in messages; empty for none
	match     func(string) bool // the same as code; nil without pattern
	sensitive bool              // the value never appears in messages
}

func (c *textShape) ok(s string) bool {
	return c.longEnough(s) && c.shortEnough(s) && c.matches(s)
}

func (c *textShape) longEnough(s string) bool { return len(s) >= c.min } // min is 0 or 1

func (c *textShape) shortEnough(s string) bool {
	return len(s) <= c.max || utf8.RuneCountInString(s) <= c.max
}

func (c *textShape) matches(s string) bool { return c.match == nil || c.match(s) }

// explain adds one violation for every constraint that value breaks.
func (c *textShape) explain(v *violations, value, at string) {
	quoted := quote(value)
	if c.sensitive {
		quoted = ""
	}
	if !c.longEnough(value) {
		v.add(quoted, at, "Member must have length greater than or equal to "+strconv.Itoa(c.min))
	}
	if !c.shortEnough(value) {
		v.add(quoted, at, "Member must have length less than or equal to "+strconv.Itoa(c.max))
	}
	if !c.matches(value) {
		v.add(quoted, at, "Member must satisfy regular expression pattern: "+c.pattern)
	}
}
