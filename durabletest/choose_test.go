package durabletest

import (
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpreadHasAllSorts(t *testing.T) {
	var all []fault
	for n := range 100 {
		all = append(all, fault{kill, place(fmt.Sprint("before SUCCEED ", n))}, fault{lost, place(fmt.Sprint("after SUCCEED ", n))})
	}
	rare := fault{kill, "at invocation 2"}
	all = append(all, rare)
	chosen := spread(all, 11)
	got := map[fault]bool{}
	for _, f := range chosen {
		got[f] = true
	}
	if len(got) != 11 || !got[rare] || !got[all[0]] || !got[fault{lost, "after SUCCEED 80"}] {
		t.Errorf("got %v, want 11: the rare one, and five of each other sort from begin to end", schedule(chosen))
	}
	if diff := cmp.Diff(all, spread(all, len(all)), cmp.AllowUnexported(fault{})); diff != "" {
		t.Errorf("some are left out though all may stay (-want +got):\n%s", diff)
	}
}

func TestOrdersOfAnswers(t *testing.T) {
	p := &played{script: []scene{
		{at: time.Second, sort: answerComes, place: "a"},
		{at: 2 * time.Second, sort: recordEnds, place: "after"},
		{at: 3 * time.Second, sort: answerComes, place: "b"},
		{at: 20 * time.Hour, sort: answerComes, place: "c"},
	}}
	var got []string
	for _, s := range p.orders() {
		got = append(got, s.String())
	}
	if len(got) != 0 {
		t.Errorf("got %q for answers a day apart, want none", got)
	}
	p.script = p.script[:3]
	for _, s := range p.orders() {
		got = append(got, s.String())
	}
	want := []string{
		"late:2.001s a\nlate:1ms b", // at once
		"late:2.002s a\nlate:1ms b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if n := len(orderings(3)); n != 6 {
		t.Errorf("got %d orderings of three, want the 5 that they do not have, and one in which all come at once", n)
	}
}

func TestPlacesAreReadBack(t *testing.T) {
	for _, name := range []string{"plain", "two words", " blanks ", "two\nlines", `"quoted"`, "`ticks`", "x #2", "\t", "\r\n", `a\nb`} {
		s := schedule{
			{kill, place("before SUCCEED " + operationName("1-2", name))},
			{lost, place("after effect " + effect{name, name}.String() + " #2")},
		}
		got, err := parseSchedule(s.String())
		if diff := cmp.Diff(s, got, cmp.AllowUnexported(fault{})); err != nil || diff != "" {
			t.Errorf("%q: error %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestReproductionCompiles looks at the calls that people write.
func TestReproductionCompiles(t *testing.T) {
	const option = "durabletest.Schedule(`kill at x`)"
	calls := map[string]string{
		`durabletest.Explore(t, h, nil, nil)`:                            `durabletest.Explore(t, h, nil, nil, ` + option + `)`,
		`durabletest.Explore[int, int](t, h, nil, nil)`:                  `durabletest.Explore[int, int](t, h, nil, nil, ` + option + `)`,
		"durabletest.Explore(t, h, nil, nil, // why\n)":                  "durabletest.Explore(t, h, nil, nil, " + option + ", // why\n)",
		"durabletest.Explore(t, h, nil,\n\tnil,\n)":                      "durabletest.Explore(t, h, nil,\n\tnil, " + option + ",\n)",
		`durabletest.Explore(t, h, nil, nil, opts...)`:                   `durabletest.Explore(t, h, nil, nil, append(opts, ` + option + `)...)`,
		`kit.Explore(t, h, nil, nil)`:                                    "kit.Explore(t, h, nil, nil, kit.Schedule(`kill at x`))",
		`Explore(t, h, nil, nil)`:                                        "Explore(t, h, nil, nil, Schedule(`kill at x`))",
		`t.Run("a", func(t *testing.T) { kit.Explore(t, h, nil, nil) })`: "t.Run(\"a\", func(t *testing.T) { kit.Explore(t, h, nil, nil, kit.Schedule(`kill at x`)) })",
	}
	for call, want := range calls {
		file := filepath.Join(t.TempDir(), "x_test.go")
		if err := os.WriteFile(file, []byte("package x\n\nfunc TestX(t *testing.T) {\n"+call+"\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		name, got := site{file, 4}.testWith(option)
		if diff := cmp.Diff("func TestXAgain(t *testing.T) {\n"+want+"\n}", got); diff != "" || name != "TestXAgain" {
			t.Errorf("%s: test %s (-want +got):\n%s", call, name, diff)
		}
		if _, err := format.Source([]byte(got)); err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
	if got := pattern("TestXAgain/a_case/b+c"); got != `^TestXAgain$/^a_case$/^b\+c$` {
		t.Errorf("got the pattern %s", got)
	}
	if got := quoted("kill before `x`"); strings.HasPrefix(got, "`") {
		t.Errorf("got %s, want no raw string with backquotes in it", got)
	}
}
