package template

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// scalarValue is the meaning of an unquoted value.
type scalarValue struct {
	text string // as CloudFormation hands it on, which knows only texts
	null bool
	bare bool   // a number or a truth value: JSON writes it without quotes
	odd  string // why the text is not known; empty if it is
}

// AWS reads YAML 1.1, as PyYAML and SnakeYAML do, except for dates, which stay as they are.
var (
	yamlInt    = regexp.MustCompile(`^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$`)
	yamlClock  = regexp.MustCompile(`^[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+$`)
	yamlFloat  = regexp.MustCompile(`^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?)$`)
	yamlClockF = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*$`)
	yamlNoReal = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// plainYAML is the meaning of text without quotes and a tag.
func plainYAML(text string) scalarValue {
	digits := strings.ReplaceAll(text, "_", "")
	switch {
	case len(text) > maxNumber:
		return scalarValue{text: text}
	case text == "" || text == "~" || text == "null" || text == "Null" || text == "NULL":
		return scalarValue{text: text, null: true}
	case yamlTruth[text] != "":
		return scalarValue{text: yamlTruth[text], bare: true}
	case yamlInt.MatchString(text):
		return wholeNumber(text, digits)
	case yamlClock.MatchString(text):
		whole, _ := sexagesimal(digits)
		return scalarValue{text: whole.String(), bare: true}
	case yamlClockF.MatchString(text):
		whole, fraction := sexagesimal(digits)
		value, _ := new(big.Float).SetInt(whole).Float64()
		return fractional(text, value+math.Copysign(fraction, value))
	case yamlFloat.MatchString(text):
		value, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return scalarValue{text: text, odd: "is too large for a number"}
		}
		return fractional(text, value)
	case yamlNoReal.MatchString(text):
		return scalarValue{text: text, odd: "is a number that JSON does not have"}
	}
	return scalarValue{text: text}
}

// maxNumber is more bytes than any sensible number has.
const maxNumber = 64

var yamlTruth = map[string]string{
	"yes": "true", "Yes": "true", "YES": "true", "no": "false", "No": "false", "NO": "false",
	"true": "true", "True": "true", "TRUE": "true", "false": "false", "False": "false", "FALSE": "false",
	"on": "true", "On": "true", "ON": "true", "off": "false", "Off": "false", "OFF": "false",
}

// wholeNumber is a number with the base of its prefix: 0b, 0x, 0 or none.
func wholeNumber(text, digits string) scalarValue {
	sign, number := "", strings.TrimLeft(digits, "+-")
	if strings.HasPrefix(digits, "-") {
		sign = "-"
	}
	n, ok := new(big.Int).SetString(sign+number, 0)
	if !ok {
		return scalarValue{text: text} // 0x_ and the like
	}
	return scalarValue{text: n.String(), bare: true}
}

// sexagesimal reads 12:30:45.5 as 45045 and 0.5: numbers to the base of 60.
func sexagesimal(digits string) (whole *big.Int, fraction float64) {
	negative := strings.HasPrefix(digits, "-")
	digits, after, _ := strings.Cut(strings.TrimLeft(digits, "+-"), ".")
	fraction, _ = strconv.ParseFloat("0."+after+"0", 64)
	whole = new(big.Int)
	for part := range strings.SplitSeq(digits, ":") {
		n, _ := new(big.Int).SetString(part, 10)
		whole.Add(whole.Mul(whole, big.NewInt(60)), n)
	}
	if negative {
		whole.Neg(whole)
	}
	return whole, fraction
}

// fractional is a number as Java writes it. With an exponent, the tools on the way to AWS do not agree.
func fractional(text string, value float64) scalarValue {
	if size := math.Abs(value); size != 0 && (size < 1e-3 || size >= 1e7) {
		return scalarValue{text: text, odd: "is a number that AWS writes with an exponent"}
	}
	s := strconv.FormatFloat(value, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return scalarValue{text: s, bare: true}
}

// plainJSON is the meaning of a number of JSON.
func plainJSON(text string) scalarValue {
	if len(text) > maxNumber {
		return scalarValue{text: text, odd: "is too long for a number"}
	}
	if !strings.ContainsAny(text, ".eE") {
		return scalarValue{text: text, bare: true}
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return scalarValue{text: text, odd: "is too large for a number"}
	}
	return fractional(text, value)
}
