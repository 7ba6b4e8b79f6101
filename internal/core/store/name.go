package store

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// IsPattern reports whether a name in a query stands for several.
func IsPattern(name string) bool { return strings.Contains(name, "*") }

// MatchName reports whether a name is that of a pattern, in which each * stands for any text. Case counts.
func MatchName(pattern, name string) bool {
	pieces := strings.Split(pattern, "*")
	last := len(pieces) - 1
	rest, ok := strings.CutPrefix(name, pieces[0])
	if !ok || last == 0 {
		return ok && rest == ""
	}
	for _, piece := range pieces[1:last] {
		if _, rest, ok = strings.Cut(rest, piece); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, pieces[last])
}

// NameRange returns the first and the last text between which all names of a pattern are, ordered by bytes.
func NameRange(pattern string) (first, last string) {
	prefix, _, isPattern := strings.Cut(pattern, "*")
	if isPattern {
		return prefix, prefix + "\U0010FFFF"
	}
	return prefix, prefix
}

// failures are the statuses of executions that ended, and did not succeed.
var failures = []protocol.ExecutionStatus{
	protocol.ExecutionFailed, protocol.ExecutionTimedOut, protocol.ExecutionStopped,
}

// Failed reports whether the statuses of a query select only what ended without success.
func Failed(statuses []protocol.ExecutionStatus) bool {
	return len(statuses) > 0 && !slices.ContainsFunc(statuses, func(s protocol.ExecutionStatus) bool {
		return !slices.Contains(failures, s)
	})
}

// TagText is how a row's tags are stored: empty for none, else JSON in one spelling.
func (r *Row) TagText() string {
	if len(r.Tags) == 0 {
		return ""
	}
	b, _ := json.Marshal(r.Tags) // a map of texts cannot fail
	return string(b)
}

// SetTagText reads what TagText wrote. Anything else leaves no tags, so that the row's sum is another.
func (r *Row) SetTagText(text string) {
	if text != "" && json.Unmarshal([]byte(text), &r.Tags) != nil {
		r.Tags = nil
	}
}
