package rehearsal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/portable"
	"github.com/perdure/perdure/protocol"
)

// Recording is a recorded execution.
type Recording struct {
	ARN    string // made up if the recording does not say it
	Status protocol.ExecutionStatus
	// Result and Error are those of a closed execution.
	Result *string
	Error  *protocol.ErrorObject
	// Operations are all that are recorded, in the order in which they started, the EXECUTION first.
	Operations []*protocol.Operation

	visible []*protocol.Operation // those that the code gets
	named   bool                  // the recording has the ARN
}

// Name is the execution with its function, for people.
func (r *Recording) Name() string {
	arn, err := protocol.ParseARN(r.ARN)
	switch {
	case err != nil:
		return r.ARN
	case !r.named:
		return arn.Name
	case arn.Version == protocol.LatestVersion:
		return arn.Name + " of function " + arn.Function
	}
	return arn.Name + " of function " + arn.Function + ":" + arn.Version
}

// execution is the EXECUTION operation.
func (r *Recording) execution() *protocol.Operation { return r.Operations[0] }

// find returns the operation with an id, or nil.
func (r *Recording) find(id string) *protocol.Operation {
	for _, op := range r.Operations {
		if op.ID == id {
			return op
		}
	}
	return nil
}

// Read reads a recording in any of its forms:
//
//   - a file of perdure export;
//   - the JSON that GetDurableExecutionHistory answers, with execution data;
//   - events alone, as an array or as lines of perdure history --json;
//   - the JSON that GetDurableExecutionState answers, or an invocation's event that has it;
//   - a golden history, whose UUIDs and times are not those that the execution had.
//
// Its errors say what is wrong with it. They do not name the file.
func Read(data []byte) (*Recording, error) {
	if len(data) > portable.MaxFile {
		return nil, errLarge
	}
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
	switch {
	case len(data) == 0:
		return nil, errors.New("it is empty")
	case history.IsText(data):
		events, err := history.ParseText(data)
		if err != nil {
			return nil, fmt.Errorf("it is no golden history: %w", err)
		}
		return OfEvents(events, "")
	case bytes.HasPrefix(data, []byte("1 ExecutionStarted")):
		return nil, errors.New("it is the text of a history, which has no results to replay: record the execution " +
			"with perdure export, or as JSON")
	case data[0] != '{' && data[0] != '[':
		return nil, errors.New("it is no recorded execution: neither a file of perdure export nor JSON of the " +
			"Lambda API")
	}
	values, err := split(data)
	if err != nil {
		return nil, err
	}
	return readJSON(data, values)
}

var errLarge = fmt.Errorf("it is larger than %d bytes", portable.MaxFile)

// ReadFile is [Read] of a file, which may be a pipe. What is too large is not read to its end.
func ReadFile(path string) (*Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a directory: name the files in it")
	case info.Size() > portable.MaxFile:
		return nil, errLarge
	}
	data, err := io.ReadAll(io.LimitReader(f, portable.MaxFile+1))
	if err != nil {
		return nil, err
	}
	return Read(data)
}

// split returns the JSON values in data.
func split(data []byte) (values []json.RawMessage, err error) {
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		var one json.RawMessage
		err := dec.Decode(&one)
		bad, syntax := errors.AsType[*json.SyntaxError](err)
		switch {
		case errors.Is(err, io.EOF):
			return values, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errors.New("it is cut off")
		case syntax:
			return nil, fmt.Errorf("it is not JSON: %s", protocol.SyntaxText(data, bad))
		case err != nil:
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		values = append(values, one)
	}
}

// document has the members by which the forms differ.
type document struct {
	Format                string
	DurableExecutionArn   string
	NextMarker            string
	Events, Operations    []json.RawMessage
	InitialExecutionState json.RawMessage
	EventType             string
}

func readJSON(data []byte, values []json.RawMessage) (*Recording, error) {
	var doc document
	if values[0][0] == '[' {
		if len(values) > 1 {
			return nil, errors.New("it has something behind its end")
		}
		if err := json.Unmarshal(values[0], &doc.Events); err != nil {
			return nil, notRecorded(err)
		}
		return readEvents(&doc)
	}
	if err := json.Unmarshal(values[0], &doc); err != nil {
		return nil, notRecorded(err)
	}
	switch {
	case doc.Format != "":
		return readPortable(data)
	case doc.EventType != "":
		doc.Events = values
		return readEvents(&doc)
	case len(values) > 1:
		return nil, errors.New("it has something behind its end: several pages are one object with all events")
	case doc.Events != nil:
		return readEvents(&doc)
	case doc.InitialExecutionState != nil:
		in, err := protocol.ReadInput(values[0])
		if err != nil {
			return nil, notRecorded(err)
		}
		return ofState(in.DurableExecutionArn, &in.InitialExecutionState)
	case doc.Operations != nil:
		r := protocol.NewLenientReader(values[0])
		state := r.State(protocol.API)
		if r.Err() != nil {
			return nil, notRecorded(r.Err())
		}
		return ofState(doc.DurableExecutionArn, &state)
	}
	return nil, errors.New("it is JSON of something else: it has neither Events nor Operations")
}

