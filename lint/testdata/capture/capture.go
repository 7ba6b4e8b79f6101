// Package capture has bodies of operations that change variables of their surroundings.
package capture

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/capture/helper"
)

type order struct {
	ID    string
	Total int
	Notes []string
}

var rates = map[string]int{}

type none = struct{}

func assigned(ctx durable.Context, in order) (int, error) {
	total := 0
	_, err := durable.Step(ctx, "sum", func(context.Context) (none, error) {
		total = 5 // want `the body of step "sum" changes total, which a replay does not see: once the result is recorded, the body does not run again; return the value as the result instead`
		return none{}, nil
	})
	return total, err
}

func appended(ctx durable.Context, ids []string) ([]string, error) {
	var done []string
	for _, id := range ids {
		_, err := durable.Step(ctx, "one", func(context.Context) (none, error) {
			done = append(done, id) // want `changes done, which a replay`
			return none{}, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return done, nil
}

func intoMap(ctx durable.Context, ids []string) (map[string]int, error) {
	m := make(map[string]int)
	_, err := durable.Step(ctx, "fill", func(context.Context) (none, error) {
		for i, id := range ids {
			m[id] = i // want `changes m\[\]`
		}
		return none{}, nil
	})
	return m, err
}

func intoField(ctx durable.Context, in order) (order, error) {
	_, err := durable.Step(ctx, "price", func(context.Context) (none, error) {
		in.Total = 3 // want `changes in.Total`
		return none{}, nil
	})
	return in, err
}

func throughPointer(ctx durable.Context, in *order) (int, error) {
	_, err := durable.Step(ctx, "price", func(context.Context) (none, error) {
		o := in
		o.Total++ // want `changes in.Total`
		return none{}, nil
	})
	return in.Total, err
}

func decoded(ctx durable.Context, data []byte) (string, error) {
	var in order
	_, err := durable.Step(ctx, "read", func(context.Context) (none, error) {
		return none{}, json.Unmarshal(data, &in) // want `changes in, which`
	})
	return in.ID, err
}

func counted(ctx durable.Context, _ order) (int64, error) {
	var n atomic.Int64
	_, err := durable.Step(ctx, "count", func(context.Context) (none, error) {
		n.Add(1) // want `changes n, which`
		return none{}, nil
	})
	return n.Load(), err
}

func condition(ctx durable.Context, _ order) (string, error) {
	var last string
	_, err := durable.WaitForCondition(ctx, "ready", 0, func(_ context.Context, n int) (int, bool, error) {
		last = "seen" // want `the body of durable.WaitForCondition "ready" changes last`
		return n + 1, n > 3, nil
	})
	return last, err
}

func submitter(ctx durable.Context, _ order) (string, error) {
	var sent string
	_, err := durable.WaitForCallback[string](ctx, "approve", func(_ context.Context, id string) error {
		sent = id // want `the body of durable.WaitForCallback "approve" changes sent`
		return nil
	})
	return sent, err
}

func child(ctx durable.Context, _ order) (int, error) {
	n := 0
	_, err := durable.RunInChildContext(ctx, "part", func(ctx durable.Context) (none, error) {
		n++ // want `the body of child context "part" changes n`
		return none{}, durable.Wait(ctx, "pause", time.Second)
	})
	return n, err
}

func mapped(ctx durable.Context, ids []string) ([]int, error) {
	out := make([]int, len(ids))
	_, err := durable.Map(ctx, "all", ids, func(ctx durable.Context, id string, i int) (none, error) {
		out[i] = len(id) // want `the body of durable.Map "all" changes out\[\]`
		return none{}, nil
	})
	return out, err
}

func branches(ctx durable.Context, _ order) (int, error) {
	var a int
	_, err := durable.Parallel(ctx, "both", []durable.Branch[none]{
		{Name: "a", Func: func(durable.Context) (none, error) {
			a = 1 // want `the body of durable.Parallel "both" changes a,`
			return none{}, nil
		}},
	})
	return a, err
}

func future(ctx durable.Context, _ order) (int, error) {
	var n int
	f := durable.Go(ctx, "beside", func(durable.Context) (none, error) {
		n = 1 // want `the body of durable.Go "beside" changes n`
		return none{}, nil
	})
	_, err := f.Result(ctx)
	return n, err
}

func graph(ctx durable.Context, _ order) (int, error) {
	var n int
	g := new(durable.Graph)
	durable.AddTask(g, "task", func(durable.Context) (none, error) {
		n = 1 // want `the body of task "task" changes n`
		return none{}, nil
	})
	err := g.Run(ctx, "graph")
	return n, err
}

func variable(ctx durable.Context, _ order) (int, error) {
	n := 0
	body := func(context.Context) (none, error) {
		n = 1 // want `changes n`
		return none{}, nil
	}
	_, err := durable.Step(ctx, "named", body)
	return n, err
}

func global(ctx durable.Context, _ order) (int, error) {
	_, err := durable.Step(ctx, "rates", load)
	return rates["EUR"], err
}

func load(context.Context) (none, error) {
	rates["EUR"] = 1 // want `the body of step "rates" changes rates\[\]`
	return none{}, nil
}

type service struct{ last string }

func (s *service) handle(ctx durable.Context, _ order) (string, error) {
	_, err := durable.Step(ctx, "charge", s.charge)
	return s.last, err
}

func (s *service) charge(context.Context) (none, error) {
	s.last = "x" // want `the body of step "charge" changes s.last`
	return none{}, nil
}

func throughHelper(ctx durable.Context, in order) (order, error) {
	_, err := durable.Step(ctx, "fill", func(context.Context) (none, error) {
		fill(&in) // want `changes in.Total,`
		return none{}, nil
	})
	return in, err
}

func fill(o *order) { o.Total = 4 }

func throughPackage(ctx durable.Context, _ order) (helper.Quote, error) {
	var q helper.Quote
	_, err := durable.Step(ctx, "quote", func(context.Context) (none, error) {
		q.Load() // want `changes q.Cents,`
		return none{}, nil
	})
	return q, err
}

func items(ctx durable.Context, orders []*order) (int, error) {
	_, err := durable.Map(ctx, "orders", orders, func(_ durable.Context, o *order, _ int) (none, error) {
		o.Notes = nil // want `changes o.Notes`
		return none{}, nil
	})
	return len(orders[0].Notes), err
}

func attempts(ctx durable.Context, _ order) (none, error) {
	tries := 0
	return durable.Step(ctx, "try", func(context.Context) (none, error) {
		tries++ // want `the body of step "try" counts on tries, which begins anew with each invocation; use durable.Attempt`
		if tries < 3 {
			return none{}, context.Canceled
		}
		return none{}, nil
	})
}

func loop(ctx durable.Context, _ order) error {
	last := ""
	for range 3 {
		ctx.Logger().Info(last)
		_, err := durable.Step(ctx, "next", func(context.Context) (none, error) {
			last = "x" // want `changes last`
			return none{}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func otherStep(ctx durable.Context, _ order) error {
	var token string
	if _, err := durable.Step(ctx, "token", func(context.Context) (none, error) {
		token = "x" // want `changes token`
		return none{}, nil
	}); err != nil {
		return err
	}
	_, err := durable.Step(ctx, "use", func(context.Context) (string, error) { return token, nil })
	return err
}

// What follows is right.

func ownError(ctx durable.Context, in order) (int, error) {
	var err error
	n, err := durable.Step(ctx, "get", func(context.Context) (int, error) {
		_, err = json.Marshal(in)
		return 1, err
	})
	return n, err
}

func overwritten(ctx durable.Context, in order) (int, error) {
	n := 0
	_, err := durable.Step(ctx, "get", func(context.Context) (none, error) {
		n = 3
		return none{}, nil
	})
	n = 4
	return n, err
}

func before(ctx durable.Context, in order) error {
	n := 0
	ctx.Logger().Info("begins", "n", n)
	_, err := durable.Step(ctx, "get", func(context.Context) (none, error) {
		n = 3
		return none{}, nil
	})
	return err
}

func otherField(ctx durable.Context, in order) (string, error) {
	_, err := durable.Step(ctx, "get", func(context.Context) (none, error) {
		in.Total = 3
		return none{}, nil
	})
	return in.ID, err
}

func inside(ctx durable.Context, in order) (int, error) {
	return durable.Step(ctx, "get", func(context.Context) (int, error) {
		total := 0
		for i := range 3 {
			total += i
		}
		func() { total++ }()
		copied := in
		copied.Total = total
		return copied.Total, nil
	})
}

func virtual(ctx durable.Context, in order) (int, error) {
	n := 0
	_, err := durable.RunInChildContext(ctx, "part", func(ctx durable.Context) (none, error) {
		n++
		return none{}, nil
	}, durable.WithVirtual())
	return n, err
}

func childTotal(ctx durable.Context, in order) (int, error) {
	return durable.RunInChildContext(ctx, "part", func(ctx durable.Context) (int, error) {
		total := 0
		for range 3 {
			n, err := durable.Step(ctx, "one", func(context.Context) (int, error) { return 1, nil })
			if err != nil {
				return 0, err
			}
			total += n
		}
		return total, nil
	})
}

// counters are the effects that a test counts: no workflow looks at them.
func counters() (func(durable.Context, order) (none, error), *int) {
	charges := 0
	return func(ctx durable.Context, _ order) (none, error) {
		return durable.Step(ctx, "charge", func(context.Context) (none, error) {
			charges++
			return none{}, nil
		})
	}, &charges
}

type counter struct {
	times int
	seen  []int
}

// handle counts in a step what a test looks at later.
func (c *counter) handle(ctx durable.Context, _ order) (int, error) {
	for i := range c.seen {
		_, err := durable.Step(ctx, "one", func(context.Context) (int, error) { c.times++; c.seen[i]++; return c.times, nil })
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func namedResult(ctx durable.Context, in order) (out order, err error) {
	_, err = durable.Step(ctx, "out", func(context.Context) (none, error) {
		out.ID = "x" // want `changes out.ID`
		defer func() { err = nil }()
		return none{}, err
	})
	return
}

func wrapped(ctx durable.Context, in order) (int, error) {
	n := 0
	err := do(ctx, "wrapped", func(context.Context) error {
		n = 3 // want `the body of step changes n`
		return nil
	})
	return n, err
}

// do is a helper around a step.
func do(ctx durable.Context, name string, f func(context.Context) error) error {
	_, err := durable.Step(ctx, name, func(ctx context.Context) (none, error) { return none{}, f(ctx) })
	return err
}

func address(ctx durable.Context, in order) (int, error) {
	n := 0
	_, err := durable.Step(ctx, "address", func(context.Context) (none, error) {
		p := &n
		*p = 3 // want `changes n`
		return none{}, nil
	})
	return n, err
}

func deferredInStep(ctx durable.Context, in order) (int, error) {
	n := 0
	_, err := durable.Step(ctx, "deferred", func(context.Context) (none, error) {
		defer func() {
			n++ // want `changes n`
		}()
		return none{}, nil
	})
	return n, err
}

type run struct {
	ctx   durable.Context
	total int
	err   error
}

func (r *run) step(name string) {
	_, r.err = durable.Step(r.ctx, name, func(context.Context) (none, error) {
		r.total++ // want `changes r.total`
		return none{}, nil
	})
}

func (r *run) all() (int, error) {
	r.step("a")
	return r.total, r.err
}

func methods(ctx durable.Context, _ order) (int, error) { return (&run{ctx: ctx}).all() }

func ofItems(ctx durable.Context, orders []order) ([]order, error) {
	for i := range orders {
		o := &orders[i]
		_, err := durable.Step(ctx, "price", func(context.Context) (none, error) {
			o.Total = 3 // want `changes orders\[\].Total`
			return none{}, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return orders, nil
}
