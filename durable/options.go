package durable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/perdure/perdure/durable/plugin"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// An option of one operation is beside that operation, such as those of Map in batchoptions.go, and has a line in
// compile_test.go. Options that several operations take are here.

// HandlerOption changes a handler; see [Start].
type HandlerOption interface{ applyHandler(*handlerConfig) }

// StepOption changes one step; see [Step].
type StepOption interface{ applyStep(*stepConfig) }

// ChildOption changes one child context; see [RunInChildContext].
type ChildOption interface{ applyChild(*childConfig) }

type handlerConfig struct {
	settings
	client     Client
	logger     *slog.Logger
	replayLogs bool
	plugins    []*plugin.Plugin // each with every hook
	unchecked  bool             // see WithGoroutineChecks
	errors     errorCodecs
	pipelined  bool
}

type stepConfig struct {
	retry      retry.Policy
	serdes     Serdes
	atMostOnce bool
	subType    *string
	timeout    *time.Duration // of an attempt
	budget     *int           // of attempts; nil is the handler's
}

type childConfig struct {
	serdes    Serdes
	subType   *string
	virtual   bool
	timeout   *time.Duration
	mapErrors errorMapping
	maps      bool // mapErrors was given
}

// WithRetry sets the retry policy of operations that retry.
func WithRetry(policy retry.Policy) interface {
	StepOption
	WaitForCallbackOption
	RetryGroupOption
} {
	return retryOption(policy)
}

// WithAtMostOncePerRetry never runs an attempt twice: its start is durable before the body runs, and an interrupted
// attempt counts as failed with a [*StepInterruptedError]. The retry policy then decides; with [retry.None] the
// body runs at most once in all. Without this option an interrupted attempt runs again, which is right for work
// that can be repeated, such as work under an [IdempotencyKey].
func WithAtMostOncePerRetry() StepOption { return atMostOnceOption{} }

// WithSerdes sets how values are written to the history; nil is the default. Do not change it while executions are
// open: they must read values as they wrote them. On a handler, or with [With], it is the default of all
// operations; the execution's input and result, which others write and read, are always JSON.
func WithSerdes(s Serdes) interface {
	HandlerOption
	ContextOption
	StepOption
	ChildOption
	SagaOption
	InvokeOption
	CallbackOption
	WaitForCallbackOption
	ConditionOption
	BatchOption
	RetryGroupOption
} {
	return serdesOption{s}
}

// WithTimeout bounds a time: of a step, each attempt; of a callback, the time until it is completed; of a child
// context, the time from its start, over all invocations, until its function returns.
func WithTimeout(d time.Duration) interface {
	StepOption
	ChildOption
	CallbackOption
	WaitForCallbackOption
} {
	return timeoutOption(d)
}

// WithAttemptBudget bounds how often the body of a step may begin, interrupted attempts included. Without it, a
// step that kills the function, say by running out of memory, begins again with each new invocation until the
// execution times out: the service knows that an attempt began, not how often. With it, an interrupted attempt is
// recorded as failed with a [*StepInterruptedError]; the step begins again after the delay of its [retry.Policy],
// whatever else that says, and fails for good with the last of the budget. The policy decides about other failures,
// up to the same budget.
//
// The start of an attempt must be durable before its body runs, which costs each step a call of the service. On a
// handler, or with [With], it is the budget of every step without one of its own.
func WithAttemptBudget(attempts int) interface {
	HandlerOption
	ContextOption
	StepOption
} {
	return attemptBudgetOption(attempts)
}

// WithSubType gives an operation another subtype, for people and tools that read histories: 1 to 32 letters,
// digits, - and _, and none of the SDKs' own. Replay compares it like the name.
func WithSubType(subType string) interface {
	StepOption
	ChildOption
	SagaOption
	CallbackOption
} {
	return subTypeOption(subType)
}

// WithClient sets the service that records executions; the default is the Lambda API that the environment names.
func WithClient(c Client) HandlerOption {
	return handlerOption(func(cfg *handlerConfig) { cfg.client = c })
}

// WithLogger sets the logger beneath [Context.Logger] and [Logger]; the default writes JSON lines on standard
// error. With [With] it may derive from [Context.Logger], to add attributes to every line.
func WithLogger(l *slog.Logger) interface {
	HandlerOption
	ContextOption
} {
	return loggerOption{l}
}

// WithReplayLogs makes [Context.Logger] write on replays, too, with the attribute "replay". Without it each line is
// written once over all invocations. Use it to find out what a replay does.
func WithReplayLogs() HandlerOption {
	return handlerOption(func(cfg *handlerConfig) { cfg.replayLogs = true })
}

