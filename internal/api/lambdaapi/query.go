package lambdaapi

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

// query reads the members in a request's URL, and collects what is wrong with them.
type query struct {
	violations
	values  url.Values
	convert error // the first value of the wrong type
}

func newQuery(r *http.Request) *query { return &query{values: r.URL.Query()} }

// err returns the refusal. A value of the wrong type hides violations.
func (q *query) err() error {
	if q.convert != nil {
		return q.convert
	}
	return q.violations.err()
}

func (q *query) inconvertible(value, to string) {
	if q.convert == nil {
		q.convert = refusal(protocol.CodeSerialization, "'%s' can not be converted to %s", value, to)
	}
}

// member names a query key as messages do: the first letter is small.
func member(key string) string { return strings.ToLower(key[:1]) + key[1:] }

// optional reads a string; absent is empty.
func (q *query) optional(key string, shape *textShape) string {
	if !q.values.Has(key) {
		return ""
	}
	s := q.values.Get(key)
	q.text(s, member(key), shape)
	return s
}

func (q *query) required(key string, shape *textShape) string {
	if !q.values.Has(key) {
		q.missing(member(key))
		return ""
	}
	return q.optional(key, shape)
}

// marker reads where a page begins. Only the engine knows its form.
func (q *query) marker() string { return q.values.Get("Marker") }

// maxItems reads the length of a page; zero is the engine's default.
func (q *query) maxItems() int {
	if !q.values.Has("MaxItems") {
		return 0
	}
	return q.integer("MaxItems", 0, protocol.MaxPage)
}

// integer reads a number that is present.
func (q *query) integer(key string, least, most int64) int {
	s := q.values.Get(key)
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		q.inconvertible(s, "Integer")
		return 0
	}
	q.number(n, member(key), least, most)
	return int(n)
}

func (q *query) boolean(key string, absent bool) bool {
	if !q.values.Has(key) {
		return absent
	}
	s := q.values.Get(key)
	switch strings.ToLower(s) {
	case "true":
		return true
	case "false":
		return false
	}
	q.inconvertible(s, "Boolean")
	return false
}

// timestamp reads a moment: a date-time, a date, or seconds since the epoch.
func (q *query) timestamp(key string) protocol.Timestamp {
	if !q.values.Has(key) {
		return 0
	}
	s := q.values.Get(key)
	for _, layout := range []string{time.RFC3339, time.DateOnly} { // parsing takes a fraction, too
		if t, err := time.Parse(layout, s); err == nil {
			return protocol.TimestampOf(t)
		}
	}
	const most = 1 << 40 // far beyond the year 9999, and exact in milliseconds
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(math.Abs(f) < most) {
		q.inconvertible(s, "Date")
		return 0
	}
	return protocol.Timestamp(math.Floor(f * 1000))
}

// statuses reads a list of execution statuses.
func (q *query) statuses(key string) []protocol.ExecutionStatus {
	var list []protocol.ExecutionStatus
	valid := true
	for _, s := range q.values[key] {
		list = append(list, protocol.ExecutionStatus(s))
		valid = valid && isExecutionStatus(s)
	}
	quoted := "'[" + strings.Join(q.values[key], ", ") + "]'"
	const most = 10
	if len(list) > most {
		q.add(quoted, member(key), "Member must have length less than or equal to "+strconv.Itoa(most))
	}
	if !valid {
		q.add(quoted, member(key), "Member must satisfy constraint: ["+statusConstraint+"]")
	}
	return list
}

func isExecutionStatus(s string) bool {
	for _, known := range protocol.ExecutionStatuses {
		if s == string(known) {
			return true
		}
	}
	return false
}

// check refuses a single string member of the wrong shape.
func check(value, at string, shape *textShape) error {
	var v violations
	v.text(value, at, shape)
	return v.err()
}