func notRecorded(err error) error { return fmt.Errorf("it is no recorded execution: %w", err) }

// errPages says that there is more than was recorded.
var errPages = errors.New("it is one page of several: its NextMarker says that there is more; record all pages")

// readPortable reads a file of perdure export.
func readPortable(data []byte) (*Recording, error) {
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) // as version control may write the ends of lines
	f, err := portable.Read(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	load := machine.Load(&machine.Rules{})
	for n, records := 0, 0; n < len(f.Entries); n++ {
		if records += machine.CountRecords(f.Entries[n]); records > machine.MaxForeignRecords {
			return nil, fmt.Errorf("it has more than %d records", machine.MaxForeignRecords)
		}
		if err := load.Add(f.Entries[n]); err != nil {
			break // told by Execution
		}
	}
	x, err := load.Execution()
	if err != nil {
		return nil, fmt.Errorf("its journal cannot be understood: %w", err)
	}
	if own := x.Identity().ARN.String(); own != f.ARN {
		return nil, fmt.Errorf("it says that it is of execution %.200q, and its journal is of another one", f.ARN)
	}
	rec := &Recording{ARN: f.ARN, named: true, Status: x.Status(), Operations: x.Operations()}
	rec.visible, _ = x.Page(0, math.MaxInt, math.MaxInt)
	if rec.Status.Closed() {
		rec.Result, rec.Error = x.Result()
	}
	return rec, nil
}

// ofState is an execution of its operations, which do not say whether and how it ended.
func ofState(arn string, state *protocol.InitialState) (*Recording, error) {
	if state.NextMarker != "" {
		return nil, errPages
	}
	ops := state.Operations
	if len(ops) == 0 || ops[0].Type != protocol.TypeExecution {
		return nil, errors.New("its first operation is not the EXECUTION, which has the input: it is not the whole " +
			"state")
	}
	rec := &Recording{Status: protocol.ExecutionRunning, Operations: ops, visible: ops}
	rec.identify(arn, ops[0].Name)
	return rec.checked()
}

// identify sets the ARN, which the code sees. One that is made up serves all code but that which looks into it.
func (r *Recording) identify(arn, name string) {
	if r.named = arn != ""; r.named {
		r.ARN = arn
		return
	}
	id := r.execution().ID
	if !protocol.ValidID(id, protocol.MaxARN) {
		id = "recorded"
	}
	if !protocol.ValidID(name, protocol.MaxExecutionName) {
		name = id
	}
	r.ARN = protocol.ARN{Partition: "aws", Region: "us-east-1", Account: "000000000000", Function: "recorded",
		Version: protocol.LatestVersion, Name: name, ID: id}.String()
}

// checked is the recording, unless it has what no service has recorded of one execution.
func (r *Recording) checked() (*Recording, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// newer is said of words that came after this program.
const newer = "which this version of perdure does not know: update perdure"

func (r *Recording) check() error {
	seen := make(map[string]bool, len(r.Operations))
	for i, op := range r.Operations {
		switch {
		case i > 0 && op.Type == protocol.TypeExecution, seen[op.ID]:
			return fmt.Errorf("operation %q is there twice: it is of several executions, or of several pages", op.ID)
		case i > 0 && (&history.Operation{Operation: *op}).Plain() == "":
			return fmt.Errorf("operation %q has the type %.40q, "+newer, op.ID, string(op.Type))
		case !known(op.Status):
			return fmt.Errorf("operation %q has the status %.40q, "+newer, op.ID, string(op.Status))
		case i > 0 && op.ParentID != "" && op.ParentID != r.execution().ID && !seen[op.ParentID]:
			return fmt.Errorf("operation %q is in context %q, which is not there: a page is missing, or it is of "+
				"another execution", op.ID, op.ParentID)
		}
		seen[op.ID] = true
	}
	return nil
}

func known(s protocol.OperationStatus) bool {
	return s.Closed() || s == protocol.StatusStarted || s == protocol.StatusPending || s == protocol.StatusReady
}

// ended is how the execution ended by its own code; empty if it is open, or if something else ended it.
func (r *Recording) ended() protocol.ExecutionStatus {
	switch r.Status {
	case protocol.ExecutionSucceeded:
		return r.Status
	case protocol.ExecutionFailed:
		if r.Error == nil || !byService(r.Error.ErrorType) {
			return r.Status
		}
	}
	return ""
}

// byService reports whether an execution that failed with such an error was failed by the service or the SDK, in the
// middle of its code.
func byService(errorType string) bool {
	return errorType == protocol.ErrorTypeNonDeterminism || errorType == protocol.ErrorTypeQuota ||
		strings.HasPrefix(errorType, "Sandbox.") || strings.HasPrefix(errorType, "Runtime.")
}

// Ending says how the execution stands, for people.
func (r *Recording) Ending() string {
	if r.Error != nil && r.Error.Line() != "" {
		return fmt.Sprintf("%s with %s", r.Status, protocol.Clip(r.Error.Line(), maxText))
	}
	return string(cmp.Or(r.Status, protocol.ExecutionRunning))
}
