package cli

import (
	"math"

	"github.com/perdure/perdure/protocol"
)

// Seconds is a timestamp of the Lambda API: epoch seconds with a fraction.
type Seconds float64

// Timestamp converts s to milliseconds.
func (s Seconds) Timestamp() protocol.Timestamp {
	return protocol.Timestamp(math.Round(float64(s) * 1000))
}

// Execution is an execution as the Lambda API describes it. A row of a list
// has only the first members.
type Execution struct {
	ARN         string                   `json:"DurableExecutionArn"`
	Name        string                   `json:"DurableExecutionName"`
	FunctionARN string                   `json:"FunctionArn"`
	Status      protocol.ExecutionStatus `json:"Status"`
	Started     Seconds                  `json:"StartTimestamp"`
	Closed      Seconds                  `json:"EndTimestamp"`

	Input  *string               `json:"InputPayload"`
	Result *string               `json:"Result"`
	Error  *protocol.ErrorObject `json:"Error"`

	Pause    *Pause  `json:"PauseDetails"`                      // of one that is PAUSING or PAUSED
	TimesOut Seconds `json:"ExpectedExecutionTimeoutTimestamp"` // of one that is open
}

// Pause says when and why an execution was asked to pause.
type Pause struct {
	Requested     Seconds `json:"PauseRequestTimestamp"`
	TimeoutPaused bool    `json:"ExecutionTimeoutPaused"`
	Reason        string  `json:"Reason"`
}
