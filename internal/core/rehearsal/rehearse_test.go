package rehearsal_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/protocol"
)

type order struct {
	ID    string   `json:"id"`
	Lines []string `json:"lines"`
}

type receipt struct {
	ID    string `json:"id"`
	Cents int    `json:"cents"`
	Card  struct {
		Last4 string `json:"last4"`
	} `json:"card"`
}

func charged(o order) receipt {
	r := receipt{ID: o.ID, Cents: 995}
	r.Card.Last4 = "4242"
	return r
}

// process is the code as it was.
func process(ctx durable.Context, o order) (string, error) {
	if _, err := step(ctx, "validate", true); err != nil {
		return "", err
	}
	r, err := step(ctx, "charge", charged(o))
	if err != nil {
		return "", err
	}
	_, err = durable.Map(ctx, "reserve", o.Lines, func(ctx durable.Context, line string, i int) (string, error) {
		return step(ctx, "reserve_"+line, line)
	})
	if err != nil {
		return "", err
	}
	if err := durable.Wait(ctx, "cool_off", time.Hour); err != nil {
		return "", err
	}
	tracking, err := step(ctx, "ship", "T-"+r.ID)
	return fmt.Sprint(tracking, " ", r.Cents), err
}

const input = `{"id":"A-1","lines":["book","pen"],"sent_by":"a shop"}`

// today is a change to process.
type today struct {
	handler func(durable.Context, order) (string, error)
	want    rehearsal.Kind
	text    string // in what is said; of an open execution and a closed one
}

// changed is process with other parts.
func changed[R any](first, second string, then func(durable.Context, R) (string, error)) func(durable.Context, order) (string, error) {
	return func(ctx durable.Context, o order) (string, error) {
		if first != "" {
			if _, err := step(ctx, first, true); err != nil {
				return "", err
			}
		}
		var none R
		r, err := step(ctx, second, none)
		if err != nil {
			return "", err
		}
		if then != nil {
			return then(ctx, r)
		}
		_, err = durable.Map(ctx, "reserve", o.Lines, func(ctx durable.Context, line string, i int) (string, error) {
			return step(ctx, "reserve_"+line, line)
		})
		if err != nil {
			return "", err
		}
		return "", durable.Wait(ctx, "cool_off", time.Hour)
	}
}

// TestChanges: what a change of the code does to an open execution, in every form of its recording.
func TestChanges(t *testing.T) {
	open := record(t, process, input, recording{})
	for name, test := range map[string]today{
		"none": {process, rehearsal.Replays, ""},
		"a step is renamed": {changed[receipt]("validate", "debit", nil), rehearsal.Differs,
			`operation 2: recorded STEP/Step "charge", but the code now does STEP/Step "debit" (at fixture_test.go:`},
		"a step is gone": {changed[receipt]("", "charge", nil), rehearsal.Differs,
			`operation 1: recorded STEP/Step "validate", but the code now does STEP/Step "charge"`},
		"the rest is gone": {changed("validate", "charge", func(durable.Context, receipt) (string, error) { return "", nil }),
			rehearsal.Differs, `operation 3: recorded CONTEXT/Map "reserve", but the code returned without reaching it`},
		"the rest is not reached": {changed("validate", "charge", func(durable.Context, receipt) (string, error) {
			return "", errors.New("the world is different")
		}), rehearsal.Differs, `but the code now fails without reaching it: the world is different`},
		"it panics": {changed("validate", "charge", func(durable.Context, receipt) (string, error) {
			panic("no such table")
		}), rehearsal.Differs, `no such table`},
		"a type cannot be read": {changed[string]("validate", "charge", nil), rehearsal.Unread,
			`operation 2: recorded that STEP/Step "charge" succeeded, but the code now fails: perdure: cannot encode or ` +
				`decode the result of durable.Step "charge": json: cannot unmarshal object into Go value of type string (at fixture_test.go:`},
		"a callback in place of a wait": {func(ctx durable.Context, o order) (string, error) {
			if _, err := changed("validate", "charge", func(ctx durable.Context, _ receipt) (string, error) {
				_, err := durable.Map(ctx, "reserve", o.Lines, func(ctx durable.Context, line string, i int) (string, error) {
					return step(ctx, "reserve_"+line, line)
				})
				return "", err
			})(ctx, o); err != nil {
				return "", err
			}
			_, err := durable.CreateCallback[string](ctx, "approve")
			return "", err
		}, rehearsal.Differs, `operation 4: recorded WAIT/Wait "cool_off", but the code now does CALLBACK/Callback "approve"`},
		"a step behind the wait": {func(ctx durable.Context, o order) (string, error) {
			if _, err := process(ctx, o); err != nil {
				return "", err
			}
			return step(ctx, "thank", "x")
		}, rehearsal.Replays, ""},
		"FailNow": {changed("validate", "charge", func(durable.Context, receipt) (string, error) {
			(&testing.T{}).FailNow()
			return "", nil
		}), rehearsal.NoAnswer, "left its goroutine with runtime.Goexit, which t.Fatal calls too"},
	} {
		for form, data := range open {
			t.Run(name+", "+form, func(t *testing.T) {
				v := rehearse(t, data, code(t, test.handler))
				if v.Kind != test.want || !strings.Contains(v.Text, test.text) || len(v.Lost) > 0 {
					t.Errorf("got %s: %s (lost %v)\nwant %s: %s", v.Kind, v.Text, v.Lost, test.want, test.text)
				}
			})
		}
	}
}

