package sandbox

import (
	"context"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// Warm starts a process that waits for the next invocation, unless there is
// one. It returns when the process is ready, with nil, or when it is known that
// it will not be, with what the invocation would have failed with. Either
// way, what the process has written has reached Config.Output.
func (p *Pool) Warm(ctx context.Context) *protocol.ErrorObject {
	inv := &engine.Invocation{RequestID: "-"}
	if !p.begin() {
		return unstarted(inv, protocol.ErrorTypeSandboxFailure, "the sandbox is closed").Error
	}
	defer p.work.Done()
	if failed := p.takeSlot(ctx, inv); failed != nil {
		return failed.Error
	}
	if idle := p.shelfOf(inv).take(ctx, 0); idle != nil {
		p.release(idle)
		return nil
	}
	proc, failed := p.start(inv)
	if proc == nil {
		<-p.slots
		return failed.Error
	}
	proc.flush()
	p.output.sync()
	p.release(proc)
	return nil
}
