package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

func forkARN(id string) string {
	arn := identity().ARN
	arn.Name, arn.ID = "fork-"+id, id
	return arn.String()
}

func (r *run) stop() { r.do(func(d *machine.Draft) error { return d.Stop(nil) }) }

func (r *run) keepFork(id string, redrive bool) {
	r.do(func(d *machine.Draft) error {
		d.KeepFork(&machine.Fork{ARN: forkARN(id), Redrive: redrive, By: "somebody"})
		return nil
	})
}

// An execution remembers its last 20 forks, each once, over a restart, too, and that one of all was a redrive.
func TestForksAreRemembered(t *testing.T) {
	r := invoked(t)
	equal(t, "redriven", r.x.Redriven(), false)
	r.keepFork("a", true)
	for i := range 20 {
		r.sleep(1)
		r.keepFork(fmt.Sprint(i), false)
		r.keepFork(fmt.Sprint(i), false) // a repeat
	}
	for _, x := range []*machine.Execution{r.x, r.reload()} {
		var ids []string
		for _, f := range x.Forks() {
			arn, err := protocol.ParseARN(f.ARN)
			if err != nil || f.By != "somebody" || f.Redrive || f.At <= x.Started() {
				t.Errorf("got the fork %+v, %v", f, err)
			}
			ids = append(ids, arn.ID)
		}
		equal(t, "forks", strings.Join(ids, " "), "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19")
		equal(t, "redriven", x.Redriven(), true)
	}
	equal(t, "entries", len(r.journal), 2+21)
	r.vet()
}

// A fork is no event, and changes nothing but what is known of forks: whether the execution is running, paused, closed
// or about to be deleted.
func TestForksChangeNothingElse(t *testing.T) {
	for name, do := range map[string]func(r *run){
		"running": func(*run) {},
		"paused": func(r *run) {
			r.must(r.checkpoint(wait("w", 60)))
			r.end(pending)
			r.do(func(d *machine.Draft) error { return d.Pause(&machine.PauseRequest{}) })
		},
		"closed":   (*run).stop,
		"deleting": func(r *run) { r.stop(); r.do(func(d *machine.Draft) error { return d.Delete() }) },
	} {
		t.Run(name, func(t *testing.T) {
			r := invoked(t)
			do(r)
			describe := func() string {
				return fmt.Sprint(r.x.Status(), r.x.Fence(), r.x.InFlight(), r.x.Due(), r.x.Wanted(), r.x.Expires(), r.x.Events(),
					r.x.Doing(), r.x.Since(), r.x.Usage())
			}
			before := describe()
			r.keepFork("f", true)
			equal(t, "the rest", describe(), before)
			equal(t, "redriven", r.x.Redriven(), true)
			equal(t, "what a restart reads", r.reload().Redriven(), true)
			r.vet()
		})
	}
}

// A dropped draft has no fork, and does not harm those of the others.
func TestForksOfDroppedDrafts(t *testing.T) {
	r := invoked(t)
	r.keepFork("1", false)
	d := r.x.Draft(r.now)
	d.KeepFork(&machine.Fork{ARN: forkARN("dropped"), Redrive: true})
	r.keepFork("2", false)
	equal(t, "forks", []int{len(r.x.Forks()), len(r.reload().Forks())}, []int{2, 2})
	equal(t, "redriven", r.x.Redriven(), false)
}

// A record of a fork that nobody could have written is refused.
func TestForksOfOthersAreVetted(t *testing.T) {
	r := invoked(t)
	r.keepFork("1", true)
	for want, spoil := range map[string]func(*machine.Record){
		"it names no fork":          func(r *machine.Record) { r.DurableExecutionARN = "" },
		"is no ARN of an execution": func(r *machine.Record) { r.DurableExecutionARN = "fork" },
		"is no caller":              func(r *machine.Record) { r.By = "line\nline" },
		"there are no such records": func(r *machine.Record) { r.Type = "forkedNot" },
		"it has the event id 77":    func(r *machine.Record) { r.Event.ID = 77 },
	} {
		records, err := machine.Decode(r.journal[len(r.journal)-1])
		if err != nil {
			t.Fatal(err)
		}
		spoil(&records[0])
		if err := machine.Vet(records, r.now, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
