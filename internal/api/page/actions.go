package page

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// maxForm bounds what a form may send.
const maxForm = protocol.MaxSyncPayload + 64<<10

// act does a button's work and returns the path to go on with.
type act func(r *http.Request, form url.Values) (to string, err error)

// actions are the buttons, by path.
func (s *site) actions() map[string]act {
	return map[string]act{
		"start":        s.start,
		"save-event":   s.saveEvent,
		"forget-event": s.forgetEvent,
		"act":          s.act,
		"cancel-job":   s.cancelJob,
		"stop": s.on(func(r *http.Request, arn string, form url.Values) error {
			_, err := s.engine.Stop(r.Context(), &engine.StopRequest{ARN: arn, Kill: form.Has("kill"),
				Cascade: form.Has("cascade"), Reason: &protocol.ErrorObject{
					ErrorMessage: cmp.Or(strings.TrimSpace(form.Get("reason")), "stopped on the page")}})
			return err
		}),
		"pause": s.on(func(r *http.Request, arn string, form url.Values) error {
			return s.engine.Pause(r.Context(), &engine.PauseRequest{ARN: arn, Reason: given(form, "reason"),
				KeepTimeout: form.Has("keep-timeout")})
		}),
		"resume": s.on(func(r *http.Request, arn string, form url.Values) error {
			return s.engine.Resume(r.Context(), &engine.ResumeRequest{ARN: arn, Reason: given(form, "reason")})
		}),
		"skip": s.on(func(r *http.Request, arn string, form url.Values) error {
			_, err := s.engine.Skip(r.Context(), &engine.SkipRequest{ARN: arn, Operation: form.Get("operation")})
			return err
		}),
		"delete": s.delete,
		"redrive": s.fork(func(url.Values) (engine.ForkRequest, error) {
			return engine.ForkRequest{Redrive: true}, nil
		}),
		"fork": s.fork(forkRequest),
		"succeed": s.on(func(r *http.Request, _ string, form url.Values) error {
			return s.engine.SucceedCallback(r.Context(), form.Get("callback"), []byte(typed(form, "result")))
		}),
		"fail": s.on(func(r *http.Request, _ string, form url.Values) error {
			return s.engine.FailCallback(r.Context(), form.Get("callback"), &protocol.ErrorObject{
				ErrorType: cmp.Or(form.Get("error-type"), "Rejected"), ErrorMessage: form.Get("result")})
		}),
	}
}

// action runs an act with its form, and sends the browser on.
func (s *site) action(do act) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := readForm(r); err != nil {
			return err
		}
		if err := checkToken(r, r.PostForm); err != nil {
			return err
		}
		to, err := do(r, r.PostForm)
		if err != nil {
			return err
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
}

// readForm reads the form of r. The error is a refusal.
func readForm(r *http.Request) error {
	err := r.ParseForm()
	if err == nil {
		return nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return protocol.Errorf(protocol.CodeRequestTooLarge, "The form has more than %s.", bytesText(maxForm))
	}
	if refused, ok := errors.AsType[*protocol.Error](err); ok { // by the server, which watches the body
		return refused
	}
	return protocol.Errorf(protocol.CodeInvalidParameter, "The form could not be read: %v.", err)
}

// given is what somebody wrote into a field; nil for nothing.
func given(form url.Values, field string) *string {
	if text := strings.TrimSpace(form.Get(field)); text != "" {
		return &text
	}
	return nil
}

// on is an act on one execution, after which its page is shown again.
func (s *site) on(do func(r *http.Request, arn string, form url.Values) error) act {
	return func(r *http.Request, form url.Values) (string, error) {
		arn := form.Get("arn")
		return executionPath(arn), do(r, arn, form)
	}
}

func executionPath(arn string) string {
	return Prefix + "execution?" + url.Values{"arn": {arn}}.Encode()
}

// rawPath is where a payload is: the input or the result of an operation, or of the execution if that is empty.
func rawPath(arn, operation, part string) string {
	return Prefix + "payload?" + url.Values{"arn": {arn}, "operation": {operation}, "part": {part}}.Encode()
}

func (s *site) delete(r *http.Request, form url.Values) (string, error) {
	_, err := s.engine.Delete(r.Context(), form.Get("arn"))
	return Prefix, err
}

// fork starts a copy of an execution, whose page is shown then.
func (s *site) fork(request func(url.Values) (engine.ForkRequest, error)) act {
	return func(r *http.Request, form url.Values) (string, error) {
		req, err := request(form)
		if err != nil {
			return "", err
		}
		req.ARN, req.Name = form.Get("arn"), strings.TrimSpace(form.Get("name"))
		if req.Input, err = s.otherInput(r, req.ARN, form); err != nil {
			return "", err
		}
		started, err := s.engine.Fork(r.Context(), &req)
		if err != nil {
			return "", err
		}
		return executionPath(started.ARN), nil
	}
}

// otherInput is the input of a form if it is another one than the execution has, else nil.
func (s *site) otherInput(r *http.Request, arn string, form url.Values) (*string, error) {
	if !form.Has("input") {
		return nil, nil
	}
	d, err := s.engine.Describe(r.Context(), arn)
	input := typed(form, "input")
	if err != nil || d.Input != nil && input == strings.ReplaceAll(*d.Input, "\r\n", "\n") {
		return nil, err
	}
	if !json.Valid([]byte(input)) {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter, "The input is not JSON.")
	}
	return &input, nil
}

// typed is what somebody wrote into a field with lines, as it was written: browsers end lines in another way.
func typed(form url.Values, field string) string {
	return strings.ReplaceAll(form.Get(field), "\r\n", "\n")
}

// forkRequest reads how a fork begins: before an operation, so that it runs again, or after one that ended with what
// the form says.
func forkRequest(form url.Values) (engine.ForkRequest, error) {
	result, message := typed(form, "result"), form.Get("error-message")
	req := engine.ForkRequest{Before: form.Get("before"), After: form.Get("after")}
	switch form.Get("outcome") {
	case "result":
		req.Outcome = &engine.ForkOutcome{Result: &result}
	case "error":
		if message == "" {
			return req, protocol.Errorf(protocol.CodeInvalidParameter, "Say what the error is.")
		}
		req.Outcome = &engine.ForkOutcome{Error: &protocol.ErrorObject{
			ErrorType: form.Get("error-type"), ErrorMessage: message}}
	}
	return req, nil
}
