package adminapi

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// query reads the members in a request's URL. The first mistake counts; an unread key is one.
type query struct {
	values  url.Values
	asked   []string
	mistake error
}

func newQuery(r *http.Request) *query { return &query{values: r.URL.Query()} }

// err returns the refusal. Call it after reading everything.
func (q *query) err() error {
	for key := range q.values {
		if !slices.Contains(q.asked, key) {
			return protocol.Errorf(protocol.CodeInvalidParameter, "There is no parameter %q here.", key)
		}
	}
	return q.mistake
}

func (q *query) refuse(key, want string) {
	if q.mistake == nil {
		q.mistake = protocol.Errorf(protocol.CodeInvalidParameter, "%s %q is not %s.", key, q.values.Get(key), want)
	}
}

// text reads a string; absent is empty.
func (q *query) text(key string) string {
	q.asked = append(q.asked, key)
	return q.values.Get(key)
}

// texts reads the strings of a key that may be repeated.
func (q *query) texts(key string) []string {
	q.asked = append(q.asked, key)
	return q.values[key]
}

func (q *query) boolean(key string) bool {
	s := q.text(key)
	if s != "" && s != "true" && s != "false" {
		q.refuse(key, "true or false")
	}
	return s == "true"
}

// integer reads a number within bounds; absent is zero.
func (q *query) integer(key string, least, most int64) int64 {
	s := q.text(key)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most {
		q.refuse(key, "a number from "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10))
	}
	return n
}

// refuseEmpty refuses members of a filter that are there and empty: they would leave nothing out, and whoever acts on
// what it selects may not have meant all.
func (q *query) refuseEmpty() {
	for _, key := range engine.FilterKeys {
		if slices.Contains(q.values[key], "") {
			q.refuse(key, "a filter: leave it out, or say Name=* for all executions")
		}
	}
}

// filter reads a filter. A date without a zone is in UTC.
func (q *query) filter() engine.Filter {
	q.asked = append(q.asked, engine.FilterKeys...)
	f, err := engine.ParseFilter(q.values, time.Now().UTC())
	q.mistake = cmp.Or(q.mistake, err)
	return f
}
