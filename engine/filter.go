package engine

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perdure/perdure/protocol"
)

// Filter says which executions are meant. Zero members do not restrict; an execution must pass all others.
type Filter struct {
	Function  string // as in InvokeRequest
	Qualifier string // of Function
	// Name is the execution's name, or a pattern in which each * stands for any text. Case counts.
	Name          string
	Statuses      []protocol.ExecutionStatus // one of these
	StartedAfter  protocol.Timestamp         // exclusive
	StartedBefore protocol.Timestamp         // exclusive
	Doing         []Activity                 // one of these at least
	Since         protocol.Timestamp         // doing something since before this moment
	Error         string                     // the type of the error with which it ended, as [ErrorWord] says it
	Tags          map[string]string          // all of these
	// Redriven says whether what failed was tried again in a fork: [RedrivenYes], [RedrivenNo], or empty for either.
	Redriven string
}

// The values of [Filter.Redriven].
const (
	RedrivenYes = "yes"
	RedrivenNo  = "no"
)

// The bounds of a filter, in bytes.
const (
	maxFilterName  = 256
	maxFilterError = 1024
)

// FilterKeys are the keys of a URL that [ParseFilter] reads and [Filter.Values] writes.
var FilterKeys = []string{
	"Function", "Qualifier", "Name", "Status", "StartedAfter", "StartedBefore", "Doing", "LongerThan", "Since", "Error",
	"Tag", "Redriven",
}

// ParseFilter reads the filter in a URL's query, and passes over keys that are not in [FilterKeys]. Status and Doing
// take several words, in commas or in keys that repeat; Tag is KEY=VALUE, and repeats. Error is the type of an
// error, or - for errors without one, see [ErrorWord]. A moment is RFC 3339, a date with or without a time in now's
// zone, or an age such as 24h, counted back from now. LongerThan is an age, too, in seconds if it has no unit: it
// says Since. So a URL that is kept may say "of the last day". Mistakes are InvalidParameterValueExceptions.
func ParseFilter(v url.Values, now time.Time) (Filter, error) {
	p := filterParser{values: v, now: now}
	f := Filter{
		Function: p.text("Function"), Qualifier: p.text("Qualifier"), Name: p.text("Name"), Error: p.text("Error"),
		StartedAfter: p.moment("StartedAfter"), StartedBefore: p.moment("StartedBefore"),
		Since: cmp.Or(p.longerThan(), p.moment("Since")), Tags: p.tags(),
		Redriven: strings.ToLower(p.text("Redriven")),
	}
	if p.values.Get("LongerThan") != "" && p.values.Get("Since") != "" {
		p.refuse("Since", p.values.Get("Since"), "to be given beside LongerThan, which says the same")
	}
	for _, word := range p.words("Status") {
		f.Statuses = append(f.Statuses, protocol.ExecutionStatus(strings.ToUpper(word)))
	}
	for _, word := range p.words("Doing") {
		f.Doing = append(f.Doing, Activity(strings.ToLower(word)))
	}
	return f, cmp.Or(p.mistake, f.check())
}

// Values writes a filter as [ParseFilter] reads it.
func (f *Filter) Values() url.Values {
	v := url.Values{}
	add := func(key, value string) {
		if value != "" {
			v.Add(key, value)
		}
	}
	moment := func(key string, t protocol.Timestamp) {
		if t != 0 {
			add(key, t.Time().Format(time.RFC3339Nano))
		}
	}
	add("Function", f.Function)
	add("Qualifier", f.Qualifier)
	add("Name", f.Name)
	for _, s := range f.Statuses {
		add("Status", string(s))
	}
	moment("StartedAfter", f.StartedAfter)
	moment("StartedBefore", f.StartedBefore)
	for _, a := range f.Doing {
		add("Doing", string(a))
	}
	moment("Since", f.Since)
	add("Error", f.Error)
	for key, value := range f.Tags {
		add("Tag", key+"="+value)
	}
	slices.Sort(v["Tag"])
	add("Redriven", f.Redriven)
	return v
}