// TestEnds: a closed execution replays to its end, and that must be the recorded one.
func TestEnds(t *testing.T) {
	fails := func(message string) func(durable.Context, order) (string, error) {
		return func(ctx durable.Context, o order) (string, error) {
			if _, err := step(ctx, "validate", true); err != nil {
				return "", err
			}
			return "", errors.New(message)
		}
	}
	returns := func(result string) func(durable.Context, order) (string, error) {
		return func(ctx durable.Context, o order) (string, error) {
			_, err := step(ctx, "validate", true)
			return result, err
		}
	}
	more := func(ctx durable.Context, o order) (string, error) {
		if _, err := step(ctx, "validate", true); err != nil {
			return "", err
		}
		return step(ctx, "thank", "x")
	}
	type handler = func(durable.Context, order) (string, error)
	for name, test := range map[string]struct {
		was   handler
		how   recording
		today handler
		want  rehearsal.Kind
		text  string
	}{
		"succeeded": {process, recording{after: 2 * time.Hour}, process, rehearsal.Replays, ""},
		"another value": {returns("a"), recording{}, returns("b"), rehearsal.Outcome,
			`succeeded with the result "a", and the code now returns result "b"`},
		"now fails": {returns("a"), recording{}, fails("sold out"), rehearsal.Outcome,
			`succeeded with the result "a", and the code now fails: Error: sold out`},
		"goes on": {returns("a"), recording{}, more, rehearsal.Outcome,
			`succeeded with the result "a", and the code now goes on with STEP/Step "thank", ` +
				"operation 2, which is not recorded"},
		"failed": {fails("sold out"), recording{}, fails("sold out"), rehearsal.Replays, ""},
		"another error": {fails("sold out"), recording{}, fails("no such book"), rehearsal.Outcome,
			"failed with Error: sold out, and the code now fails: Error: no such book"},
		"now returns": {fails("sold out"), recording{}, returns("a"), rehearsal.Outcome,
			`failed with Error: sold out, and the code now returns result "a"`},
		"stopped":   {process, recording{act: stop}, process, rehearsal.Replays, ""},
		"timed out": {waitLong, recording{after: 48 * time.Hour}, waitLong, rehearsal.Replays, ""},
	} {
		for form, data := range record(t, test.was, input, test.how) {
			t.Run(name+", "+form, func(t *testing.T) {
				v := rehearse(t, data, code(t, test.today))
				if v.Kind != test.want || !strings.Contains(v.Text, test.text) {
					t.Errorf("got %s: %s\nwant %s: %s", v.Kind, v.Text, test.want, test.text)
				}
			})
		}
	}
}

