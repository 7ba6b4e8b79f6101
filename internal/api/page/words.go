package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
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
	"millis":   func(t protocol.Timestamp) int64 { return int64(t) },
	"between":  between,
	"seconds":  func(s int64) string { return text.Spaced(time.Duration(s) * time.Second) },
	"payload":  payload,
	"lag":      func(d time.Duration) string { return fmt.Sprintf("%+.2f s", -d.Seconds()) },
	"function": function,
	"lower":    func(s protocol.ExecutionStatus) string { return strings.ToLower(string(s)) },
}

// moment is a time for people, always with its date.
func moment(t protocol.Timestamp) string { return t.Time().Local().Format("2006-01-02 15:04:05") }

// timeOf is the element of a moment; the whole of it is told where the pointer rests.
func timeOf(t protocol.Timestamp) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%[1]s">%s</time>`, iso(t), moment(t)))
}

func iso(t protocol.Timestamp) string { return t.Time().UTC().Format("2006-01-02T15:04:05.000Z") }

// between is the time from one moment to another, empty if either is unknown.
func between(from, to protocol.Timestamp) string {
	if from == 0 || to == 0 {
		return ""
	}
	return text.Spaced(to.Sub(from))
}

// maxShown bounds what a page shows of one payload.
const maxShown = 16 << 10

// payload is a payload for people: indented if it is JSON, cut if it is long.
func payload(p *string) string {
	if p == nil {
		return ""
	}
	if len(*p) > maxShown {
		shown := protocol.Head(*p, maxShown)
		return fmt.Sprintf("%s\n… and %d bytes more; perdure history --json shows all", shown, len(*p)-len(shown))
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(*p), "", "  ") == nil {
		return b.String()
	}
	return *p
}

// function is the name and version in a function's ARN.
func function(arn string) string {
	parts := strings.SplitN(arn, ":", 7)
	return parts[len(parts)-1]
}
