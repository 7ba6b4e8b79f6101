package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/core/standstill"
	"github.com/perdure/perdure/protocol"
)

// Function is one version of a function that the engine can invoke.
type Function struct {
	Name    string // the function's name: letters, digits, - and _, at most 64
	Version string // a number, or $LATEST, which is the default
	// Invoker runs its invocations.
	Invoker Invoker `json:"-"`
	// Timeout bounds one invocation from when the function has it; the default is 3 s, as on Lambda. Lambda's limit of
	// 900 s holds only if the engine is strict.
	Timeout time.Duration
	// StartTimeout bounds the time before that, in which the Invoker starts a process, say. The default is 30 s.
	StartTimeout time.Duration
	// Concurrency bounds invocations at one time; the default is 100.
	Concurrency int
	// Durable makes the function durable; nil is a plain function.
	Durable *DurableConfig
	// PerTenant makes every invocation name its tenant. An Invoker must not let one process serve two tenants.
	PerTenant bool

	// The engine tells the following to those who ask, and does nothing else with it.

	Description string // for people
	// Runtime and Handler say how the code is run, in Lambda's words, such as provided.al2023 and bootstrap.
	Runtime, Handler string
	MemoryMB         int // how much memory a process of the function may use
	// Environment has the names of the function's own environment variables. Nobody is told their values.
	Environment []string `json:",omitempty"`
	// PerProcess is how many invocations a process may run at one time. Zero leaves it to what runs the processes.
	PerProcess int `json:",omitempty"`
}

// DurableConfig holds the settings of a durable function.
type DurableConfig struct {
	// ExecutionTimeout bounds an execution from its start to its end, waits included: whole seconds, 1 s to 366 days.
	ExecutionTimeout time.Duration
	RetentionDays    int // how long a closed execution stays readable: 1 to 90 days; the default is 14
	// Crashes is when an execution is given up whose invocations fail; zero is the engine's limit.
	Crashes CrashLimit `json:",omitzero"`
}

func (f *Function) setDefaults() {
	f.Version = cmp.Or(f.Version, protocol.LatestVersion)
	f.Timeout = cmp.Or(f.Timeout, 3*time.Second)
	f.StartTimeout = cmp.Or(f.StartTimeout, 30*time.Second)
	f.Concurrency = cmp.Or(f.Concurrency, 100)
}

func checkSettings(f *Function, strict bool) error {
	if !protocol.ValidID(f.Name, protocol.MaxFunctionName) {
		return errors.New("a name is 1 to 64 letters, digits, - and _")
	}
	if !validVersion(f.Version) {
		return fmt.Errorf("version %q is neither %s nor a number", f.Version, protocol.LatestVersion)
	}
	if f.Timeout < 0 || f.StartTimeout < 0 || f.Concurrency < 0 {
		return errors.New("timeouts and concurrency cannot be negative")
	}
	if strict && f.Timeout > protocol.MaxFunctionSeconds*time.Second {
		return fmt.Errorf("a timeout is at most %d s, not %v", protocol.MaxFunctionSeconds, f.Timeout)
	}
	c := f.Durable
	if c == nil {
		return nil
	}
	if c.ExecutionTimeout < time.Second || c.ExecutionTimeout > protocol.MaxWaitSeconds*time.Second {
		return fmt.Errorf("an execution timeout is between 1 s and 366 days, not %v", c.ExecutionTimeout)
	}
	if c.RetentionDays < 0 || c.RetentionDays > protocol.MaxRetentionDays {
		return fmt.Errorf("a retention is between 1 and %d days, not %d", protocol.MaxRetentionDays, c.RetentionDays)
	}
	return nil
}

func validVersion(v string) bool { return v == protocol.LatestVersion || isNumber(v) }

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// CheckTenant refuses an invocation without a tenant if the function keeps its tenants apart, and, if strict, one with
// a tenant of any other function.
func (f *Function) CheckTenant(tenantID string, strict bool) error {
	switch {
	case f.PerTenant && tenantID == "":
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"The invoked function is enabled with tenancy configuration. "+
				"Add a valid tenant ID in your request and try again.")
	case strict && !f.PerTenant && tenantID != "":
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"The invoked function is not enabled with tenancy configuration. "+
				"Remove the tenant ID from your request and try again.")
	}
	return nil
}

// Invoker runs invocations of one function version.
type Invoker interface {
	// Invoke runs one invocation and returns the function's answer. It may be called concurrently, up to the function's
	// concurrency. It must return soon after ctx is done. The engine cancels ctx when it closes, and when StartTimeout
	// and Timeout together have passed; then it records the timeout itself. Whatever happens inside the function is an
	// Outcome; there is no other failure. Once the function has inv's payload, which may be large, Invoke may set that
	// to nil; not if the outcome is Unstarted.
	Invoke(ctx context.Context, inv *Invocation) Outcome
}

// Awaiter is an [Invoker] whose function is not always there: workers attach to it when they please, say.
type Awaiter interface {
	// Await returns when the function can be invoked, when the Invoker is closed, or when ctx is done. Nothing is
	// recorded of it.
	Await(ctx context.Context)
	// Present reports whether Await would return at once. A node of a fleet takes only work for functions that are.
	Present() bool
}

// Invocation is one call of a function.
type Invocation struct {
	RequestID   string        // a UUID, new for each invocation
	FunctionARN string        // qualified with the version
	Timeout     time.Duration // how long the function may take once it has the invocation
	// Deadline is when that time is over. The engine leaves it zero; the Invoker sets it when the function, which may
	// have to be started first, gets the invocation.
	Deadline      time.Time
	Payload       []byte // the JSON that the function receives
	TraceID       string // X-Ray header
	TenantID      string // may be empty
	ClientContext string // from the caller of a plain function, decoded
	ExecutionARN  string // empty for a plain function

	held    *atomic.Pointer[func() bool] // set by Hold; nil outside of the engine
	serving context.Context              // ends when the engine must not run it any more
}

// Outcome is how an invocation ended: with a payload, or with an error.
type Outcome struct {
	Payload []byte // the function's answer, if Error is nil
	// Error is set if the function failed to answer: it reported an error, crashed, timed out or could not be started.
	Error *protocol.ErrorObject
	// ErrorPayload is the error document that the function reported, for callers of plain functions; it may be empty.
	ErrorPayload []byte
	// Init is how long the invocation waited for a process to start; zero if one was ready, or there is none. It is
	// recorded with the invocation's end. Of several that waited for one process each has it.
	Init time.Duration
	// Unstarted says that the function was never reached. Its code is not to blame: the invocation is repeated soon,
	// and does not count as a failure of the function.
	Unstarted bool
}

// Hold is for the [Invoker] that runs inv: while held returns true, the engine does not cancel the invocation for
// taking too long. So a debugger can stop the function's process.
func (inv *Invocation) Hold(held func() bool) {
	if inv.held != nil {
		inv.held.Store(&held)
	}
}

// holdEvery is how often held is asked.
const holdEvery = time.Second

// limit returns a context that ends after d, or later if inv is held.
func (inv *Invocation) limit(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	held := new(atomic.Pointer[func() bool])
	inv.held = held
	return standstill.WithDeadline(ctx, time.Now().Add(d), holdEvery, func() bool {
		isHeld := held.Load()
		return isHeld != nil && (*isHeld)()
	})
}