// TestEnding: an execution that was stopped without a reason is shown without one.
func TestEnding(t *testing.T) {
	rec := read(t, record(t, process, input, recording{act: stop})["export"])
	rec.Error = &protocol.ErrorObject{}
	if got, want := rec.Ending(), "STOPPED"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func waitLong(ctx durable.Context, _ order) (string, error) {
	return "", durable.Wait(ctx, "long", 100*time.Hour)
}

// TestInput: an input that today's type cannot read is said to be that, whether or not anything is recorded.
func TestInput(t *testing.T) {
	type renumbered struct {
		ID int `json:"id"`
	}
	for name, handler := range map[string]func(durable.Context, order) (string, error){
		"recorded": waitLong,
		"nothing":  func(durable.Context, order) (string, error) { return "", nil },
	} {
		for form, data := range record(t, handler, input, recording{}) {
			now := code(t, func(ctx durable.Context, _ renumbered) (string, error) { return waitLong(ctx, order{}) })
			v := rehearse(t, data, now)
			want := "the code cannot read the recorded input: "
			if v.Kind != rehearsal.Input || !strings.HasPrefix(v.Text, want) || !strings.Contains(v.Text, "renumbered.id") {
				t.Errorf("%s, %s: got %s: %s", name, form, v.Kind, v.Text)
			}
		}
	}
}

// TestOperations: each kind of operation replays, open and closed, in each form.
func TestOperations(t *testing.T) {
	large := strings.Repeat("x", 200_000)
	for name, handler := range map[string]func(durable.Context, order) (string, error){
		"child": func(ctx durable.Context, _ order) (string, error) {
			return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) { return step(ctx, "inner", "x") })
		},
		"large child": func(ctx durable.Context, _ order) (string, error) {
			v, err := durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) {
				a, err := step(ctx, "a", large)
				if err != nil {
					return "", err
				}
				b, err := step(ctx, "b", large)
				return a + b, err
			})
			return fmt.Sprint(len(v)), err
		},
		"large child with a summary": func(ctx durable.Context, _ order) (string, error) {
			v, err := durable.RunInChildContext(ctx, "child", durable.Summarized(func(ctx durable.Context) (string, error) {
				a, err := step(ctx, "a", large)
				if err != nil {
					return "", err
				}
				b, err := step(ctx, "b", large)
				return a + b, err
			}, func(string) string { return "two large texts" }))
			return fmt.Sprint(len(v)), err
		},
		"large map": func(ctx durable.Context, _ order) (string, error) {
			r, err := durable.Map(ctx, "map", []string{"a", "b"}, func(ctx durable.Context, s string, _ int) (string, error) {
				return step(ctx, s, large)
			})
			return fmt.Sprint(len(r.Items)), err
		},
		"flat map": func(ctx durable.Context, o order) (string, error) {
			r, err := durable.Map(ctx, "map", o.Lines, func(ctx durable.Context, s string, _ int) (string, error) {
				return step(ctx, s, s)
			}, durable.WithFlat())
			return fmt.Sprint(len(r.Items)), err
		},
		"virtual child": func(ctx durable.Context, _ order) (string, error) {
			return durable.RunInChildContext(ctx, "child", func(ctx durable.Context) (string, error) { return step(ctx, "inner", "x") },
				durable.WithVirtual())
		},
		"race": func(ctx durable.Context, _ order) (string, error) {
			fast := durable.Go(ctx, "fast", func(ctx durable.Context) (string, error) { return step(ctx, "fast", "f") })
			slow := durable.Go(ctx, "slow", func(ctx durable.Context) (string, error) {
				return "s", durable.Wait(ctx, "slow", time.Hour)
			})
			v, err := durable.Race(ctx, "race", fast, slow)
			return fmt.Sprint(v), err
		},
		"version": func(ctx durable.Context, _ order) (string, error) {
			return fmt.Sprint(durable.Version(ctx, "change", 3)), nil
		},
		"retried step": func(ctx durable.Context, _ order) (string, error) {
			return durable.Step(ctx, "flaky", func(ctx context.Context) (string, error) {
				if durable.Attempt(ctx) < 3 {
					return "", errors.New("not yet")
				}
				return "x", nil
			}, durable.WithRetry(retry.Fixed(3, time.Second)))
		},
		"failed step that is handled": func(ctx durable.Context, _ order) (string, error) {
			_, err := durable.Step(ctx, "bad", func(context.Context) (string, error) { return "", errors.New("no") },
				durable.WithRetry(retry.None()))
			return fmt.Sprint(err), nil
		},
		"callback": func(ctx durable.Context, _ order) (string, error) {
			c, err := durable.CreateCallback[string](ctx, "approve", durable.WithTimeout(time.Minute))
			if err != nil {
				return "", err
			}
			_, err = c.Result(ctx)
			return fmt.Sprint(err), nil
		},
		"condition": func(ctx durable.Context, _ order) (string, error) {
			n, err := durable.WaitForCondition(ctx, "poll", 0, func(_ context.Context, n int) (int, bool, error) {
				return n + 1, n == 3, nil
			})
			return fmt.Sprint(n), err
		},
		"unknown function": func(ctx durable.Context, _ order) (string, error) {
			_, err := durable.Invoke(ctx, "call", durable.Function[string, string]{Name: "nobody"}, "x")
			return fmt.Sprint(err), nil
		},
		"random": func(ctx durable.Context, _ order) (string, error) {
			return step(ctx, "id", durable.UUID(ctx))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, how := range []recording{{}, {after: 10 * time.Hour}} {
				for form, data := range record(t, handler, input, how) {
					if v := rehearse(t, data, code(t, handler)); v.Kind != rehearsal.Replays || len(v.Lost) > 0 {
						t.Errorf("%s after %v: got %s: %v\n%.4000s", form, how.after, v.Kind, v, data)
					}
				}
			}
		})
	}
}

