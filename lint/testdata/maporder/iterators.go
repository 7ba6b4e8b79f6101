package maporder

import (
	"maps"
	"slices"

	"github.com/perdure/perdure/durable"
)

func iterators(ctx durable.Context, in order) error {
	for name := range maps.Keys(in.Items) { // want `makes an operation`
		if err := charge(ctx, name); err != nil {
			return err
		}
	}
	names := slices.Collect(maps.Keys(in.Items)) // want `collects the entries of a map: the order`
	if err := charge(ctx, names[0]); err != nil {
		return err
	}
	for _, n := range slices.Collect(maps.Values(in.Items)) { // want `makes an operation`
		if err := charge(ctx, string(rune(n))); err != nil {
			return err
		}
	}
	if len(slices.Collect(maps.Keys(in.Items))) > 3 {
		return nil
	}
	sorted := slices.Collect(maps.Keys(in.Items))
	slices.Sort(sorted)
	for _, name := range append(sorted, slices.Sorted(maps.Keys(in.Items))...) {
		if err := charge(ctx, name); err != nil {
			return err
		}
	}
	copied := maps.Collect(maps.All(in.Items))
	for name, n := range in.Items { // want `makes an operation`
		if copied[name] == n {
			return charge(ctx, "x")
		}
	}
	return nil
}
