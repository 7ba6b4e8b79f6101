package transport

import (
	"net/http"
	"strings"
	"testing"
)

func TestAPIError(t *testing.T) {
	tests := map[string]struct {
		status        int
		header, body  string
		code, message string
		text          string
	}{
		"header": {400, "InvalidParameterValueException", `{"message":"bad token"}`, "InvalidParameterValueException", "bad token",
			"Op: InvalidParameterValueException: bad token (HTTP 400 Bad Request, request r1)"},
		"decorated": {400, "com.amazonaws#ValidationException:http://internal.amazon.com/coral/", `{"Message":"m"}`,
			"ValidationException", "m", ""},
		"__type": {429, "", `{"__type":"com.amazonaws.lambda#TooManyRequestsException","message":"m"}`,
			"TooManyRequestsException", "m", ""},
		"code":         {400, "", `{"code":"KMSDisabledException:x","Message":"m"}`, "KMSDisabledException", "m", ""},
		"header first": {400, "A", `{"__type":"B","code":"C"}`, "A", "", ""},
		"numeric code": {400, "", `{"code":7,"message":"m"}`, "", "m", ""},
		"html": {502, "", "<html>\n<b>Bad\tgateway</b>", "", "<html> <b>Bad gateway</b>",
			"Op: <html> <b>Bad gateway</b> (HTTP 502 Bad Gateway, request r1)"},
		"nothing":       {503, "", "", "", "", "Op (HTTP 503 Service Unavailable, request r1)"},
		"a long line":   {500, "", strings.Repeat("é", 1000), "", strings.Repeat("é", 100) + "…", ""},
		"not an object": {500, "", `["x"]`, "", `["x"]`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			h.Set("x-amzn-RequestId", "r1")
			if tt.header != "" {
				h.Set("x-amzn-ErrorType", tt.header)
			}
			err := newAPIError("Op", tt.status, h.Get, []byte(tt.body))
			if err.ErrorCode() != tt.code || err.ErrorMessage() != tt.message || err.HTTPStatusCode() != tt.status {
				t.Errorf("got %q, %q, %d; want %q, %q, %d", err.code, err.message, err.status, tt.code, tt.message, tt.status)
			}
			if got := err.Error(); tt.text != "" && got != tt.text {
				t.Errorf("got  %s\nwant %s", got, tt.text)
			}
		})
	}
}
