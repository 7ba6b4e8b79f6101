package engine

import "context"

// OpenCount is how many executions of a function version are open.
type OpenCount struct {
	Function string
	Version  string
	N        int
}

// CountOpen counts the open executions of each function version that has any,
// also of those that nobody has registered.
func (e *Engine) CountOpen(ctx context.Context) ([]OpenCount, error) {
	counts, err := e.store.Count(ctx, openStatuses())
	if err != nil {
		return nil, err
	}
	var open []OpenCount
	for _, c := range counts {
		if last := len(open) - 1; last >= 0 && open[last].Function == c.Function && open[last].Version == c.Version {
			open[last].N += c.N // another status
			continue
		}
		open = append(open, OpenCount{c.Function, c.Version, c.N})
	}
	return open, nil
}
