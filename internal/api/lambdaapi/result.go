package lambdaapi

import (
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// functionError is how an Invoke reports a failed function: not the protocol's error object, but the document of
// Lambda's runtimes.
type functionError struct {
	ErrorType    string   `json:"errorType"`
	ErrorMessage string   `json:"errorMessage"`
	ErrorData    string   `json:"errorData,omitempty"`
	StackTrace   []string `json:"stackTrace,omitempty"`
}

// writeResult answers a synchronous Invoke. A failed function is no error of the request: the status is 200, and a
// header tells.
func writeResult(w http.ResponseWriter, result *engine.Result) {
	if result.Status == protocol.ExecutionSucceeded {
		writeJSON(w, http.StatusOK, resultPayload(result))
		return
	}
	w.Header().Set("X-Amz-Function-Error", "Unhandled")
	body := result.ErrorPayload
	if len(body) == 0 {
		body = encode(describeFailure(result))
	}
	writeJSON(w, http.StatusOK, body)
}

// resultPayload is the result as the function wrote it; null if there is none, as clients parse it.
func resultPayload(result *engine.Result) []byte {
	if result.Payload == nil {
		return []byte("null")
	}
	return []byte(*result.Payload)
}

// describeFailure renders an execution's error. Stops and timeouts often come without one.
func describeFailure(result *engine.Result) functionError {
	var out functionError
	if e := result.Error; e != nil {
		out = functionError{e.ErrorType, e.ErrorMessage, e.ErrorData, e.StackTrace}
	}
	switch result.Status {
	case protocol.ExecutionStopped:
		setDefault(&out.ErrorType, "Execution.Stopped")
		setDefault(&out.ErrorMessage, "The execution was stopped.")
	case protocol.ExecutionTimedOut:
		setDefault(&out.ErrorType, "Execution.TimedOut")
		setDefault(&out.ErrorMessage, "The execution timed out.")
	}
	return out
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