// WithPipelining gives code the results of operations before they are durable, so that it does not wait for the
// service after each of them: in a chain of short steps, all that end during one call share the next one.
//
// Effects outside of the execution wait until everything before them is durable: the START of a step that is
// [WithAtMostOncePerRetry] or has an attempt budget, an [Invoke], the id of a callback, a suspension, the handler's
// answer. The bodies of other steps do not wait. So after a crash, finished steps without a durable result run
// again, too, and may then do or return something else, although later steps have used their first result. Use it
// where steps are idempotent and depend on nothing that changes, or give [WithAtMostOncePerRetry] to those that
// must act on durable results only.
func WithPipelining() HandlerOption {
	return handlerOption(func(cfg *handlerConfig) { cfg.pipelined = true })
}

// WithPlugins adds plugins, which hear of everything in the given order. They are copied.
func WithPlugins(plugins ...*plugin.Plugin) HandlerOption {
	return handlerOption(func(cfg *handlerConfig) {
		for _, p := range plugins {
			if p == nil {
				panic("perdure: a plugin is nil")
			}
			cfg.plugins = append(cfg.plugins, complete(p))
		}
	})
}

// WithErrors declares errors for [errors.As] and [errors.Is] to find on every run, the first and any replay. The
// first codec that matches an error records it. Codecs belong to a handler rather than to the process, so two
// handlers in one process never fight over a name.
func WithErrors(codecs ...ErrorCodec) HandlerOption {
	return handlerOption(func(cfg *handlerConfig) { cfg.errors = append(cfg.errors, codecs...) })
}

type (
	handlerOption    func(*handlerConfig)
	retryOption      retry.Policy
	atMostOnceOption struct{}
	serdesOption     struct{ serdes Serdes }
	timeoutOption    time.Duration
	subTypeOption    string
	loggerOption     struct{ logger *slog.Logger }

	attemptBudgetOption int
)

func (o handlerOption) applyHandler(c *handlerConfig)          { o(c) }
func (o loggerOption) applyHandler(c *handlerConfig)           { c.logger = o.logger }
func (o retryOption) applyStep(c *stepConfig)                  { c.retry = retry.Policy(o) }
func (atMostOnceOption) applyStep(c *stepConfig)               { c.atMostOnce = true }
func (o serdesOption) applyHandler(c *handlerConfig)           { c.serdes = o.serdes }
func (o serdesOption) applyStep(c *stepConfig)                 { c.serdes = o.serdes }
func (o serdesOption) applyChild(c *childConfig)               { c.serdes = o.serdes }
func (o serdesOption) applySaga(c *childConfig)                { c.serdes = o.serdes }
func (o subTypeOption) applySaga(c *childConfig)               { o.applyChild(c) }
func (o serdesOption) applyInvoke(c *invokeConfig)             { c.serdes = o.serdes }
func (o serdesOption) applyCallback(c *callbackConfig)         { c.serdes = o.serdes }
func (o serdesOption) applyWaitForCallback(c *callbackConfig)  { c.serdes = o.serdes }
func (o serdesOption) applyCondition(c *conditionConfig)       { c.serdes = o.serdes }
func (o retryOption) applyWaitForCallback(c *callbackConfig)   { c.retry = retry.Policy(o) }
func (o timeoutOption) applyStep(c *stepConfig)                { d := time.Duration(o); c.timeout = &d }
func (o timeoutOption) applyChild(c *childConfig)              { d := time.Duration(o); c.timeout = &d }
func (o timeoutOption) applyCallback(c *callbackConfig)        { d := time.Duration(o); c.timeout = &d }
func (o timeoutOption) applyWaitForCallback(c *callbackConfig) { o.applyCallback(c) }
func (o attemptBudgetOption) applyHandler(c *handlerConfig)    { c.budget = int(o) }
func (o attemptBudgetOption) applyStep(c *stepConfig)          { c.budget = (*int)(&o) }
func (o subTypeOption) applyStep(c *stepConfig)                { c.subType = (*string)(&o) }
func (o subTypeOption) applyChild(c *childConfig)              { c.subType = (*string)(&o) }
func (o subTypeOption) applyCallback(c *callbackConfig)        { c.subType = (*string)(&o) }

// The configurations of operations without options: replay shares them, so that it does not allocate.
var (
	defaultStep  stepConfig
	defaultChild childConfig
)

// applyOptions applies the options of one call to its configuration; apply is the option type's method for that. It
// applies all it can and returns the error, which counts only on the first run.
func applyOptions[O, C any](cfg *C, opts []O, apply func(O, *C)) (err error) {
	for _, o := range opts {
		if any(o) == nil {
			err = errNilOption
			continue
		}
		apply(o, cfg)
	}
	return err
}

