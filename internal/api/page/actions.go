package page

import (
	"encoding/json"
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
		"start": s.start,
		"stop": s.on(func(r *http.Request, arn string) error {
			_, err := s.engine.Stop(r.Context(), &engine.StopRequest{
				ARN: arn, Reason: &protocol.ErrorObject{ErrorMessage: "stopped on the page"},
			})
			return err
		}),
		"pause": s.on(func(r *http.Request, arn string) error {
			return s.engine.Pause(r.Context(), &engine.PauseRequest{ARN: arn})
		}),
		"resume": s.on(func(r *http.Request, arn string) error {
			return s.engine.Resume(r.Context(), &engine.ResumeRequest{ARN: arn})
		}),
		"skip": s.on(func(r *http.Request, arn string) error {
			_, err := s.engine.Skip(r.Context(), &engine.SkipRequest{ARN: arn})
			return err
		}),
		"delete":  s.delete,
		"redrive": s.fork(func(url.Values) engine.ForkRequest { return engine.ForkRequest{Redrive: true} }),
		"fork": s.fork(func(form url.Values) engine.ForkRequest {
			return engine.ForkRequest{Before: form.Get("before")}
		}),
		"redrive-failed": s.redriveFailed,

		"succeed": s.succeed,
		"fail":    s.fail,
	}
}

// action runs an act with its form, and sends the browser on.
func (s *site) action(do act) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			s.refuse(w, r, protocol.Errorf(protocol.CodeInvalidParameter, "The form could not be read: %v.", err))
			return
		}
		if err := checkToken(r, r.PostForm); err != nil {
			s.refuse(w, r, err)
			return
		}
		to, err := do(r, r.PostForm)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
}

// on is an act on one execution, after which its page is shown again.
func (s *site) on(do func(r *http.Request, arn string) error) act {
	return func(r *http.Request, form url.Values) (string, error) {
		arn := form.Get("arn")
		return executionPath(arn), do(r, arn)
	}
}

func executionPath(arn string) string {
	return Prefix + "execution?" + url.Values{"arn": {arn}}.Encode()
}

func (s *site) start(r *http.Request, form url.Values) (string, error) {
	event := strings.TrimSpace(form.Get("event"))
	if event != "" && !json.Valid([]byte(event)) {
		return "", protocol.Errorf(protocol.CodeInvalidParameter, "The event is not JSON.")
	}
	started, err := s.engine.Start(r.Context(), &engine.InvokeRequest{
		Function: form.Get("function"), Name: form.Get("name"), Payload: []byte(event),
	})
	if err != nil {
		return "", err
	}
	if !started.Durable {
		return "", protocol.Errorf(protocol.CodeInvalidParameter,
			"%s is not durable: it has no executions. Call it with perdure invoke.", form.Get("function"))
	}
	return executionPath(started.ARN), nil
}

func (s *site) delete(r *http.Request, form url.Values) (string, error) {
	_, err := s.engine.Delete(r.Context(), form.Get("arn"))
	return Prefix, err
}

// fork starts a copy of an execution, whose page is shown then.
func (s *site) fork(request func(url.Values) engine.ForkRequest) act {
	return func(r *http.Request, form url.Values) (string, error) {
		req := request(form)
		req.ARN = form.Get("arn")
		started, err := s.engine.Fork(r.Context(), &req)
		if err != nil {
			return "", err
		}
		return executionPath(started.ARN), nil
	}
}

func (s *site) succeed(r *http.Request, form url.Values) (string, error) {
	err := s.engine.SucceedCallback(r.Context(), form.Get("callback"), []byte(form.Get("result")))
	return executionPath(form.Get("arn")), err
}

func (s *site) fail(r *http.Request, form url.Values) (string, error) {
	err := s.engine.FailCallback(r.Context(), form.Get("callback"),
		&protocol.ErrorObject{ErrorType: "Rejected", ErrorMessage: form.Get("result")})
	return executionPath(form.Get("arn")), err
}
