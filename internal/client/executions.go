package client

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

const (
	executionPath = "/2025-12-01/durable-executions/"
	callbackPath  = "/2025-12-01/durable-execution-callbacks/"
	functionPath  = "/2015-03-31/functions/"
)

// Invocation is a start of an execution, or a call of a plain function.
type Invocation struct {
	// Function is a name or an ARN. Without a version it is the latest one.
	Function string
	Name     string // of the execution; empty for a new one
	Tags     map[string]string
	Event    []byte
	// Wait waits for the answer of a plain function, without a limit of time.
	Wait bool
}

// Invoked is the answer to an invocation.
type Invoked struct {
	ARN string // of the execution; empty for a plain function
	// Answer is the plain function's result, or its error document if Failed.
	Answer []byte
	Failed bool
}

// Invoke starts an execution, or calls a plain function. The same name with another event is a
// DurableExecutionAlreadyStartedException.
func (c *Client) Invoke(ctx context.Context, in *Invocation) (*Invoked, error) {
	how := "Event"
	if in.Wait {
		how = "RequestResponse"
	}
	resp, err := c.send(ctx, call{
		method: http.MethodPost, path: path(functionPath, Qualified(in.Function), "/invocations"), body: in.Event,
		patient: in.Wait,
		header: map[string]string{"X-Amz-Invocation-Type": how, "X-Amz-Durable-Execution-Name": in.Name,
			engine.TagsHeader: engine.FormatTags(in.Tags)},
	})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := &Invoked{ARN: resp.Header.Get("X-Amz-Durable-Execution-Arn"),
		Failed: resp.Header.Get("X-Amz-Function-Error") != ""}
	out.Answer, err = io.ReadAll(resp.Body)
	return out, err
}

// Qualified adds a version, without which a durable function is not invoked.
func Qualified(function string) string {
	if strings.HasPrefix(function, "arn:") && strings.Count(function, ":") >= 7 ||
		!strings.HasPrefix(function, "arn:") && strings.Contains(function, ":") {
		return function
	}
	return function + ":" + protocol.LatestVersion
}

// Execution describes an execution.
type Execution struct {
	ARN         string                   `json:"DurableExecutionArn"`
	Name        string                   `json:"DurableExecutionName"`
	FunctionARN string                   `json:"FunctionArn"`
	Status      protocol.ExecutionStatus `json:"Status"`
	Started     protocol.Seconds         `json:"StartTimestamp"`
	Closed      protocol.Seconds         `json:"EndTimestamp"`

	Input  *string               `json:"InputPayload"`
	Result *string               `json:"Result"`
	Error  *protocol.ErrorObject `json:"Error"`

	StoppedBy string `json:"StoppedBy"` // who asked for the stop; empty if that is not known

	Pause    *Pause           `json:"PauseDetails"`                      // of one that is PAUSING or PAUSED
	TimesOut protocol.Seconds `json:"ExpectedExecutionTimeoutTimestamp"` // of one that is open

	JSON json.RawMessage `json:"-"` // as the engine wrote it
}

// Executions yields the ARNs of a function's executions that have a status, or a name, by the Lambda API. A name or a
// status that is empty does not restrict. The function may have a version behind a colon.
func (c *Client) Executions(ctx context.Context, function, name string,
	status protocol.ExecutionStatus) iter.Seq2[string, error] {
	query := url.Values{"MaxItems": {strconv.Itoa(protocol.MaxPage)}}
	if short, version, ok := strings.Cut(function, ":"); ok && short != "arn" {
		function = short
		query.Set("Qualifier", version)
	}
	if status != "" {
		query.Set("Statuses", string(status))
	}
	if name != "" {
		query.Set("DurableExecutionName", name)
	}
	return pages(ctx, c, path("/2025-12-01/functions/", function, "/durable-executions"), query,
		func(page *struct {
			DurableExecutions []struct{ DurableExecutionArn string }
			NextMarker        string
		}) (arns []string, next string) {
			for _, x := range page.DurableExecutions {
				arns = append(arns, x.DurableExecutionArn)
			}
			return arns, page.NextMarker
		}, whole)
}

// Pause says when and why an execution was asked to pause.
type Pause struct {
	Requested     protocol.Seconds `json:"PauseRequestTimestamp"`
	TimeoutPaused bool             `json:"ExecutionTimeoutPaused"`
	Reason        string           `json:"Reason"`
	By            string           `json:"RequestedBy"`
}

// Execution describes an execution.
func (c *Client) Execution(ctx context.Context, arn string) (*Execution, error) {
	var e Execution
	var err error
	e.JSON, err = c.read(ctx, call{method: http.MethodGet, path: path(executionPath, arn, "")}, &e)
	return &e, err
}

