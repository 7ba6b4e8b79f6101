package durabletest

import (
	"context"

	"github.com/perdure/perdure/engine"
)

// Pause pauses the execution, as a person would: waits and callbacks go on, but the function is not invoked, and an
// invocation under way ends at its next checkpoint. Without an [Execution.Resume] the execution times out, 366 days
// after its start.
func (x *Execution) Pause() {
	x.t.Helper()
	if err := x.engine.Pause(context.Background(), &engine.PauseRequest{ARN: x.ARN()}); err != nil {
		x.t.Fatalf("durabletest: pausing the execution: %v", err)
	}
}

// Resume ends a pause.
func (x *Execution) Resume() {
	x.t.Helper()
	if err := x.engine.Resume(context.Background(), &engine.ResumeRequest{ARN: x.ARN()}); err != nil {
		x.t.Fatalf("durabletest: resuming the execution: %v", err)
	}
}
