package rehearsal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Loss is what today's type of a recorded value does not keep.
type Loss struct {
	ID     string   // of the operation
	Shape  string   // of the operation, such as STEP/Step "charge"
	Fields []string // paths in the recorded JSON, such as card.expires or lines[].price
}

func (l Loss) String() string {
	return fmt.Sprintf("operation %s, %s: today's type of its result has no place for what is recorded as %s", l.ID,
		l.Shape, strings.Join(l.Fields, ", "))
}

// maxFields bounds the fields of a loss that are told.
const maxFields = 10

// losses reads what the code told of values that it would record otherwise today.
func (r *Recording) losses(lines []string) (all []Loss) {
	for _, line := range lines {
		told, ok := strings.CutPrefix(line, protocol.RehearsedValue)
		if !ok {
			continue
		}
		id, now, _ := strings.Cut(told, " ")
		recorded, shape := r.value(id)
		if recorded == "" {
			continue
		}
		var l lister
		l.compare("", decoded(recorded), decoded(now))
		if len(l.lost) > 0 {
			slices.Sort(l.lost)
			all = append(all, Loss{ID: id, Shape: shape, Fields: slices.Compact(l.lost)})
		}
	}
	return all
}

// value is the JSON that the execution's own code recorded as the result of an operation, or of an item that only its
// batch has. What others sent may have more than the code wants.
func (r *Recording) value(id string) (payload, shape string) {
	if op := r.find(id); op != nil {
		if op.Payload == nil || op.Type != protocol.TypeStep && op.Type != protocol.TypeContext ||
			op.SubType == protocol.SubTypeWaitForCallback {
			return "", ""
		}
		return *op.Payload, shapeOf(op)
	}
	parent, number, _ := cutLast(id, "-")
	op := r.find(parent)
	if op == nil || op.Payload == nil {
		return "", ""
	}
	var batch struct {
		All []struct {
			Index  int             `json:"index"`
			Result json.RawMessage `json:"result"`
		} `json:"all"`
	}
	n, err := strconv.Atoi(number)
	if err != nil || json.Unmarshal([]byte(*op.Payload), &batch) != nil {
		return "", ""
	}
	for _, item := range batch.All {
		if item.Index == n-1 {
			return string(item.Result), fmt.Sprintf("item %d of %s", item.Index, shapeOf(op))
		}
	}
	return "", ""
}

func decoded(text string) (v any) {
	_ = json.Unmarshal([]byte(text), &v)
	return v
}

// lister lists the members of one JSON value that another has not.
type lister struct{ lost []string }

func (l *lister) compare(path string, was, is any) {
	switch was := was.(type) {
	case map[string]any:
		is, ok := is.(map[string]any)
		if !ok {
			l.lose(path, was)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(was)) {
			l.member(path, name, was[name], is)
		}
	case []any:
		is, _ := is.([]any)
		for i, element := range was {
			if i < len(is) {
				l.compare(path+"[]", element, is[i])
			} else {
				l.lose(path+"[]", element)
			}
		}
	default:
		if is == nil {
			l.lose(path, was)
		}
	}
}

// member compares one member. JSON is read without regard to the case of names.
func (l *lister) member(path, name string, was any, is map[string]any) {
	if path != "" {
		path += "."
	}
	now, ok := is[name]
	if !ok {
		for other := range is {
			if strings.EqualFold(other, name) {
				now, ok = is[other], true
			}
		}
	}
	if ok {
		l.compare(path+name, was, now)
		return
	}
	l.lose(path+name, was)
}

// lose notes what is lost, unless it says nothing: a type may leave zero values out.
func (l *lister) lose(path string, was any) {
	if !says(was) || len(l.lost) >= maxFields {
		return
	}
	if path == "" {
		path = "the whole"
	}
	l.lost = append(l.lost, path)
}

// says reports whether a value is more than nothing.
func says(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != "" && v != "0001-01-01T00:00:00Z"
	case []any:
		return slices.ContainsFunc(v, says)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), says)
	}
	return true
}