// TestChangedBack: an execution that failed because its code had changed replays with the code as it was, and still
// not with the change.
func TestChangedBack(t *testing.T) {
	renamed := changed[receipt]("validate", "debit", nil)
	handler, now := process, renamed
	flips := func(ctx durable.Context, o order) (string, error) {
		was := handler
		handler = now
		return was(ctx, o)
	}
	data := record(t, flips, input, recording{after: 2 * time.Hour})["export"]
	if got := read(t, data).Ending(); !strings.HasPrefix(got, "FAILED with NonDeterminismError: ") {
		t.Fatalf("it ended %s", got)
	}
	for want, code := range map[rehearsal.Kind]rehearsal.Code{
		rehearsal.Replays: code(t, process), rehearsal.Differs: code(t, renamed),
	} {
		if v := rehearse(t, data, code); v.Kind != want {
			t.Errorf("got %s: %s, want %s", v.Kind, v.Text, want)
		}
	}
}

// TestFails: an open execution whose code meets all records and then fails is told from one that does not meet them.
func TestFails(t *testing.T) {
	fails := func(ctx durable.Context, o order) (string, error) {
		if _, err := step(ctx, "validate", true); err != nil {
			return "", err
		}
		return "", errors.New("the world is different")
	}
	whole := string(record(t, fails, input, recording{})["history"])
	open, _, _ := strings.Cut(whole, `,{"EventType":"InvocationCompleted"`)
	v := rehearse(t, []byte(open+"]}"), code(t, fails))
	if want := "the code meets all records, and then fails: Error: the world is different"; v.Kind != rehearsal.Fails || v.Text != want {
		t.Errorf("got %s: %s\nwant %s", v.Kind, v.Text, want)
	}
}

