//go:build unix

package runtimes_test

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/function/runtimes"
)

const pythonSeen = `
import os

def handler(event, context):
    return dict(Event=event, RequestID=context.aws_request_id, Name=context.function_name,
                ARN=context.invoked_function_arn, Memory=context.memory_limit_in_mb,
                Remaining=context.get_remaining_time_in_millis(), Trace=os.environ.get("_X_AMZN_TRACE_ID"),
                Env=dict(os.environ), Cwd=os.getcwd())
`

func TestPythonSeesWhatLambdaShows(t *testing.T) {
	need(t, "python3")
	code := runtimes.Code{Runtime: "python3.13", Handler: "src/app.handler", Dir: t.TempDir()}
	f := start(t, code, options(t, true), map[string]string{"src/app.py": pythonSeen})
	var got seen
	inv := f.answer(`{"item":"böok"}`, &got)
	got.check(t, inv, code)
	f.answer(`{}`, &got) // the same process again
}

func TestPythonSaysHowItFailed(t *testing.T) {
	need(t, "python3")
	for name, c := range map[string]struct{ source, handler, errorType, message string }{
		"raise":          {"def handler(e, c): raise ValueError('no stock')", "app.handler", "ValueError", "no stock"},
		"exit":           {"import os\ndef handler(e, c): os._exit(3)", "app.handler", "Runtime.ExitError", "exit status 3"},
		"no module":      {"", "other.handler", "Runtime.ImportModuleError", "other"},
		"no dependency":  {"import not_there", "app.handler", "Runtime.ImportModuleError", "not_there"},
		"syntax":         {"def handler(", "app.handler", "Runtime.UserCodeSyntaxError", ""},
		"raises at load": {"raise KeyError('no config')", "app.handler", "KeyError", "no config"},
		"no such name":   {"other = 1", "app.handler", "Runtime.HandlerNotFound", "handler"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, runtimes.Code{Runtime: "python3.13", Handler: c.handler}, options(t, true), map[string]string{"app.py": c.source})
			out := f.fails(`{}`, c.errorType)
			if !strings.Contains(out.Error.ErrorMessage, c.message) {
				t.Errorf("got message %q, want one with %q", out.Error.ErrorMessage, c.message)
			}
		})
	}
}
