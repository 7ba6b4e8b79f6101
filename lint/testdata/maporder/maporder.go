package maporder

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/price"
)

type order struct {
	Items map[string]int
	lines []string
}

func step(context.Context) (bool, error) { return true, nil }

func charge(ctx durable.Context, name string) error {
	_, err := durable.Step(ctx, name, step)
	return err
}

func operations(ctx durable.Context, in order, saga *durable.Saga) error {
	for name := range in.Items { // want `maporder: ranges over a map, and makes an operation for each entry at line \d+: the order is another on each run, so a replay finds other operations; range over slices.Sorted`
		if _, err := durable.Step(ctx, name, step); err != nil {
			return err
		}
	}
	for name, n := range in.Items { // want `makes an operation for each entry`
		if n > 0 {
			if err := charge(ctx, name); err != nil {
				return err
			}
		}
	}
	g := new(durable.Graph)
	for name := range in.Items { // want `makes an operation`
		durable.AddTask(g, name, func(durable.Context) (bool, error) { return true, nil })
	}
	for name := range in.Items { // want `makes an operation`
		saga.Compensate(name, func(context.Context) error { return nil })
	}
	for range in.Items { // want `makes an operation`
		_ = durable.UUID(ctx)
	}
	return g.Run(ctx, "graph")
}

func branches(ctx durable.Context, in order) error {
	var all []durable.Branch[bool]
	for name := range in.Items { // want `puts the entries into all at line \d+, which is not sorted afterwards`
		all = append(all, durable.Branch[bool]{Name: name, Func: func(ctx durable.Context) (bool, error) {
			return durable.Step(ctx, "step", step)
		}})
	}
	_, err := durable.Parallel(ctx, "all", all)
	return err
}

func texts(ctx durable.Context, in order) (string, error) {
	text := ""
	for name := range in.Items { // want `writes the entries to text`
		text += name
	}
	var b strings.Builder
	for name, n := range in.Items { // want `writes the entries to b`
		fmt.Fprintf(&b, "%s=%d", name, n)
	}
	list := make([]string, len(in.Items))
	i := 0
	for name := range in.Items { // want `puts the entries into list`
		list[i] = name
		i++
	}
	for name := range in.Items { // want `puts the entries into in.lines`
		in.lines = append(in.lines, name)
	}
	return text + b.String() + list[0] + in.lines[0], nil
}

func picks(ctx durable.Context, in order) (string, error) {
	var first string
	for name, n := range in.Items { // want `takes the first entry that fits`
		if n > 1 {
			first = name
			break
		}
	}
	for name, n := range in.Items { // want `takes the first entry`
		if n > 2 {
			return name, nil
		}
	}
	return first, nil
}

func calls(ctx durable.Context, in order) error {
	if _, err := durable.Map(ctx, "names", price.Names(in.Items), item); err != nil { // want `calls price.Names, which returns what is in the order of a map at price.go:\d+: the order`
		return err
	}
	all := price.AllNames(in.Items) // want `calls price.AllNames`
	if _, err := durable.Map(ctx, "all", all, item); err != nil {
		return err
	}
	sorted := price.Names(in.Items)
	sort.Strings(sorted)
	_, err := durable.Map(ctx, "sorted", append(sorted, price.SortedNames(in.Items)...), item)
	return err
}

func item(ctx durable.Context, name string, _ int) (string, error) { return name, nil }

func harmless(ctx durable.Context, in order) (int, error) {
	sum, most, seen := price.Sum(in.Items), 0, map[string]bool{}
	groups := map[int][]string{}
	var names, unused []string
	for name, n := range in.Items {
		sum += n
		most = max(most, n)
		seen[name] = true
		groups[n%2] = append(groups[n%2], name)
		names = append(names, name)
		unused = append(unused, name)
		delete(seen, "")
		if n < 0 {
			return 0, fmt.Errorf("%s has %d", name, n)
		}
		own := []string{}
		own = append(own, name)
		_ = own
		ctx.Logger().Debug("item", "name", name)
	}
	for _, n := range in.Items {
		if n > 3 {
			return 1, nil
		}
	}
	sort.Slice(names, func(i, j int) bool { return names[i] < names[j] })
	for _, name := range names {
		if err := charge(ctx, name); err != nil {
			return 0, err
		}
	}
	for _, name := range price.SortedNames(in.Items) {
		if err := charge(ctx, name); err != nil {
			return 0, err
		}
	}
	return sum + len(unused), nil
}

func inStep(ctx durable.Context, in order) ([]string, error) {
	return durable.Step(ctx, "names", func(context.Context) (names []string, err error) {
		for name := range in.Items {
			names = append(names, name)
		}
		return names, nil
	})
}

func byTime(ctx durable.Context, moments map[time.Time]string) error {
	for _, name := range moments { // want `makes an operation`
		if err := charge(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
