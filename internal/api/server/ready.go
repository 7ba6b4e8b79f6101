package server

import (
	"encoding/json"
	"net/http"
)

// ready answers 200 if the engine takes work on, else 503 with the reason, as
// balancers and supervisors want it.
func (f *Faces) ready(w http.ResponseWriter, r *http.Request) {
	answer := struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
	}{Status: "ready"}
	status := http.StatusOK
	if err := f.Ready(r.Context()); err != nil {
		answer.Status, answer.Reason = "not ready", err.Error()
		if f.discreet {
			answer.Reason = ""
		}
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}
