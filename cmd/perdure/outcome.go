package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/cli/progress"
	"github.com/perdure/perdure/protocol"
)

// outcome is how an execution ended.
type outcome struct {
	ARN    string                   `json:"DurableExecutionArn"`
	Name   string                   `json:"DurableExecutionName"`
	Status protocol.ExecutionStatus `json:"Status"`
	Result json.RawMessage          `json:"Result,omitempty"`
	Error  *protocol.ErrorObject    `json:"Error,omitempty"`
}

func newOutcome(arn string, status protocol.ExecutionStatus, result *string, reason *protocol.ErrorObject) *outcome {
	o := &outcome{ARN: arn, Name: nameInARN(arn), Status: status, Error: reason}
	if result != nil {
		o.Result = json.RawMessage(*result)
	}
	return o
}

// tell writes the result to stdout. If the execution did not succeed it returns a problem.
func (o *outcome) tell(std *stdio, asJSON bool) error {
	if err := o.write(std.out, asJSON); err != nil {
		return cli.Faultf("cannot write the result: %v", err)
	}
	if o.Status == protocol.ExecutionSucceeded {
		return nil
	}
	writeStack(std.err, o.Error)
	p := &cli.Problem{Status: cli.StatusFailed, Message: fmt.Sprintf("execution %s %s", o.Name, statusWords(o.Status))}
	if s := progress.ErrorLine(o.Error); s != "" {
		p.Message += ": " + s
	}
	return p
}

func (o *outcome) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(o.encodable())
	}
	if o.Status != protocol.ExecutionSucceeded {
		return nil
	}
	result := o.Result
	if len(result) == 0 {
		result = json.RawMessage("null")
	}
	_, err := w.Write(append(result[:len(result):len(result)], '\n'))
	return err
}

// encodable is o with a result that is JSON: text of another SDK's function becomes a string.
func (o *outcome) encodable() *outcome {
	c := *o
	if len(c.Result) > 0 && !json.Valid(c.Result) {
		c.Result, _ = json.Marshal(string(c.Result))
	}
	return &c
}

func statusWords(s protocol.ExecutionStatus) string {
	switch s {
	case protocol.ExecutionTimedOut:
		return "timed out"
	case protocol.ExecutionStopped:
		return "was stopped"
	}
	return "failed"
}

// maxStack bounds the shown lines of a stack trace; the history has all.
const maxStack = 20

func writeStack(w io.Writer, e *protocol.ErrorObject) {
	if e == nil {
		return
	}
	for i, line := range e.StackTrace {
		if i == maxStack {
			fmt.Fprintf(w, "    … %d more lines\n", len(e.StackTrace)-maxStack)
			return
		}
		fmt.Fprintf(w, "    %s\n", cli.Printable(line))
	}
}
