package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
	"github.com/perdure/perdure/protocol"
)

const (
	// errorTypeEntrypoint is the error of a function whose command cannot be executed.
	errorTypeEntrypoint = "Runtime.InvalidEntrypoint"
	// errorTypeMemory is the error of a process that used more than its memory.
	errorTypeMemory = "Runtime.OutOfMemory"
)

// failure is an outcome in the words of Lambda's own errors.
func failure(inv *engine.Invocation, errorType, text string) engine.Outcome {
	return engine.Outcome{Error: protocol.InvocationError(inv.RequestID, errorType, "%s", text)}
}

func unstarted(inv *engine.Invocation, errorType, text string) engine.Outcome {
	out := failure(inv, errorType, text)
	out.Unstarted = true
	return out
}

// interrupted is the outcome of an invocation whose context is done.
func interrupted(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	if context.Cause(ctx) != context.DeadlineExceeded {
		return failure(inv, protocol.ErrorTypeSandboxFailure, "The invocation was cancelled")
	}
	return failure(inv, protocol.ErrorTypeTimedOut,
		fmt.Sprintf("Task timed out after %.2f seconds", inv.Timeout.Seconds()))
}

// cancelled is interrupted for an invocation without a process.
func cancelled(inv *engine.Invocation) engine.Outcome {
	return unstarted(inv, protocol.ErrorTypeSandboxFailure,
		"The invocation was cancelled while it waited for a function process")
}

// exited is the outcome of an invocation whose process ended without an answer.
func (p *Pool) exited(inv *engine.Invocation, proc *process) engine.Outcome {
	errorType, text := p.end(proc)
	return failure(inv, errorType, text)
}

// end says how a process ended, and why, as far as that is known.
func (p *Pool) end(proc *process) (errorType, text string) {
	errorType, text = protocol.ErrorTypeExit, exitText(proc.state)
	if used := proc.overMemory.Load(); used > 0 {
		return errorTypeMemory, text + fmt.Sprintf(" (it used %d MB of %d MB)", used>>20, p.cfg.MemoryMB)
	}
	if n := proc.overTasks.Load(); n > 0 {
		return errorType, text + fmt.Sprintf(" (it had %d processes and threads, and may have %d)", n, maxTasks)
	}
	if proc.starved {
		return errorType, text + " (the system ran out of memory, and ended a process, while this one ran)"
	}
	return errorType, text
}

// isKilled reports whether a process was killed, or is a shell that says so of its command.
func isKilled(state *os.ProcessState) bool {
	if state == nil {
		return false
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL || state.ExitCode() == 128+int(syscall.SIGKILL)
}

func exitText(state *os.ProcessState) string {
	if state != nil && state.Success() {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + describe(state)
}

func describe(state *os.ProcessState) string {
	if state == nil {
		return "unknown"
	}
	return state.String()
}

// notStarted is the outcome of an invocation for which no process could be started.
func notStarted(inv *engine.Invocation, err error) engine.Outcome {
	if _, ok := errors.AsType[*entrypointError](err); ok {
		return failure(inv, errorTypeEntrypoint, err.Error())
	}
	return unstarted(inv, protocol.ErrorTypeSandboxFailure, err.Error())
}

// initFailed is the outcome of an invocation whose new process ended without a poll; err is the error of the wait
// for the poll.
func (p *Pool) initFailed(inv *engine.Invocation, proc *process, err error) engine.Outcome {
	reported, ok := errors.AsType[*runtimeapi.InitError](err)
	switch {
	case ok:
		return engine.Outcome{Error: reported.Object, ErrorPayload: reported.Document}
	case p.closing.Err() != nil:
		return unstarted(inv, protocol.ErrorTypeSandboxFailure, "the sandbox was closed")
	case proc.overMemory.Load() > 0, proc.overTasks.Load() > 0, errors.Is(err, runtimeapi.ErrClosed):
		errorType, text := p.end(proc)
		return failure(inv, errorType, text+" before it asked for an invocation"+proc.lastWords())
	default:
		return failure(inv, protocol.ErrorTypeTimedOut,
			fmt.Sprintf("the function did not ask for an invocation within %.2f seconds of its start; does it call a "+
				"Lambda runtime client (lambda.Start, durable.Start)?%s",
				p.cfg.InitTimeout.Seconds(), proc.lastWords()))
	}
}

// lastWords are the last lines that the process wrote to stderr, on lines of their own.
func (proc *process) lastWords() string {
	if len(proc.stderr.tail) == 0 {
		return ""
	}
	return "\n" + strings.Join(proc.stderr.tail, "\n")
}
