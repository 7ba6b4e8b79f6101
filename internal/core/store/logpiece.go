package store

import (
	"encoding/json"

	"github.com/perdure/perdure/protocol"
)

// A store in a database keeps the lines of one call of AppendLog together, as JSON, under the number of the first.

type storedLine struct {
	Time      protocol.Timestamp `json:"t"`
	RequestID string             `json:"r,omitempty"`
	Operation string             `json:"o,omitempty"`
	Stream    string             `json:"s,omitempty"`
	Text      string             `json:"x"`
}

// EncodeLines returns what is stored of lines.
func EncodeLines(lines []LogLine) ([]byte, error) {
	stored := make([]storedLine, len(lines))
	for i, line := range lines {
		stored[i] = storedLine{line.Time, line.RequestID, line.Operation, line.Stream, line.Text}
	}
	return json.Marshal(stored)
}

// DecodeLines returns the lines of an execution that are stored as data, from number first on. Where data is not what
// was written, as sum says or the data itself, they are one line that says so.
func DecodeLines(id string, first, sum int64, data []byte) []LogLine {
	var stored []storedLine
	if err := json.Unmarshal(data, &stored); err != nil || sum != int64(LinesSum(id, first, data)) {
		return []LogLine{{Seq: first, Stream: "notice", Text: "what was written here is damaged"}}
	}
	lines := make([]LogLine, len(stored))
	for i, line := range stored {
		lines[i] = LogLine{
			Seq: first + int64(i), Time: line.Time, RequestID: line.RequestID,
			Operation: line.Operation, Stream: line.Stream, Text: line.Text,
		}
	}
	return lines
}

// LinesSum is the sum of stored lines: that of an entry in their place.
func LinesSum(id string, first int64, data []byte) uint32 {
	e := Entry{Seq: first, Data: data}
	return e.Sum(id)
}
