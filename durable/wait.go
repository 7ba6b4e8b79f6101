package durable

import (
	"time"

	"github.com/perdure/perdure/internal/wire"
)

var waitKind = &kind{call: "durable.Wait", typ: wire.TypeWait, subType: wire.SubTypeWait}

// Wait lets d pass. The execution is suspended meanwhile, unless other code of
// it runs, and costs nothing; the service wakes it up, by its own clock, and
// no crash shortens or restarts the wait. That it begins is recorded by the
// function, and that it has passed by the service; later runs return at once.
//
// d is at least a second and at most 366 days; fractions of a second are
// rounded up. The name is as for [Step]. The only errors are of arguments that
// break these rules.
func Wait(ctx Context, name string, d time.Duration) error {
	switch {
	case d < time.Second:
		return waitKind.errorf(name, "the duration is %v; the service waits at least 1s", d)
	case d > maxWait:
		return waitKind.errorf(name, "the duration is %v; the service waits at most %v (366 days)", d, maxWait)
	}
	o, err := waitKind.begin(ctx, name)
	if err != nil {
		return err
	}
	switch op := o.known.op; {
	case op == nil || !op.Status.Closed():
		o.wait(d)
	case op.Status == wire.StatusCancelled:
		o.linger()
	}
	o.end()
	return nil
}

func (o *operation) wait(d time.Duration) {
	id := o.id()
	if o.known.op == nil {
		u := o.update(id, wire.ActionStart)
		u.WaitOptions = &wire.WaitOptions{WaitSeconds: int64((d + time.Second - 1) / time.Second)}
		o.scope.run.send(o.scope, u)
	}
	cancel := o.update(id, wire.ActionCancel)
	o.park(id, o.known.op, &cancel)
}
