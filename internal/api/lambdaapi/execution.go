package lambdaapi

import (
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// executionDescription is the answer of GetDurableExecution.
type executionDescription struct {
	DurableExecutionArn   string
	DurableExecutionName  string
	FunctionArn           string
	Version               string
	Status                protocol.ExecutionStatus
	StartTimestamp        protocol.Seconds
	EndTimestamp          protocol.Seconds      `json:",omitzero"`
	InputPayload          *string               `json:",omitempty"`
	Result                *string               `json:",omitempty"`
	Error                 *protocol.ErrorObject `json:",omitempty"`
	TraceHeader           *traceHeader          `json:",omitempty"`
	DurableConfig         durableConfig
	ExecutionDataIncluded bool
	StoppedBy             string        `json:",omitempty"` // AWS has none
	PauseDetails          *pauseDetails `json:",omitempty"`

	ExpectedExecutionTimeoutTimestamp protocol.Seconds `json:",omitzero"`
}

type pauseDetails struct {
	PauseRequestTimestamp  protocol.Seconds
	ExecutionTimeoutPaused bool
	Reason                 *string `json:",omitempty"`
	RequestedBy            string  `json:",omitempty"` // AWS has none
}

type traceHeader struct {
	XAmznTraceID string `json:"XAmznTraceId"`
}

type durableConfig struct {
	ExecutionTimeout      int64
	RetentionPeriodInDays int64
}

func (a *api) describe(w http.ResponseWriter, r *http.Request, arn string) error {
	q := newQuery(r)
	q.text(arn, "durableExecutionArn", &executionARNShape)
	data := q.boolean("IncludeExecutionData", true)
	if err := q.err(); err != nil {
		return err
	}
	d, err := a.engine.Describe(r.Context(), arn)
	if err != nil {
		return err
	}
	return reply(w, describeExecution(d, data))
}

func describeExecution(d *engine.Description, data bool) *executionDescription {
	out := &executionDescription{
		DurableExecutionArn:   d.ARN,
		DurableExecutionName:  d.Name,
		FunctionArn:           d.FunctionARN,
		Version:               d.Version,
		Status:                d.Status,
		StartTimestamp:        protocol.Seconds(d.Started),
		EndTimestamp:          protocol.Seconds(d.Closed),
		DurableConfig:         durableConfig{d.ExecutionTimeout, d.RetentionDays},
		ExecutionDataIncluded: data,
		StoppedBy:             d.StoppedBy,

		ExpectedExecutionTimeoutTimestamp: protocol.Seconds(d.TimesOut),
	}
	if p := d.Pause; p != nil {
		out.PauseDetails = &pauseDetails{protocol.Seconds(p.Requested), p.TimeoutPaused, nil, p.By}
		if data {
			out.PauseDetails.Reason = p.Reason
		}
	}
	if d.TraceHeader != "" {
		out.TraceHeader = &traceHeader{d.TraceHeader}
	}
	if data {
		out.InputPayload, out.Result, out.Error = d.Input, d.Result, d.Error
	}
	return out
}

// stop is StopDurableExecution. Its body is the error to stop with.
func (a *api) stop(w http.ResponseWriter, r *http.Request, arn string) error {
	reason, err := readError(r)
	if err != nil {
		return err
	}
	if err := check(arn, "durableExecutionArn", &executionARNShape); err != nil {
		return err
	}
	at, err := a.engine.Stop(r.Context(), &engine.StopRequest{ARN: arn, Reason: reason})
	if err != nil {
		return err
	}
	return reply(w, struct{ StopTimestamp protocol.Seconds }{protocol.Seconds(at)})
}

// state is GetDurableExecutionState: a function reads the operations that did not fit into its envelope.
func (a *api) state(w http.ResponseWriter, r *http.Request, arn string) error {
	q := newQuery(r)
	q.text(arn, "durableExecutionArn", &executionARNShape)
	token := q.required("CheckpointToken", &tokenShape)
	marker, maxItems := q.marker(), q.maxItems()
	if err := q.err(); err != nil {
		return err
	}
	ops, next, err := a.engine.State(r.Context(), arn, token, marker, maxItems)
	if err != nil {
		return err
	}
	buf := getBuffer()
	defer buf.free()
	buf.b = appendState(buf.b, ops, next)
	writeJSON(w, http.StatusOK, buf.b)
	return nil
}

// history is GetDurableExecutionHistory. Payloads are included unless the request says otherwise.
func (a *api) history(w http.ResponseWriter, r *http.Request, arn string) error {
	q := newQuery(r)
	q.text(arn, "durableExecutionArn", &executionARNShape)
	data := q.boolean("IncludeExecutionData", true)
	req := &engine.HistoryRequest{
		ARN:         arn,
		Marker:      q.marker(),
		MaxItems:    q.maxItems(),
		NewestFirst: q.boolean("ReverseOrder", false),
	}
	if err := q.err(); err != nil {
		return err
	}
	events, next, err := a.engine.History(r.Context(), req)
	if err != nil {
		return err
	}
	buf := getBuffer()
	defer buf.free()
	buf.b = appendHistory(buf.b, events, next, data)
	writeJSON(w, http.StatusOK, buf.b)
	return nil
}

// appendHistory appends a page of events; the last has no marker.
func appendHistory(dst []byte, events []*protocol.Event, next string, data bool) []byte {
	dst = append(dst, `{"Events":[`...)
	for i, e := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = protocol.AppendEvent(dst, e, data)
	}
	dst = append(dst, ']')
	if next != "" {
		dst = append(dst, `,"NextMarker":`...)
		dst = protocol.AppendString(dst, next)
	}
	return append(dst, '}')
}
