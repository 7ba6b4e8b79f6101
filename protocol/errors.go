package protocol

import (
	"errors"
	"fmt"
	"strings"
)

// ErrorObject is an error as the protocol records it, of a step, a context, a callback or an execution. Every
// member is optional.
type ErrorObject struct {
	ErrorMessage string   `json:"ErrorMessage,omitempty"`
	ErrorType    string   `json:"ErrorType,omitempty"`
	ErrorData    string   `json:"ErrorData,omitempty"`
	StackTrace   []string `json:"StackTrace,omitempty"`
}

// SDKErrorMark begins the ErrorData of errors that our SDK makes itself. The ErrorType is not enough: any error of
// a user may be called CanceledError.
const SDKErrorMark = "perdure:error:1 "

// Size is the object's length as compact JSON, as limits on error objects count it.
func (e *ErrorObject) Size() int {
	if e == nil {
		return 0
	}
	n := len(`{`) // each member with its comma; that of the last is the closing brace
	member := func(key, value string) {
		if value != "" {
			n += len(key) + StringSize(value) + len(`,`)
		}
	}
	member(`"ErrorMessage":`, e.ErrorMessage)
	member(`"ErrorType":`, e.ErrorType)
	member(`"ErrorData":`, e.ErrorData)
	if len(e.StackTrace) > 0 {
		n += len(`"StackTrace":[],`) - len(`,`)
		for _, line := range e.StackTrace {
			n += StringSize(line) + len(`,`)
		}
	}
	return max(n, len(`{}`))
}

// AppendErrorObject appends e as a JSON object; nil is the empty object.
func AppendErrorObject(dst []byte, e *ErrorObject) []byte {
	w := object(dst)
	if e != nil {
		w.optStr("ErrorMessage", e.ErrorMessage)
		w.optStr("ErrorType", e.ErrorType)
		w.optStr("ErrorData", e.ErrorData)
		if len(e.StackTrace) > 0 {
			w.key("StackTrace")
			w.buf = append(w.buf, '[')
			for i, line := range e.StackTrace {
				if i > 0 {
					w.buf = append(w.buf, ',')
				}
				w.buf = AppendString(w.buf, line)
			}
			w.buf = append(w.buf, ']')
		}
	}
	w.close()
	return w.buf
}

// ErrorObject reads an error object, nil for null.
func (r *Reader) ErrorObject() *ErrorObject {
	if r.Null() {
		return nil
	}
	e := &ErrorObject{}
	for name := range r.Members() {
		switch string(name) {
		case "ErrorMessage":
			e.ErrorMessage = r.Text()
		case "ErrorType":
			e.ErrorType = r.Text()
		case "ErrorData":
			e.ErrorData = r.Text()
		case "StackTrace":
			e.StackTrace = r.trace()
		default:
			r.Skip()
		}
	}
	return e
}

func (r *Reader) trace() (lines []string) {
	for range r.Elements() {
		if r.frames++; r.MaxFrames > 0 && r.frames > r.MaxFrames {
			r.Fail("The stack traces of the request have too many frames.")
			return nil
		}
		lines = append(lines, r.Text())
	}
	return lines
}

// InvocationError is the failure of an invocation, in the form of Lambda's own errors.
func InvocationError(requestID, errorType, format string, args ...any) *ErrorObject {
	return &ErrorObject{ErrorType: errorType, ErrorMessage: "RequestId: " + requestID +
		" Error: " + fmt.Sprintf(format, args...)}
}

// Line is the error on one line: type and message, without the request id that Lambda's runtimes put first. Nil is
// the empty line.
func (e *ErrorObject) Line() string {
	if e == nil {
		return ""
	}
	message := WithoutRequestID(strings.Join(strings.Fields(e.ErrorMessage), " "))
	switch {
	case e.ErrorType == "":
		return message
	case message == "":
		return e.ErrorType
	}
	return e.ErrorType + ": " + message
}

// WithoutRequestID is the message of an error without the request id that Lambda's runtimes put first.
func WithoutRequestID(message string) string {
	if rest, ok := strings.CutPrefix(message, "RequestId: "); ok {
		if _, after, ok := strings.Cut(rest, " "); ok {
			return strings.TrimPrefix(after, "Error: ")
		}
	}
	return message
}

// Code names an error of the Lambda API, as in the x-amzn-ErrorType header.
type Code string

// The errors of the Lambda API that durable executions use. Validation and Serialization come from AWS's request
// framework rather than the API model.
const (
	CodeInvalidParameter Code = "InvalidParameterValueException"
	CodeValidation       Code = "ValidationException"
	CodeSerialization    Code = "SerializationException"
	CodeInvalidContent   Code = "InvalidRequestContentException"
	CodeNotFound         Code = "ResourceNotFoundException"
	CodeConflict         Code = "ResourceConflictException"
	CodeNotReady         Code = "ResourceNotReadyException"
	CodePrecondition     Code = "PreconditionFailedException"
	CodeAlreadyStarted   Code = "DurableExecutionAlreadyStartedException"
	CodeCallbackTimeout  Code = "CallbackTimeoutException"
	CodeTooManyRequests  Code = "TooManyRequestsException"
	CodeRequestTooLarge  Code = "RequestTooLargeException"
	CodeRequestTimeout   Code = "RequestTimeoutException"
	CodeUnsupportedMedia Code = "UnsupportedMediaTypeException"
	CodeService          Code = "ServiceException"
	CodeStorageFull      Code = "StorageFullException" // ours: AWS's disks do not fill up
)

// Errors about who a client is and what it may do, from AWS's request framework, too.
const (
	CodeMissingToken        Code = "MissingAuthenticationTokenException"
	CodeIncompleteSignature Code = "IncompleteSignatureException"
	CodeInvalidSignature    Code = "InvalidSignatureException"
	CodeUnrecognizedClient  Code = "UnrecognizedClientException"
	CodeAccessDenied        Code = "AccessDeniedException"
)

// Error is a refusal for a client of the API: a code, and a message that clients may match on. The engine and the
// state machine return it; only lambdaapi turns the code into an HTTP status.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Errorf makes an [Error] with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// StaleTokenMessage is the service's text for a checkpoint token that is not the current one. SDKs match it, case
// and all, to tell a lost race from a broken request.
const StaleTokenMessage = "Invalid checkpoint token"

// HasCode reports whether err is a refusal with a code.
func HasCode(err error, code Code) bool {
	var refusal *Error
	return errors.As(err, &refusal) && refusal.Code == code
}