// check refuses what no execution can pass by mistake.
func (f *Filter) check() error {
	for _, s := range f.Statuses {
		if !slices.Contains(protocol.ExecutionStatuses, s) {
			return invalid("No execution ever has the status %q", clip(string(s)))
		}
	}
	for _, a := range f.Doing {
		if !slices.Contains(Activities, a) {
			return invalid("No execution is ever doing %q", clip(string(a)))
		}
	}
	if f.Redriven != "" && f.Redriven != RedrivenYes && f.Redriven != RedrivenNo {
		return invalid("Redriven %q is not yes or no.", clip(f.Redriven))
	}
	if len(f.Statuses) > len(protocol.ExecutionStatuses) || len(f.Doing) > len(Activities) {
		return invalid("A filter names each status and each activity once at most")
	}
	if !utf8.ValidString(f.Name) || strings.ContainsRune(f.Name, 0) {
		return invalid("Name %q is not text in UTF-8", clip(f.Name))
	}
	return cmp.Or(atMost("Name", f.Name, maxFilterName), atMost("Error", f.Error, maxFilterError), CheckTags(f.Tags))
}

func atMost(key, value string, bytes int) error {
	if len(value) > bytes {
		return invalid("%s is too long: it has at most %d bytes, not %d", key, bytes, len(value))
	}
	return nil
}

func invalid(format string, args ...any) error {
	return protocol.Errorf(protocol.CodeInvalidParameter, format, args...)
}

// filterParser reads the members of a filter. The first mistake counts.
type filterParser struct {
	values  url.Values
	now     time.Time
	mistake error
}

func (p *filterParser) refuse(key, text, want string) {
	if p.mistake == nil {
		p.mistake = invalid("%s %q is not %s.", key, clip(text), want)
	}
}

// text is the one value of a key; absent is empty.
func (p *filterParser) text(key string) string {
	if all := p.values[key]; len(all) > 1 {
		p.refuse(key, strings.Join(all, " "), "one value: give it once")
	}
	return p.values.Get(key)
}

// words are the values of a key that repeats, or has commas. Commas alone are a mistake: they would be no restriction.
func (p *filterParser) words(key string) []string {
	all := strings.Join(p.values[key], "")
	words := strings.FieldsFunc(strings.Join(p.values[key], ","), func(r rune) bool { return r == ',' || r == ' ' })
	if all != "" && len(words) == 0 {
		p.refuse(key, all, "a word")
	}
	return words
}

func (p *filterParser) moment(key string) protocol.Timestamp {
	s := p.text(key)
	if s == "" {
		return 0
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return momentOf(p.now.Add(-ago))
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, time.DateOnly,
	} {
		if t, err := time.ParseInLocation(layout, s, p.now.Location()); err == nil {
			return momentOf(t)
		}
	}
	p.refuse(key, s, "a moment such as 2026-11-23T08:00:00Z, or 24h for a day ago")
	return 0
}

func (p *filterParser) longerThan() protocol.Timestamp {
	s := p.text("LongerThan")
	if s == "" {
		return 0
	}
	ago, err := time.ParseDuration(s)
	if err != nil {
		var seconds int64
		seconds, err = strconv.ParseInt(s, 10, 64)
		seconds = min(seconds, protocol.MaxWaitSeconds)
		ago = time.Duration(seconds) * time.Second
	}
	if err != nil || ago < 0 {
		p.refuse("LongerThan", s, "a duration such as 90s or 2h")
	}
	return momentOf(p.now.Add(-ago))
}

// momentOf is a moment that restricts a filter: one before 1970 is after it, since zero is no restriction.
func momentOf(t time.Time) protocol.Timestamp { return max(protocol.TimestampOf(t), 1) }

func (p *filterParser) tags() map[string]string {
	var tags map[string]string
	for _, s := range p.values["Tag"] {
		if s == "" {
			continue
		}
		key, value, found := strings.Cut(s, "=")
		if old, twice := tags[key]; !found || twice && old != value {
			p.refuse("Tag", s, "KEY=VALUE with a key of its own")
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[key] = value
	}
	return tags
}
