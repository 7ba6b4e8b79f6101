package page

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// logLine is one line that the function wrote.
type logLine struct {
	Time      protocol.Timestamp
	Stream    string
	Operation string // its name, empty if the line has none
	Level     string
	Message   string
	Raw       string
}

// maxLines is the number of lines that a page shows.
const maxLines = 300

// readLog reads the end of an execution's log, and returns the last line's number.
func (s *site) readLog(ctx context.Context, arn string, r *record) (lines []logLine, after int64, err error) {
	for {
		entries, err := s.engine.ReadLog(ctx, arn, after, 0)
		if err != nil || len(entries) == 0 {
			return lines, after, err
		}
		for i := range entries {
			lines = append(lines, readLine(&entries[i], r))
		}
		after = entries[len(entries)-1].Seq
		lines = lines[max(0, len(lines)-maxLines):]
	}
}

// readLine takes the main parts out of a structured line.
func readLine(e *engine.LogEntry, r *record) logLine {
	line := logLine{Time: e.Time, Stream: e.Stream, Message: e.Text, Raw: e.Text}
	if o := r.fold.Operation(e.Operation); o != nil {
		line.Operation = nameOf(o)
	}
	var members struct{ Level, Message, Msg string }
	if strings.HasPrefix(e.Text, "{") && json.Unmarshal([]byte(e.Text), &members) == nil && members.Message+members.Msg != "" {
		line.Level, line.Message = members.Level, members.Message+members.Msg
	}
	return line
}
