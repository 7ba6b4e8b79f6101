package page

import (
	"cmp"
	"fmt"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// shownAlike is how many failures of one kind a list shows that nobody filtered: the latest.
const shownAlike = 5

// alike are the failures of one kind on a page of the list that it does not show one by one.
type alike struct {
	Function, Error string
	Status          protocol.ExecutionStatus
	N               int
	Path            string // all of the kind, one by one
}

// Title is how many they are.
func (a *alike) Title() string { return fmt.Sprintf("and %s more", grouped(a.N)) }

// foldAlike leaves out failures of which enough of the same kind are shown: with hundreds of them, nobody would see
// anything else. Whoever sets a filter, except for the function, gets each row.
func (p *listPage) foldAlike(items []engine.Summary) (shown []engine.Summary) {
	type kind struct {
		function, failure string
		status            protocol.ExecutionStatus
	}
	for key := range p.FilterValues() {
		if key != "Function" && key != "Qualifier" {
			return items
		}
	}
	met, folded := map[kind]int{}, map[kind]*alike{}
	for _, one := range items {
		arn, _ := protocol.ParseARN(one.ARN)
		k := kind{arn.Function, one.Error, one.Status}
		if one.Stage == engine.StageFailures {
			met[k]++
		}
		if met[k] <= shownAlike || one.Stage != engine.StageFailures {
			shown = append(shown, one)
			continue
		}
		if folded[k] == nil {
			folded[k] = &alike{Function: arn.Function, Error: one.Error, Status: one.Status,
				Path: p.With("Function", cmp.Or(p.Get("Function"), arn.Function), "Status", string(one.Status),
					"Error", engine.ErrorWord(one.Error), "Redriven", engine.RedrivenNo)}
			p.folded = append(p.folded, folded[k])
		}
		folded[k].N++
	}
	return shown
}
