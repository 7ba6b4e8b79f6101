package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perdure/perdure/protocol"
)

// words are the templates' functions.
var words = template.FuncMap{
	"moment":   moment,
	"iso":      iso,
	"millis":   func(t protocol.Timestamp) int64 { return int64(t) },
	"between":  between,
	"seconds":  func(s int64) string { return duration(time.Duration(s) * time.Second) },
	"payload":  payload,
	"function": function,
	"lower":    func(s protocol.ExecutionStatus) string { return strings.ToLower(string(s)) },
}

// moment is a time for people: without the date if it was within a day.
func moment(t protocol.Timestamp) string {
	at := t.Time().Local()
	if d := time.Since(at); d < 20*time.Hour && d > -20*time.Hour {
		return at.Format("15:04:05")
	}
	return at.Format("2006-01-02 15:04")
}

func iso(t protocol.Timestamp) string { return t.Time().UTC().Format("2006-01-02T15:04:05.000Z") }

// between is the time from one moment to another, empty if either is unknown.
func between(from, to protocol.Timestamp) string {
	if from == 0 || to == 0 {
		return ""
	}
	return duration(to.Sub(from))
}

// duration is a time for people: two units at most.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// maxShown bounds what a page shows of one payload.
const maxShown = 16 << 10

// payload is a payload for people: indented if it is JSON, cut if it is long.
func payload(p *string) string {
	if p == nil {
		return ""
	}
	text := *p
	if len(text) > maxShown {
		cut := maxShown
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		return fmt.Sprintf("%s\n… and %d bytes more; perdure history --json shows all", text[:cut], len(text)-cut)
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") == nil {
		return b.String()
	}
	return text
}

// function is the name and version in a function's ARN.
func function(arn string) string {
	parts := strings.SplitN(arn, ":", 7)
	return parts[len(parts)-1]
}