// TestLost: a field of a recorded result for which today's type has no place is told, whoever holds the value; what
// says nothing, and what others sent, is not.
func TestLost(t *testing.T) {
	type line struct {
		Name  string  `json:"name"`
		Price int     `json:"price"`
		Note  *string `json:"note"`
		Empty string  `json:"empty"`
	}
	type cart struct {
		Lines []line `json:"lines"`
		Card  struct {
			Last4   string `json:"last4"`
			Expires string `json:"expires"`
		} `json:"card"`
		Seen map[string]bool `json:"seen"`
	}
	type lineToday struct{ NAME string }
	type cartToday struct {
		Lines []lineToday
		Card  struct {
			Last4 string `json:"last4"`
		} `json:"card"`
		More string          `json:"more"`
		Seen map[string]bool `json:"seen"`
	}
	full := cart{Lines: []line{{Name: "book", Price: 5}}, Seen: map[string]bool{"a": false}}
	full.Card.Expires = "01/30"
	const lost = "card.expires, lines[].price"
	for name, test := range map[string]struct {
		was, today func(durable.Context, order) (string, error)
		want       []string
	}{
		"a step": {valued(full, oneStep[cart]), valued(cartToday{}, oneStep[cartToday]), []string{
			`operation 1, STEP/Step "v": today's type of its result has no place for what is recorded as ` + lost}},
		"the same type": {valued(full, oneStep[cart]), valued(full, oneStep[cart]), nil},
		"any":           {valued(full, oneStep[cart]), valued[any](nil, oneStep[any]), nil},
		"a child": {valued(full, child[cart]), valued(cartToday{}, child[cartToday]), []string{
			`operation 1, CONTEXT/RunInChildContext "v": today's type of its result has no place for what is recorded as ` + lost}},
		"items": {valued(full, items[cart]), valued(cartToday{}, items[cartToday]), []string{
			`operation 1-1, CONTEXT/MapIteration "map-item-0": today's type of its result has no place for what is recorded as ` + lost}},
		"flat items": {valued(full, flatItems[cart]), valued(cartToday{}, flatItems[cartToday]), []string{
			`operation 1-1, item 0 of CONTEXT/Map "v": today's type of its result has no place for what is recorded as ` + lost}},
		"a condition": {valued(full, condition[cart]), valued(cartToday{}, condition[cartToday]), []string{
			`operation 1, STEP/WaitForCondition "v": today's type of its result has no place for what is recorded as ` + lost}},
		"a scalar": {valued(full, oneStep[cart]), valued(lineToday{}, oneStep[lineToday]), []string{
			`operation 1, STEP/Step "v": today's type of its result has no place for what is recorded as card, lines`}},
	} {
		t.Run(name, func(t *testing.T) {
			for form, data := range record(t, test.was, input, recording{}) {
				var got []string
				for _, l := range rehearse(t, data, code(t, test.today)).Lost {
					got = append(got, l.String())
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: (-want +got):\n%s", form, diff)
				}
			}
		})
	}
}

// valued is a handler that records a value, and waits.
func valued[T any](v T, record func(durable.Context, T) error) func(durable.Context, order) (string, error) {
	return func(ctx durable.Context, _ order) (string, error) {
		if err := record(ctx, v); err != nil {
			return "", err
		}
		return "", durable.Wait(ctx, "pause", time.Hour)
	}
}

func oneStep[T any](ctx durable.Context, v T) error {
	_, err := step(ctx, "v", v)
	return err
}

func child[T any](ctx durable.Context, v T) error {
	_, err := durable.RunInChildContext(ctx, "v", func(durable.Context) (T, error) { return v, nil })
	return err
}

func items[T any](ctx durable.Context, v T) error {
	_, err := durable.Map(ctx, "v", []T{v}, func(_ durable.Context, v T, _ int) (T, error) { return v, nil })
	return err
}

func flatItems[T any](ctx durable.Context, v T) error {
	_, err := durable.Map(ctx, "v", []T{v}, func(_ durable.Context, v T, _ int) (T, error) { return v, nil }, durable.WithFlat())
	return err
}

func condition[T any](ctx durable.Context, v T) error {
	_, err := durable.WaitForCondition(ctx, "v", v, func(_ context.Context, v T) (T, bool, error) { return v, true, nil })
	return err
}

// TestSides is what people see.
func TestSides(t *testing.T) {
	open := record(t, process, input, recording{})["history"]
	for name, test := range map[string]struct {
		today func(durable.Context, order) (string, error)
		want  string
	}{
		"renamed": {changed[receipt]("validate", "debit", nil), `
    recorded                                                | the code now
    1      STEP/Step "validate"  SUCCEEDED +0s              | STEP/Step "validate"
  > 2      STEP/Step "charge"  SUCCEEDED +0s                | STEP/Step "debit"  at fixture_test.go:N
    3      CONTEXT/Map "reserve"  SUCCEEDED +0s             |
    3-1    CONTEXT/MapIteration "map-item-0"  SUCCEEDED +0s |
    3-1-1  STEP/Step "reserve_book"  SUCCEEDED +0s          |
`},
	} {
		got := rehearse(t, open, code(t, test.today)).Sides()
		got = regexp.MustCompile(`go:\d+`).ReplaceAllString(got, "go:N")
		if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
