package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// words are the templates' functions.
var words = template.FuncMap{
	"time":     timeOf,
	"zone":     func() string { return time.Now().Format("MST (-07:00)") },
	"iso":      iso,
	"between":  between,
	"seconds":  func(s int64) string { return text.Spaced(time.Duration(s) * time.Second) },
	"bytes":    sizeOf,
	"lag":      func(d time.Duration) string { return fmt.Sprintf("%+.2f s", -d.Seconds()) },
	"function": function,
	"clock":    clockOf,
	"grouped":  grouped,
	"counted":  counted,
	"spaced":   text.Spaced,
	"exact":    exactTime,
	"millis":   func(t protocol.Timestamp) int64 { return int64(t) },
	"since":    sinceOf,
	"until":    untilOf,
	"has":      slices.Contains[[]string],
	"visible":  visible,
	"isNested": func(kind string) bool { return kind == "object" || kind == "array" },
	"pattern":  pattern,
	"preview":  preview,
	"title":    func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
	"execution": func(arn string) string {
		parsed, err := protocol.ParseARN(arn)
		if err != nil {
			return arn
		}
		return parsed.Name + " of " + parsed.Function
	},
	"lower": func(s protocol.ExecutionStatus) string { return strings.ToLower(string(s)) },
}

// moment is a time for people, always with its date.
func moment(t protocol.Timestamp) string { return t.Time().Local().Format("2006-01-02 15:04:05") }

// clockOf is the element of a moment where the date would be too long; it is told where the pointer rests.
func clockOf(t protocol.Timestamp) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, iso(t), moment(t),
		t.Time().Local().Format("15:04:05.000")))
}

// pattern is what fills a part of a bar; empty is a plain colour, of the style sheet.
func pattern(class string) string {
	switch class {
	case "wait", "callback":
		return "url(#p-wait)"
	case "retry", "queued", "paused", "invoke", "failed", "cold":
		return "url(#p-" + class + ")"
	}
	return ""
}

// preview is the beginning of a payload in one line.
func preview(p *payload) string {
	return text.Clip(strings.Join(strings.Fields(protocol.Head(p.Text, 400)), " "), 100)
}

// exactTime is the element of a moment with its milliseconds, for what happens many times in a second.
func exactTime(t protocol.Timestamp) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, iso(t),
		t.Time().Local().Format("2006-01-02 15:04:05.000")))
}

// counted words a number of things.
func counted(n any, what string) string {
	number := whole(n)
	if number != 1 {
		what += "s"
	}
	return grouped(int(number)) + " " + what
}

// whole is a number of a template.
func whole(n any) int64 {
	if long, ok := n.(int64); ok {
		return long
	}
	return int64(n.(int))
}

// timeOf is the element of a moment; the whole of it is told where the pointer rests.
func timeOf(t protocol.Timestamp) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%[1]s">%s</time>`, iso(t), moment(t)))
}

// sinceOf is the element of a time that goes on: how long ago a moment is. A script keeps it up to date.
func sinceOf(t protocol.Timestamp) template.HTML {
	return template.HTML(fmt.Sprintf(`<span data-since="%d">%s</span>`, t, text.Spaced(time.Since(t.Time()))))
}

// untilOf is the same of how far a moment is away.
func untilOf(t protocol.Timestamp) template.HTML {
	away := "now"
	if left := time.Until(t.Time()); left > 0 {
		away = "in " + text.Spaced(left)
	}
	return template.HTML(fmt.Sprintf(`<span data-until="%d">%s</span>`, t, away))
}

func iso(t protocol.Timestamp) string { return t.Time().UTC().Format("2006-01-02T15:04:05.000Z") }

// between is the time from one moment to another, empty if either is unknown.
func between(from, to protocol.Timestamp) string {
	if from == 0 || to == 0 {
		return ""
	}
	return text.Spaced(to.Sub(from))
}

// sizeOf words a number of bytes.
func sizeOf(n any) string {
	size := whole(n)
	switch {
	case size < 1000:
		return fmt.Sprintf("%d bytes", size)
	case size < 1_000_000:
		return fmt.Sprintf("%.1f KB", float64(size)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(size)/1e6)
}

// function is the name and version in a function's ARN.
func function(arn string) string {
	parts := strings.SplitN(arn, ":", 7)
	return parts[len(parts)-1]
}
