package server

import (
	"encoding/json"
	"net/http"

	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
)

// own returns the faces of the server itself: the probe of readiness, metrics, and login.
func (s *Server) own(opts *Options) (faces []*route.Face) {
	add := func(login route.Login, routes ...route.Route) {
		for i := range routes {
			routes[i].Quiet = true
		}
		faces = append(faces, route.New(
			route.Face{Service: "perdure", Login: login, Routes: routes, Refuse: lambdaapi.Refuse}, lambdaapi.Shell(opts.Logger)))
	}
	if opts.Ready != nil {
		serve := func(w http.ResponseWriter, r *http.Request, _ string) error {
			return answerReady(w, opts.Ready(r.Context()), s.credentials != nil)
		}
		add(route.Signature,
			route.Route{Method: "GET", Path: "/ready", Operation: "ready", Access: route.Everybody, Serve: serve},
			route.Route{Method: "HEAD", Path: "/ready", Operation: "ready", Access: route.Everybody, Serve: serve})
	}
	if opts.Metrics != nil {
		add(route.Basic, route.Route{Method: "GET", Path: "/metrics", Operation: "metrics", Access: route.Readers, Serve: route.Handler(opts.Metrics)})
	}
	if s.credentials != nil {
		add(route.Session,
			route.Route{Method: "GET", Path: loginPath, Operation: "page", Access: route.Everybody, Serve: s.login.show},
			route.Route{Method: "POST", Path: loginPath, Operation: "page", Access: route.Everybody, Serve: s.login.enter},
			route.Route{Method: "POST", Path: logoutPath, Operation: "page", Access: route.Everybody, Serve: s.login.leave})
	}
	return faces
}

// answerReady answers 200 if the engine takes on work, else 503 with the reason, for balancers and supervisors.
// Where strangers may ask, the reason is left out.
func answerReady(w http.ResponseWriter, notReady error, discreet bool) error {
	answer := struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
	}{Status: "ready"}
	status := http.StatusOK
	if notReady != nil {
		answer.Status, status = "not ready", http.StatusServiceUnavailable
		if !discreet {
			answer.Reason = notReady.Error()
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
	return nil
}