// missing stands in for a nil function in a recorded call.
func missing[C, T any](C) (v T, err error) { return v, errNilFunction }

var errNilOption = errors.New("an option is nil")

func newStepConfig(opts []StepOption) (*stepConfig, error) {
	if len(opts) == 0 {
		return &defaultStep, nil
	}
	cfg := new(stepConfig)
	if err := applyOptions(cfg, opts, StepOption.applyStep); err != nil {
		return cfg, err
	}
	if cfg.timeout != nil && *cfg.timeout <= 0 {
		return cfg, fmt.Errorf("the timeout is %v; it must be positive", *cfg.timeout)
	}
	if cfg.budget != nil && *cfg.budget < 1 {
		return cfg, fmt.Errorf("the attempt budget is %d; it must be at least 1", *cfg.budget)
	}
	return cfg, errors.Join(cfg.retry.Validate(), validateSubType(cfg.subType))
}

func newChildConfig[O any](opts []O, apply func(O, *childConfig)) (*childConfig, error) {
	if len(opts) == 0 {
		return &defaultChild, nil
	}
	cfg := new(childConfig)
	if err := applyOptions(cfg, opts, apply); err != nil {
		return cfg, err
	}
	return cfg, cfg.validate()
}

func validateSubType(subType *string) error {
	switch {
	case subType == nil:
		return nil
	case !protocol.ValidID(*subType, protocol.MaxSubType):
		return fmt.Errorf("the subtype %q is not 1 to %d letters, digits, - and _", *subType, protocol.MaxSubType)
	case slices.Contains(reservedSubTypes, *subType):
		return fmt.Errorf("the subtype %q is one that the SDKs use themselves; choose another", *subType)
	}
	return nil
}

var reservedSubTypes = []string{
	protocol.SubTypeStep, protocol.SubTypeWaitForCondition, protocol.SubTypeWait, protocol.SubTypeCallback,
	protocol.SubTypeWaitForCallback,
	protocol.SubTypeChainedInvoke, protocol.SubTypeRunInChildContext, protocol.SubTypeMap, protocol.SubTypeMapIteration,
	protocol.SubTypeParallel, protocol.SubTypeParallelBranch, subTypeDag, subTypeDagTask, subTypeDeadline,
	subTypeVersion, subTypeNow,
}

// Subtypes of our own.
const (
	subTypeDag      = protocol.SubTypeDag
	subTypeDagTask  = "DagTask"
	subTypeDeadline = "Deadline"
	subTypeVersion  = "Version"
	subTypeNow      = "Now"
)

// settings hold a handler's options for all operations, and those of [With].
type settings struct {
	serdes  Serdes
	budget  int          // of a step's attempts; 0 is none
	handler slog.Handler // beneath all loggers; nil is the invocation's
}

// settingsKey is the context key under which a *settings is found.
type settingsKey struct{}

func settingsOf(ctx context.Context) *settings {
	set, _ := ctx.Value(settingsKey{}).(*settings)
	return set
}

func (o *operation) settings() *settings {
	if s, ok := o.ctx.(*scope); ok {
		return s.settings
	}
	return settingsOf(o.ctx)
}

// ContextOption changes the defaults of a part of the code; see [With].
type ContextOption interface {
	applyContext(s *scope, set *settings)
}

// With returns ctx with other defaults, for operations under it, for what is inside of them, and for loggers.
//
//	ctx = durable.With(ctx, durable.WithLogger(ctx.Logger().With("order", order.ID)))
//
// It takes the place of ctx in the same code, and belongs to the same goroutine. With panics if ctx is not a
// durable context, or an option is nil.
func With(ctx Context, opts ...ContextOption) Context {
	s := scopeOf(ctx)
	if s == nil {
		panic("perdure: durable.With: ctx is not a durable context; pass the one that the handler or the " +
			"child context got")
	}
	set := *settingsOf(ctx)
	for _, o := range opts {
		if o == nil {
			panic("perdure: durable.With: an option is nil")
		}
		o.applyContext(s, &set)
	}
	return derived{context.WithValue(ctx, settingsKey{}, &set), s}
}

func (o serdesOption) applyContext(_ *scope, set *settings) {
	if o.serdes != nil {
		set.serdes = o.serdes
	}
}

func (o attemptBudgetOption) applyContext(_ *scope, set *settings) {
	if o < 0 {
		panic("perdure: durable.With: the attempt budget is negative")
	}
	set.budget = int(o)
}

func (o loggerOption) applyContext(s *scope, set *settings) {
	if o.logger != nil {
		set.handler = s.run.log.of(o.logger, set)
	}
}
