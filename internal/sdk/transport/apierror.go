package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

// apiError is a refusal by the Lambda API or, perhaps without a code, by something in front of it.
type apiError struct {
	call       string
	status     int
	code       string // such as TooManyRequestsException
	message    string
	requestID  string
	retryAfter time.Duration
}

func newAPIError(call string, status int, header func(name string) string, body []byte) *apiError {
	var said struct {
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Message string `json:"message"` // or Message
	}
	if json.Unmarshal(body, &said) != nil && said.Message == "" {
		said.Message = excerpt(body)
	}
	e := &apiError{
		call: call, status: status, message: said.Message,
		requestID:  header("X-Amzn-Requestid"),
		retryAfter: retryAfter(header("Retry-After"), time.Now()),
	}
	for _, name := range []string{header("X-Amzn-Errortype"), said.Type, said.Code} {
		if e.code = bareCode(name); e.code != "" {
			break
		}
	}
	return e
}

// bareCode cuts a code out of namespace#Code:documentation.
func bareCode(s string) string {
	s, _, _ = strings.Cut(s, ":")
	return strings.TrimSpace(s[strings.LastIndexByte(s, '#')+1:])
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(s string, now time.Time) time.Duration {
	d := time.Duration(0)
	if t, err := http.ParseTime(s); err == nil {
		d = t.Sub(now)
	} else if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	}
	return min(max(d, 0), maxRetryAfter)
}

// excerpt is the beginning of an unexpected answer, for an error message.
func excerpt(body []byte) string {
	s := strings.Join(strings.Fields(string(body[:min(len(body), 500)])), " ")
	return protocol.Clip(s, 200)
}

func (e *apiError) Error() string {
	var b strings.Builder
	b.WriteString(e.call)
	for _, s := range []string{e.code, e.message} {
		if s != "" {
			b.WriteString(": " + s)
		}
	}
	fmt.Fprintf(&b, " (HTTP %d %s", e.status, http.StatusText(e.status))
	if e.requestID != "" {
		fmt.Fprintf(&b, ", request %s", e.requestID)
	}
	b.WriteByte(')')
	return b.String()
}

// A refusal is judged by ErrorCode, ErrorMessage and HTTPStatusCode.
func (e *apiError) ErrorCode() string    { return e.code }
func (e *apiError) ErrorMessage() string { return e.message }
func (e *apiError) HTTPStatusCode() int  { return e.status }

// temporary reports whether the same request may succeed a little later.
func (e *apiError) temporary() bool {
	return e.status == http.StatusTooManyRequests || e.status >= 500 || Temporary(protocol.Code(e.code))
}

// Temporary reports whether a code says that the request itself was fine. Answers that are not the service's own,
// such as a proxy's, have no code, or UnknownError in the AWS SDK; their HTTP status decides.
func Temporary(code protocol.Code) bool {
	switch code {
	case protocol.CodeTooManyRequests, protocol.CodeService, "ThrottlingException", "InternalFailure",
		"ServiceUnavailable":
		return true
	}
	return false
}
