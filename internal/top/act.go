package top

import (
	"context"
	"errors"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/protocol"
)

// act is what somebody wants to be done to one execution.
type act struct {
	verb     string
	arn      string
	name     string
	question string
	do       func(ctx context.Context, c *client.Client, arn string) (done string, err error)
}

// actedMsg says what came of an act.
type actedMsg struct {
	of   *act
	done string
	err  error
}

// actOf returns the act that a key stands for, or why there is none.
func actOf(key string, e *Execution) (*act, error) {
	a := &act{arn: e.DurableExecutionArn, name: e.name()}
	paused := e.Status == protocol.ExecutionPaused || e.Status == protocol.ExecutionPausing
	switch {
	case key == "r" && (e.EndTimestamp == 0 || e.Status == protocol.ExecutionSucceeded):
		return nil, errors.New("only what failed, timed out or was stopped can be redriven")
	case key == "r":
		a.verb, a.question, a.do = "redrive", "Redrive it? A copy of it tries again what failed.", redrive
	case e.EndTimestamp != 0:
		return nil, errors.New("it is over")
	case key == "s":
		a.verb, a.question, a.do = "stop", "Stop it for good?", stop
	case paused:
		a.verb, a.question, a.do = "resume", "Resume it?", resume
	default:
		a.verb, a.question, a.do = "pause", "Pause it until somebody resumes it?", pause
	}
	return a, nil
}

// run does it.
func (a *act) run(ctx context.Context, c *client.Client) tea.Cmd {
	return func() tea.Msg {
		done, err := a.do(ctx, c, a.arn)
		return actedMsg{a, done, err}
	}
}

const actReason = "asked for in perdure top"

func pause(ctx context.Context, c *client.Client, arn string) (string, error) {
	return "it is paused", c.Pause(ctx, arn, actReason, false)
}

func resume(ctx context.Context, c *client.Client, arn string) (string, error) {
	return "it goes on", c.Resume(ctx, arn, actReason)
}

func stop(ctx context.Context, c *client.Client, arn string) (string, error) {
	reason := &protocol.ErrorObject{ErrorMessage: actReason}
	return "it is stopped", c.StopAll(ctx, arn, &adminapi.Stop{Error: reason})
}

func redrive(ctx context.Context, c *client.Client, arn string) (string, error) {
	forked, err := c.Redrive(ctx, arn, &adminapi.Fork{})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("it goes on as %s", cli.Printable(forked.DurableExecutionName)), nil
}
