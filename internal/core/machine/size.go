package machine

import (
	"unsafe"

	"github.com/perdure/perdure/protocol"
)

// Size is about how many bytes of memory the execution takes: what it is made
// of, not what was read to make it. It is counted as the execution changes, at a
// cost that does not depend on how much there is of it.
func (x *Execution) Size() int {
	const (
		fixed    = 2048 // with the identity
		position = int(unsafe.Sizeof(0))
		timers   = int(unsafe.Sizeof(timer{}))
	)
	return fixed + x.opsSize + x.replySize + textSize(x.result) + errorSize(x.err) + errorSize(x.failure) +
		position*(cap(x.told)+cap(x.news)) + timers*cap(x.timers)
}

// perOperation is what an operation takes besides its texts: itself, its place
// among the others, and the way there from its id.
const perOperation = int(unsafe.Sizeof(operation{})) + 2*int(unsafe.Sizeof(&operation{})) + 64

// memory is what the operation takes.
func (o *operation) memory() int {
	n := perOperation + textsOf(&o.Operation)
	if t := o.invoke; t != nil {
		n += int(unsafe.Sizeof(*t)) + len(t.Function) + len(t.Version) + len(t.ARN) + len(t.TenantID) + len(t.TraceHeader) + textSize(t.Input)
	}
	return n
}

func textsOf(o *protocol.Operation) int {
	return len(o.ID) + len(o.ParentID) + len(o.Name) + len(o.SubType) + len(o.CallbackID) + textSize(o.Payload) + errorSize(o.Error)
}

// memory is what is kept of a reply: operations as they were then.
func (r *Reply) memory() int {
	n := 256
	for _, o := range r.Operations {
		n += perOperation + textsOf(o)
	}
	return n
}

func textSize(s *string) int {
	if s == nil {
		return 0
	}
	return int(unsafe.Sizeof(*s)) + len(*s)
}

// errorSize counts the lines of a stack by what they take, be they empty.
func errorSize(e *protocol.ErrorObject) int {
	if e == nil {
		return 0
	}
	n := int(unsafe.Sizeof(*e)) + len(e.ErrorMessage) + len(e.ErrorType) + len(e.ErrorData) + cap(e.StackTrace)*int(unsafe.Sizeof(""))
	for _, line := range e.StackTrace {
		n += len(line)
	}
	return n
}
