// Package sqlwhere writes queries of package store in the SQL that SQLite and PostgreSQL have in common.
package sqlwhere

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/core/store"
)

// A name, a tag or an error that at most so many executions have leads to these, one by one. Otherwise an index is
// walked: in the order of ids, where a list soon meets enough of what more of them have, or else all of it.
const (
	maxCandidates      = 1000
	maxCandidatesOfAll = 20_000
)

// Lookups are the statements that look for executions by what few of them have. Each takes a limit as $1. Named takes
// the range of names and the pattern as $2 to $4, and NamedOf also the function as $5; Tagged a key and a value, Erring
// the type of an error.
type Lookups struct{ Named, NamedOf, Tagged, Erring string }

// Few looks for a member of q that few executions have, and returns the ids of these, as ask finds them. Without one,
// few is false. counts says that q is to be counted.
func (l *Lookups) Few(q *store.Query, counts bool, ask func(sql string, args ...any) ([]string, error)) (
	ids []string, few bool, err error,
) {
	most := maxCandidates
	if counts || q.Stuck != nil {
		most = maxCandidatesOfAll
	}
	try := func(sql string, args ...any) {
		if few || err != nil {
			return
		}
		ids, err = ask(sql, append([]any{int64(most + 1)}, args...)...)
		if few = err == nil && len(ids) <= most; !few {
			ids = nil
		}
	}
	if q.Name != "" {
		first, last := store.NameRange(q.Name)
		sql, args := l.Named, []any{first, last, Like(q.Name)}
		if q.Function != "" {
			sql, args = l.NamedOf, append(args, q.Function)
		}
		try(sql, args...)
	}
	for _, key := range slices.Sorted(maps.Keys(q.Tags)) {
		try(l.Tagged, key, q.Tags[key])
	}
	if q.Error != "" && store.Failed(q.Statuses) {
		try(l.Erring, q.Error)
	}
	return ids, few, err
}

// Conditions are what a query asks of rows, for AND between them.
type Conditions struct {
	All  []string
	Args []any
}

// Add appends a condition with one argument, whose number is its %d.
func (c *Conditions) Add(condition string, arg any) {
	c.All = append(c.All, fmt.Sprintf(condition, c.arg(arg)))
}

// arg returns the number of a new argument.
func (c *Conditions) arg(arg any) int {
	c.Args = append(c.Args, arg)
	return len(c.Args)
}

func (c *Conditions) String() string { return strings.Join(c.All, " AND ") }

// Of writes the conditions of q but for its statuses, of which each database wants another form. tags is the table of
// tags.
func Of(q *store.Query, tags string) *Conditions {
	c := &Conditions{All: []string{"TRUE"}}
	for _, text := range []struct{ condition, value string }{
		{"function = $%d", q.Function}, {"version = $%d", q.Version}, {"error = $%d", q.Error},
	} {
		if text.value != "" {
			c.Add(text.condition, text.value)
		}
	}
	c.name(q.Name)
	if q.Redriven != nil {
		c.Add("redriven = $%d", *q.Redriven)
	}
	for _, key := range slices.Sorted(maps.Keys(q.Tags)) {
		c.All = append(c.All, fmt.Sprintf("EXISTS (SELECT 1 FROM %s t WHERE t.execution = executions.id AND "+
			"t.key = $%d AND t.value = $%d)", tags, c.arg(key), c.arg(q.Tags[key])))
	}
	if q.Doing != 0 || q.Since != 0 || q.Ranked() {
		c.All = append(c.All, "doing > 0")
	}
	if q.Doing != 0 {
		c.Add("doing & $%d <> 0", int64(q.Doing))
	}
	if q.Since != 0 {
		c.Add("since < $%d", int64(q.Since))
	}
	c.Bounds("id", q)
	return c
}

// likeText escapes what LIKE reads as a pattern.
var likeText = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`, `*`, `%`)

// Like is a name or a pattern as LIKE reads it.
func Like(name string) string { return likeText.Replace(name) }

func (c *Conditions) name(name string) {
	switch {
	case name == "":
	case store.IsPattern(name):
		c.Add(`name LIKE $%d ESCAPE '\'`, Like(name))
	default:
		c.Add("name = $%d", name)
	}
}

// Bounds adds the bounds of q for a column of ids.
func (c *Conditions) Bounds(column string, q *store.Query) {
	behind, before := column+" < $%d", column+" > $%d"
	if q.OldestFirst {
		behind, before = before, behind
	}
	if q.After != "" {
		c.Add(behind, q.After)
	}
	if q.Until != "" {
		c.Add(before, q.Until)
	}
}

// Order adds what q asks of its order, and returns the order.
func (c *Conditions) Order(q *store.Query) string {
	order := "id DESC"
	if q.OldestFirst {
		order = "id"
	}
	s := q.Stuck
	if s == nil {
		return order
	}
	trouble := fmt.Sprintf("(doing & $%d <> 0 AND since < $%d)", c.arg(int64(s.Trouble)), c.arg(int64(s.Before)))
	either := fmt.Sprintf("(%s OR doing & $%d <> 0)", trouble, c.arg(int64(s.Help)))
	if s.None {
		c.All = append(c.All, "NOT "+either)
		return order
	}
	c.All = append(c.All, either)
	rank := "CASE WHEN " + trouble + " THEN 0 ELSE 1 END"
	if p := s.After; p != nil {
		c.All = append(c.All, fmt.Sprintf("(%s, since, id) > ($%d, $%d, $%d)", rank, c.arg(int64(p.Rank)),
			c.arg(int64(p.Since)), c.arg(p.ID)))
	}
	return rank + ", since, id"
}

// Groups are the columns by which a count groups: as a list to select, with constants for those that it leaves out,
// and as a list to group by.
func Groups(by store.Grouping) (selected, grouped string) {
	var all, some []string
	for _, column := range []struct {
		is         bool
		name, none string
	}{
		{by.Status, "status", "''"}, {by.Error, "error", "''"}, {by.Function, "function", "''"},
		{by.Function, "version", "''"}, {by.Doing, "doing", "0"},
	} {
		if !column.is {
			all = append(all, column.none)
			continue
		}
		all, some = append(all, column.name), append(some, column.name)
	}
	if len(some) == 0 {
		return strings.Join(all, ", "), ""
	}
	return strings.Join(all, ", "), " GROUP BY " + strings.Join(some, ", ")
}
