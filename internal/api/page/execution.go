package page

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// executionPage is one execution.
type executionPage struct {
	*engine.Description
	*record
	Function string
	Why      string    // it does not go on; empty for a closed one
	Sides    string    // records beside code, of an execution that failed because they differ
	Log      []logLine // the end of it
}

// Open reports whether the execution goes on.
func (p *executionPage) Open() bool { return !p.Status.Closed() }

// Paused reports whether the execution is kept from going on.
func (p *executionPage) Paused() bool {
	return p.Status == protocol.ExecutionPaused || p.Status == protocol.ExecutionPausing
}

// Skippable reports whether the execution waits for a moment that may come early.
func (p *executionPage) Skippable() bool {
	return p.Open() && slices.ContainsFunc(p.Operations, func(o *operation) bool { return o.Until() != 0 })
}

// readers bounds the pages that are read at one time: each may take the time and the memory of a long history.
const readers = 2

// execution answers with the page of an execution. A client that has it already is told so before the history is
// read.
func (s *site) execution(w http.ResponseWriter, r *http.Request) {
	arn := r.URL.Query().Get("arn")
	seen := parseState(r.Header.Get("If-None-Match"))
	now, err := s.stateOf(r.Context(), arn, seen.LogSeq)
	if err == nil && now == seen {
		w.Header().Set("ETag", now.tag())
		w.WriteHeader(http.StatusNotModified)
		return
	}
	var p *executionPage
	if err == nil {
		select {
		case s.reading <- struct{}{}:
			p, err = s.read(r.Context(), arn, &now)
			<-s.reading
		case <-r.Context().Done():
			return
		}
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	live := ""
	if p.Open() {
		live = liveExecution(arn)
	}
	s.render(w, r, http.StatusOK, "execution", frame{
		Title: p.Name, Section: sectionExecutions, Live: live, Page: p, tag: now.tag()})
}

// state identifies the state that an execution's page shows.
type state struct {
	Version  string // of the program
	Revision int64
	LogSeq   int64 // the last line
	Minute   int64 // in which it was made, as the page says how long things go on; zero for a closed one
}

func (s *state) tag() string {
	return fmt.Sprintf(`"%d.%d.%d.%s"`, s.Revision, s.LogSeq, s.Minute, hex.EncodeToString([]byte(s.Version)))
}

// parseState reads a tag; one that is not ours is the zero state.
func parseState(tag string) state {
	var s state
	var version string
	if n, _ := fmt.Sscanf(tag, `"%d.%d.%d.%s`, &s.Revision, &s.LogSeq, &s.Minute, &version); n < 4 {
		return state{}
	}
	decoded, _ := hex.DecodeString(strings.TrimSuffix(version, `"`))
	s.Version = string(decoded)
	return s
}

// stateOf returns an execution's state without reading its history. line is the last line of its log that the
// client has.
func (s *site) stateOf(ctx context.Context, arn string, line int64) (state, error) {
	now := state{Version: s.version, LogSeq: line}
	revision, open, err := s.engine.Revision(ctx, arn)
	if err != nil {
		return state{}, err
	}
	now.Revision = revision
	if open {
		now.Minute = time.Now().Unix() / 60
	}
	more, err := s.engine.ReadLog(ctx, arn, line, 1)
	if len(more) > 0 {
		now.LogSeq = more[0].Seq
	}
	return now, err
}

// read reads an execution, and notes the last line of its log.
func (s *site) read(ctx context.Context, arn string, now *state) (*executionPage, error) {
	d, err := s.engine.Describe(ctx, arn)
	if err != nil {
		return nil, err
	}
	p := &executionPage{Description: d}
	if p.record, err = read(s.engine.Events(ctx, arn)); err != nil {
		return nil, err
	}
	if parsed, err := protocol.ParseARN(arn); err == nil {
		p.Function = parsed.Function
	}
	if p.Log, now.LogSeq, err = s.readLog(ctx, arn, p.record); err != nil {
		return nil, err
	}
	if p.Open() || p.Error != nil && p.Error.ErrorType == protocol.ErrorTypeNonDeterminism {
		why, err := s.engine.Explain(ctx, arn)
		if err != nil {
			return nil, err
		}
		if p.Sides = why.SideBySide; p.Open() {
			p.Why = why.Text
		}
	}
	p.scale(d.Started, p.Open())
	return p, nil
}

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
	if strings.HasPrefix(e.Text, "{") && json.Unmarshal([]byte(e.Text), &members) == nil &&
		members.Message+members.Msg != "" {
		line.Level, line.Message = members.Level, members.Message+members.Msg
	}
	return line
}
