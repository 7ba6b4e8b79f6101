package durable

import (
	"errors"
	"fmt"
	"log/slog"
)

// HandlerOption changes a handler; see [Start].
type HandlerOption interface{ applyHandler(*handlerConfig) }

// StepOption changes one step; see [Step].
type StepOption interface{ applyStep(*stepConfig) }

// ChildOption changes one child context; see [RunInChildContext].
type ChildOption interface{ applyChild(*childConfig) }

// RetryOption is an option of operations that retry.
type RetryOption interface{ StepOption }

// SerdesOption is an option of operations that store a value. On a handler it
// sets the default of all its operations; the execution's input and result,
// which others write and read, are always JSON.
type SerdesOption interface {
	HandlerOption
	StepOption
	ChildOption
}

// Semantics says what happens to a step whose attempt was interrupted.
type Semantics int

const (
	// AtLeastOncePerRetry runs an interrupted attempt again. It is the
	// default, and right for work that can be repeated, such as work under
	// an [IdempotencyKey].
	AtLeastOncePerRetry Semantics = iota
	// AtMostOncePerRetry never runs an attempt twice: that it starts is made
	// durable before the body runs, and an interrupted attempt counts as
	// failed with a [*StepInterruptedError]. The retry policy then decides;
	// with [NoRetry] the body runs at most once in all.
	AtMostOncePerRetry
)

type handlerConfig struct {
	client Client
	logger *slog.Logger
	serdes Serdes
	errors errorCodecs
}

type stepConfig struct {
	retry     RetryPolicy
	serdes    Serdes
	semantics Semantics
}

type childConfig struct {
	serdes Serdes
}

// WithRetry sets the retry policy.
func WithRetry(policy RetryPolicy) RetryOption { return retryOption(policy) }

// WithSemantics says how an interrupted attempt of a step is treated.
func WithSemantics(s Semantics) StepOption { return semanticsOption(s) }

// WithSerdes sets how values are written to the history. What an execution
// wrote with one, it must read with the same.
func WithSerdes(s Serdes) SerdesOption { return serdesOption{s} }

// WithClient sets the service that records executions, in place of the Lambda
// API that the environment names.
func WithClient(c Client) HandlerOption {
	return handlerOption(func(cfg *handlerConfig) { cfg.client = c })
}

// WithLogger sets the logger under [Context.Logger], in place of JSON lines on
// standard error.
func WithLogger(l *slog.Logger) HandlerOption {
	return handlerOption(func(cfg *handlerConfig) { cfg.logger = l })
}

// WithErrors declares errors that [errors.As] and [errors.Is] shall find on
// every run, the first and any replay. The first codec that matches an error
// records it. Codecs belong to a handler rather than to the process, so two
// handlers in one process never fight over a name.
func WithErrors(codecs ...ErrorCodec) HandlerOption {
	return handlerOption(func(cfg *handlerConfig) { cfg.errors = append(cfg.errors, codecs...) })
}

type (
	handlerOption   func(*handlerConfig)
	retryOption     RetryPolicy
	semanticsOption Semantics
	serdesOption    struct{ serdes Serdes }
)

func (o handlerOption) applyHandler(c *handlerConfig) { o(c) }
func (o retryOption) applyStep(c *stepConfig)         { c.retry = RetryPolicy(o) }
func (o semanticsOption) applyStep(c *stepConfig)     { c.semantics = Semantics(o) }
func (o serdesOption) applyHandler(c *handlerConfig)  { c.serdes = o.serdes }
func (o serdesOption) applyStep(c *stepConfig)        { c.serdes = o.serdes }
func (o serdesOption) applyChild(c *childConfig)      { c.serdes = o.serdes }

// The configurations of operations without options: replay shares them, so
// that it does not allocate.
var (
	defaultStep  stepConfig
	defaultChild childConfig
)

var errNilOption = errors.New("an option is nil")

func newStepConfig(opts []StepOption) (*stepConfig, error) {
	if len(opts) == 0 {
		return &defaultStep, nil
	}
	cfg := new(stepConfig)
	for _, o := range opts {
		if o == nil {
			return nil, errNilOption
		}
		o.applyStep(cfg)
	}
	if cfg.semantics != AtLeastOncePerRetry && cfg.semantics != AtMostOncePerRetry {
		return nil, fmt.Errorf("unknown Semantics %d; use AtLeastOncePerRetry or AtMostOncePerRetry", cfg.semantics)
	}
	return cfg, cfg.retry.validate()
}

func newChildConfig(opts []ChildOption) (*childConfig, error) {
	if len(opts) == 0 {
		return &defaultChild, nil
	}
	cfg := new(childConfig)
	for _, o := range opts {
		if o == nil {
			return nil, errNilOption
		}
		o.applyChild(cfg)
	}
	return cfg, nil
}
