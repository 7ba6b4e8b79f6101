package durable

import (
	"cmp"
	"errors"
	"fmt"
)

// BatchOption changes one [Map] or [Parallel].
//
// Without an option that says when a batch is complete, the first failure ends it. [WithMinSuccessful],
// [WithToleratedFailures] and [WithToleratedFailurePercentage] may be combined: the first that is met ends the
// batch. A batch with only a minimum of successes tolerates any number of failures. [WithCompletion] goes with none
// of them.
type BatchOption interface{ applyBatch(*batchConfig) }

// BatchProgress is how far a batch has come; see [WithCompletion].
type BatchProgress struct {
	Total     int // items in all
	Started   int // that began and have not ended
	Succeeded int
	Failed    int
}

type batchConfig struct {
	limit      *int
	minimum    *int     // successes
	tolerated  *int     // failures
	percentage *float64 // failures
	judge      func(BatchProgress) CompletionReason
	judged     bool // judge was given
	flat       bool
	serdes     Serdes // of the whole result
	itemSerdes Serdes
	namer      func(i int) string
	names      bool // namer was given
}

type batchOption func(*batchConfig)

func (o batchOption) applyBatch(c *batchConfig) { o(c) }

func (o serdesOption) applyBatch(c *batchConfig) { c.serdes = o.serdes }

// WithMaxConcurrency bounds the number of items under way, from their beginning to their end: an item that waits
// counts, even while the execution is suspended. With 1 the items run one after the other. Items begin in the order
// of their indexes. The limit may change at any time, also for running executions. Without it all items begin at
// once.
func WithMaxConcurrency(n int) BatchOption {
	return batchOption(func(c *batchConfig) { c.limit = &n })
}

// WithMinSuccessful completes the batch once n items have succeeded. It is an
// error of the call if there are fewer items, or if n is 0 and there are any.
func WithMinSuccessful(n int) BatchOption {
	return batchOption(func(c *batchConfig) { c.minimum = &n })
}

// WithToleratedFailures ends the batch when more than n items have failed.
func WithToleratedFailures(n int) BatchOption {
	return batchOption(func(c *batchConfig) { c.tolerated = &n })
}

// WithToleratedFailurePercentage ends the batch when more than the given
// percentage, 0 to 100, of all items have failed. With 100 every item runs.
func WithToleratedFailurePercentage(percent float64) BatchOption {
	return batchOption(func(c *batchConfig) { c.percentage = &percent })
}

// WithCompletion lets judge decide. After each end of an item one goroutine asks it: [CustomCompletionSucceeded]
// ends the batch with success, [CustomCompletionFailed] with failure, and an empty reason lets it go on, to its
// last item. Any other reason fails the batch. The decision is recorded with the batch.
func WithCompletion(judge func(BatchProgress) CompletionReason) BatchOption {
	return batchOption(func(c *batchConfig) { c.judge, c.judged = judge, true })
}

// WithFlat does not record the items as contexts of their own; their operations are recorded as the batch's. This
// saves an operation for each item, but until the batch is complete, an item that is done runs again in each
// invocation, over its records.
func WithFlat() BatchOption {
	return batchOption(func(c *batchConfig) { c.flat = true })
}

// WithItemSerdes sets how the result of each item is written to the history. [WithSerdes] on a batch is for the
// whole [BatchResult].
func WithItemSerdes(s Serdes) BatchOption {
	return batchOption(func(c *batchConfig) { c.itemSerdes = s })
}

// WithItemNames names the items of a [Map] by their index, in place of map-item-0, map-item-1, …, and the branches
// of a [Parallel] without names of their own:
//
//	durable.WithItemNames(func(i int) string { return orders[i].ID })
//
// The names must be the same on every run.
func WithItemNames(name func(index int) string) BatchOption {
	return batchOption(func(c *batchConfig) { c.namer, c.names = name, true })
}

