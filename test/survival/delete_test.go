package survival

import (
	"net/http"
	"testing"
)

// checkDelete: what was deleted is gone, and stays gone.
func checkDelete(t *testing.T, s *server, arns []string) {
	t.Helper()
	for _, arn := range arns {
		if status, err := s.Insist(t.Context(), http.MethodDelete, arn, "", ""); err != nil || status != http.StatusAccepted {
			t.Fatalf("deleting %s: got status %d, %v", arn, status, err)
		}
	}
	s.Restart()
	for _, arn := range arns {
		if status, err := s.Insist(t.Context(), http.MethodGet, arn, "", ""); err != nil || status != http.StatusNotFound {
			t.Errorf("%s, which was deleted: got status %d, %v", arn, status, err)
		}
	}
}
