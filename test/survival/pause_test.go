package survival

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// hold pauses an order for a moment, if it still can be. Both requests are
// repeated until they are acknowledged, whatever is killed meanwhile.
func (s *server) hold(ctx context.Context, arn string) error {
	token := fmt.Sprintf(`{"ClientToken":"%016x"}`, rand.Uint64())
	status, err := s.insist(ctx, http.MethodPost, arn, "/pause", token)
	if err != nil || status == http.StatusConflict { // it has closed
		return err
	}
	time.Sleep(rand.N(300 * time.Millisecond))
	_, err = s.insist(ctx, http.MethodPost, arn, "/resume", token)
	return err
}

// insist makes a request until it is answered, and returns the status.
func (s *server) insist(ctx context.Context, method, arn, suffix, body string) (status int, err error) {
	target := "http://" + s.addr + "/2025-12-01/durable-executions/" + url.PathEscape(arn) + suffix
	for {
		req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode < http.StatusInternalServerError {
				return resp.StatusCode, nil
			}
			err = fmt.Errorf("status %s", resp.Status)
		}
		if pause(ctx) != nil {
			return 0, fmt.Errorf("%s %s%s was never answered: %w", method, arn, suffix, err)
		}
	}
}

// checkPauses: every pause ends, and while one lasts the function does nothing.
func checkPauses(t *testing.T, arn string, events []types.Event) (pauses int) {
	t.Helper()
	paused := false
	for _, ev := range events {
		switch ev.EventType {
		case "ExecutionPaused", "ExecutionResumed": // AWS's client does not know them yet
			if resumed := ev.EventType == "ExecutionResumed"; resumed != paused {
				t.Errorf("%s: event %d is %s, with a pause: %t", arn, aws.ToInt32(ev.EventId), ev.EventType, paused)
			}
			paused = !paused
			pauses++
		case types.EventTypeWaitSucceeded, types.EventTypeInvocationCompleted:
		default:
			if paused {
				t.Errorf("%s: event %d is %s, during a pause", arn, aws.ToInt32(ev.EventId), ev.EventType)
			}
		}
	}
	if paused {
		t.Errorf("%s: it closed during a pause", arn)
	}
	return pauses / 2
}

// checkDelete: what was deleted is gone, and stays gone.
func checkDelete(t *testing.T, s *server, arns []string) {
	t.Helper()
	for _, arn := range arns {
		if status, err := s.insist(t.Context(), http.MethodDelete, arn, "", ""); err != nil || status != http.StatusAccepted {
			t.Fatalf("deleting %s: got status %d, %v", arn, status, err)
		}
	}
	s.kill()
	for _, arn := range arns {
		if status, err := s.insist(t.Context(), http.MethodGet, arn, "", ""); err != nil || status != http.StatusNotFound {
			t.Errorf("%s, which was deleted: got status %d, %v", arn, status, err)
		}
	}
}
