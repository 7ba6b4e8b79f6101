package golden

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// names gives everything that differs from run to run a name that does not: the
// kind of thing, and a number for each that is distinct. So the archive shows
// where the same thing stands twice.
type names struct {
	given  map[string]string
	counts map[string]int
}

func (n *names) name(kind, thing string) string {
	if n.given[thing] == "" {
		n.counts[kind]++
		n.given[thing] = fmt.Sprintf("<%s %d>", kind, n.counts[kind])
	}
	return n.given[thing]
}

// variable is what differs from run to run, by kind. Moments are not told
// apart: which of them fall into one millisecond is chance.
var variable = []struct {
	kind    string
	pattern *regexp.Regexp
}{
	{"time", regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)},
	{"date", regexp.MustCompile(`\d{4}-\d\d-\d\d`)},
	{"id", regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)},
	{"transaction", regexp.MustCompile(`txn_[0-9a-f]{20}`)},
	{"tracking number", regexp.MustCompile(`TRK[A-Z2-7]{12}`)},
}

func (n *names) replace(text string) string {
	for _, v := range variable {
		text = v.pattern.ReplaceAllStringFunc(text, func(thing string) string {
			if v.kind == "time" {
				return "<time>"
			}
			return n.name(v.kind, thing)
		})
	}
	return text
}

// normal is the events of an execution as text: a line for each member that
// AWS's client found in the answer.
func normal(t *testing.T, arn string, events []types.Event) string {
	t.Helper()
	_, id, _ := strings.Cut(arn, "/durable-execution/")
	n := &names{given: map[string]string{path.Base(id): "<execution id>"}, counts: map[string]int{}}
	var b strings.Builder
	for _, ev := range events {
		data, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal(data, &members); err != nil {
			t.Fatal(err)
		}
		for _, l := range lines("", members) {
			b.WriteString(n.replace(l) + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// first are the members that name an event.
var first = []string{"EventId", "EventType", "EventTimestamp", "Id", "Name", "ParentId", "SubType"}

// lines lists the members of a JSON value that are not null, as path and value.
func lines(path string, value any) (list []string) {
	object, ok := value.(map[string]any)
	if !ok {
		text, _ := json.Marshal(value)
		return []string{path + " " + string(text)}
	}
	for _, key := range order(object) {
		if object[key] != nil {
			list = append(list, lines(strings.TrimPrefix(path+"."+key, "."), object[key])...)
		}
	}
	if len(list) == 0 {
		list = []string{path + " {}"}
	}
	return list
}

func order(object map[string]any) []string {
	var rest []string
	for key := range object {
		if !slices.Contains(first, key) {
			rest = append(rest, key)
		}
	}
	slices.Sort(rest)
	return append(slices.Clone(first), rest...)
}