// Event is an event of a history.
type Event struct {
	*protocol.Event
	JSON json.RawMessage // as the engine wrote it
}

// Events yields an execution's history.
func (c *Client) Events(ctx context.Context, arn string, newestFirst bool) iter.Seq2[Event, error] {
	query := url.Values{"IncludeExecutionData": {"true"}}
	if newestFirst {
		query.Set("ReverseOrder", "true")
	}
	return pages(ctx, c, path(executionPath, arn, "/history"), query,
		func(page *struct {
			Events     []json.RawMessage
			NextMarker string
		}) ([]json.RawMessage, string) {
			return page.Events, page.NextMarker
		}, func(raw json.RawMessage) (Event, error) {
			e, err := protocol.ReadEvent(raw)
			if err != nil {
				err = c.nonsense(err)
			}
			return Event{e, raw}, err
		})
}

// The intervals of polling an execution: short while there is news.
const (
	minPoll = 100 * time.Millisecond
	maxPoll = time.Second
)

// Watch yields an execution's history as it grows, by polling, until the execution has ended or ctx is done.
func (c *Client) Watch(ctx context.Context, arn string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var last int64
		pause := minPoll
		for {
			news, err := c.eventsAfter(ctx, arn, last)
			if err != nil {
				yield(Event{}, err)
				return
			}
			pause = min(pause*3/2, maxPoll)
			for _, e := range news {
				if last, pause = e.ID, minPoll; !yield(e, nil) || e.EndsExecution() {
					return
				}
			}
			select {
			case <-ctx.Done():
				yield(Event{}, context.Cause(ctx))
				return
			case <-time.After(pause):
			}
		}
	}
}

// eventsAfter returns the events behind number last. It reads from the end, so earlier history costs nothing.
func (c *Client) eventsAfter(ctx context.Context, arn string, last int64) (news []Event, err error) {
	for e, err := range c.Events(ctx, arn, true) {
		if err != nil {
			return nil, err
		}
		if e.ID <= last {
			break
		}
		news = append(news, e)
	}
	slices.Reverse(news)
	return news, nil
}

// Stop stops an execution, with a reason that may be nil.
func (c *Client) Stop(ctx context.Context, arn string, reason *protocol.ErrorObject) error {
	var body []byte
	if reason != nil {
		body = jsonBody(reason)
	}
	_, err := c.read(ctx, call{method: http.MethodPost, path: path(executionPath, arn, "/stop"), body: body}, nil)
	return err
}

// Pause pauses an execution; reason may be empty.
func (c *Client) Pause(ctx context.Context, arn, reason string, keepTimeout bool) error {
	body := jsonBody(struct {
		ClientToken            string
		ExecutionTimeoutPaused bool
		Reason                 string `json:",omitempty"`
	}{uuid.NewString(), !keepTimeout, reason})
	_, err := c.read(ctx, call{method: http.MethodPost, path: path(executionPath, arn, "/pause"), body: body}, nil)
	return err
}

// Resume ends an execution's pause; reason may be empty.
func (c *Client) Resume(ctx context.Context, arn, reason string) error {
	body := jsonBody(struct {
		ClientToken string
		Reason      string `json:",omitempty"`
	}{uuid.NewString(), reason})
	_, err := c.read(ctx, call{method: http.MethodPost, path: path(executionPath, arn, "/resume"), body: body}, nil)
	return err
}

// Delete has a closed execution deleted, and returns the engine's answer.
func (c *Client) Delete(ctx context.Context, arn string) (json.RawMessage, error) {
	return c.read(ctx, call{method: http.MethodDelete, path: path(executionPath, arn, "")}, nil)
}

// SucceedCallback completes a callback with a result, which may be empty.
func (c *Client) SucceedCallback(ctx context.Context, id string, result []byte) error {
	_, err := c.read(ctx, call{method: http.MethodPost, path: path(callbackPath, id, "/succeed"), body: result}, nil)
	return err
}

// FailCallback completes a callback with an error.
func (c *Client) FailCallback(ctx context.Context, id string, reason *protocol.ErrorObject) error {
	_, err := c.read(ctx, call{method: http.MethodPost, path: path(callbackPath, id, "/fail"),
		body: jsonBody(reason)}, nil)
	return err
}

// HeartbeatCallback says that somebody works on a callback.
func (c *Client) HeartbeatCallback(ctx context.Context, id string) error {
	_, err := c.read(ctx, call{method: http.MethodPost, path: path(callbackPath, id, "/heartbeat")}, nil)
	return err
}