// nameOf is the name of item i: its own, else the namer's, else the protocol's form with the index.
func (c *batchConfig) nameOf(i int, own, form string) (name string, err error) {
	switch {
	case own != "":
		name = own
	case c.namer != nil:
		name, err = recovered(func() (string, error) { return c.namer(i), nil })
	default:
		return fmt.Sprintf(form, i), nil
	}
	if err == nil {
		err = validateName(name)
	}
	return name, err
}

func newBatchConfig(opts []BatchOption, n int) (*batchConfig, error) {
	cfg := new(batchConfig)
	err := applyOptions(cfg, opts, BatchOption.applyBatch)
	if bad := cfg.validate(n); bad != nil {
		cfg.mend(n)
		err = cmp.Or(err, bad)
	}
	return cfg, err
}

// mend replaces impossible numbers by possible ones, for a batch that began with others: they are recorded only at
// its end.
func (c *batchConfig) mend(n int) {
	if c.limit != nil {
		c.limit = new(max(*c.limit, 1))
	}
	if c.minimum != nil {
		c.minimum = new(min(max(*c.minimum, 1), n))
	}
	if c.tolerated != nil {
		c.tolerated = new(max(*c.tolerated, 0))
	}
	if c.percentage != nil && !(*c.percentage >= 0) {
		c.percentage = new(0.0)
	}
}

var (
	errNilJudge     = errors.New("the function of WithCompletion is nil")
	errJudgeAnd     = errors.New("WithCompletion decides alone: it goes with none of WithMinSuccessful, WithToleratedFailures and WithToleratedFailurePercentage")
	errNilItemNamer = errors.New("the function of WithItemNames is nil")
)

// validate ignores numbers if there are no items: a number computed from an empty list may be anything.
func (c *batchConfig) validate(n int) error {
	switch {
	case c.names && c.namer == nil:
		return errNilItemNamer
	case c.judged && c.judge == nil:
		return errNilJudge
	case c.judged && (c.minimum != nil || c.tolerated != nil || c.percentage != nil):
		return errJudgeAnd
	case c.minimum != nil && *c.minimum > n:
		return fmt.Errorf("WithMinSuccessful is %d, but there are only %d items", *c.minimum, n)
	case n == 0:
		return nil
	case c.limit != nil && *c.limit < 1:
		return fmt.Errorf("WithMaxConcurrency is %d; at least 1 is needed, and no option means no limit", *c.limit)
	case c.minimum != nil && *c.minimum < 1:
		return fmt.Errorf("WithMinSuccessful is %d; at least 1 is needed", *c.minimum)
	case c.tolerated != nil && *c.tolerated < 0:
		return fmt.Errorf("WithToleratedFailures is %d; it must not be negative", *c.tolerated)
	case c.percentage != nil && !(*c.percentage >= 0 && *c.percentage <= 100):
		return fmt.Errorf("WithToleratedFailurePercentage is %v; it must be between 0 and 100", *c.percentage)
	}
	return nil
}

// reason says whether the batch is complete, and why.
func (c *batchConfig) reason(p BatchProgress) (CompletionReason, bool) {
	if c.judge != nil {
		switch reason := c.judge(p); reason {
		case CustomCompletionSucceeded, CustomCompletionFailed:
			return reason, true
		case "":
		default:
			panic(fmt.Sprintf("the function of WithCompletion returned %q; "+
				"it returns CustomCompletionSucceeded, CustomCompletionFailed or nothing", reason))
		}
	}
	switch {
	case c.judge == nil && c.intolerable(p):
		return FailureToleranceExceeded, true
	case p.Succeeded+p.Failed == p.Total:
		return AllCompleted, true
	case c.minimum != nil && p.Succeeded >= *c.minimum:
		return MinSuccessfulReached, true
	}
	return "", false
}

func (c *batchConfig) intolerable(p BatchProgress) bool {
	switch {
	case c.tolerated != nil && p.Failed > *c.tolerated:
		return true
	case c.percentage != nil && float64(p.Failed)*100 > *c.percentage*float64(p.Total):
		return true
	}
	return c.tolerated == nil && c.percentage == nil && c.minimum == nil && p.Failed > 0
}
