package engine

import (
	"context"
	"errors"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// act acts on one execution, once for each job: the job's id is the token of the act.
func (j *Jobs) act(ctx context.Context, job string, d *jobDocument, arn string) (newARN string, err error) {
	req := &d.JobRequest
	var reason *string
	if req.Reason != "" {
		reason = &req.Reason
	}
	switch req.Action {
	case JobPause:
		return "", j.engine.Pause(ctx, &PauseRequest{ARN: arn, Reason: reason, By: req.By, KeepTimeout: req.KeepTimeout,
			Token: job})
	case JobResume:
		return "", j.engine.Resume(ctx, &ResumeRequest{ARN: arn, Reason: reason, By: req.By, Token: job})
	case JobStop:
		return "", j.stop(ctx, job, req, arn)
	case JobSkip:
		all := req.All || req.Operation != "" // a name may be that of several
		_, err := j.engine.Skip(ctx, &SkipRequest{ARN: arn, Operation: req.Operation, All: all, Token: job})
		return "", err
	case JobRedrive:
		started, err := j.engine.Fork(ctx, &ForkRequest{ARN: arn, Redrive: true, Qualifier: req.Qualifier, Token: job,
			By: req.By, Once: d.Selects.Redriven == RedrivenNo})
		if err != nil {
			return "", err
		}
		return started.ARN, nil
	case JobDelete:
		return "", j.remove(ctx, arn)
	}
	return "", j.complete(ctx, job, req, arn)
}

// remove deletes an execution. One that is gone was there when its chunk was written, so the job has deleted it,
// or somebody else has.
func (j *Jobs) remove(ctx context.Context, arn string) error {
	_, err := j.engine.Delete(ctx, arn)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok && refusal.Code == protocol.CodeNotFound {
		return nil
	}
	return err
}

// stop stops an execution, and refuses one that has ended otherwise.
func (j *Jobs) stop(ctx context.Context, job string, req *JobRequest, arn string) error {
	row, err := j.engine.ledger.known(ctx, arn)
	if err != nil {
		return err
	}
	if row.Status.Closed() && row.Status != protocol.ExecutionStopped {
		return protocol.Errorf(protocol.CodeConflict, "The execution has ended: %s", row.Status)
	}
	stop := &StopRequest{ARN: arn, By: req.By, Kill: req.Kill, Cascade: req.Cascade, Token: job}
	if req.Reason != "" {
		stop.Reason = &protocol.ErrorObject{ErrorMessage: req.Reason}
	}
	_, err = j.engine.Stop(ctx, stop)
	return err
}

// complete completes the callbacks for which an execution waits: all in one entry, so that one token stands for
// them.
func (j *Jobs) complete(ctx context.Context, job string, req *JobRequest, arn string) error {
	_, err := updateNamed(ctx, j.engine.ledger, arn, once(job, func(d *machine.Draft) (none, error) {
		open := d.OpenCallbacks(req.Operation)
		if len(open) == 0 {
			return none{}, protocol.Errorf(protocol.CodeConflict, "The execution waits for no such callback")
		}
		for _, cb := range open {
			var err error
			if req.Action == JobSucceed {
				err = d.SucceedCallback(cb.Position, cb.ID, req.Result)
			} else {
				err = d.FailCallback(cb.Position, cb.ID, req.callbackError())
			}
			if err != nil {
				return none{}, err
			}
		}
		return none{}, nil
	}), nothing)
	return err
}

// callbackError is the error with which callbacks fail.
func (r *JobRequest) callbackError() *protocol.ErrorObject {
	if r.Error == nil && r.Reason != "" {
		return &protocol.ErrorObject{ErrorMessage: r.Reason}
	}
	return r.Error
}
