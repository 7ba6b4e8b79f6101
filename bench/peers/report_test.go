package main

import (
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/bench/peers/workload"
)

// figuresOf are figures of one workload: a value for each system.
func figuresOf(workload string, values map[string]float64) (all []figure) {
	for system, value := range values {
		all = append(all, figure{System: system, Workload: workload, Value: value, Executions: 1,
			EngineCPU: 1500 * time.Microsecond, FunctionCPU: 250 * time.Microsecond, EngineMemory: 50e6, FunctionMemory: 7e6})
	}
	return all
}

// row returns the cells of the row that begins with a text, and its number of lines in the table.
func row(t *testing.T, table, begin string) []string {
	t.Helper()
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| "+begin) {
			return strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		}
	}
	t.Fatalf("no row begins with %q in:\n%s", begin, table)
	return nil
}

func TestTable(t *testing.T) {
	m := &measurements{
		Figures: append(figuresOf("steps", map[string]float64{
			"perdure-processes": 439, "perdure-concurrent": 190, "perdure-embedded": 60, "restate": 1208, "dbos-sqlite": 205,
		}), figuresOf("crowd", map[string]float64{
			"perdure-processes": 3118, "perdure-embedded": 31_000, "restate": 2433, "dbos-postgres": 2242,
		})...),
		Floors: []floorFigure{{Name: floors[3].Name, Clients: floors[3].Clients, PerSecond: 46_000}},
		Sleepers: &sleepers{Asleep: 100_000, Restart: 28 * time.Millisecond, Memory: 22e6,
			AtOnce: waking{Awake: 100_000, P50: 2 * time.Second, P99: 9 * time.Second, Last: 10 * time.Second},
			InTurn: waking{Awake: 100_000, Rate: 3000, P50: 20 * time.Millisecond, P99: 92 * time.Millisecond, Last: time.Second}},
	}
	table := report(&peers, m)
	columns := len(peers.systems) + 4
	for line := range strings.Lines(table) {
		if n := strings.Count(line, " | ") + 1; strings.HasPrefix(line, "| ") && n != columns {
			t.Errorf("got %d cells, want %d: %s", n, columns, line)
		}
	}
	for _, want := range []struct {
		row    string
		column int
		cell   string
	}{
		{"**100 steps", 1, "**439**"},
		{"**100 steps", 3, "–"},
		{"**100 steps", columns - 3, "≤ 200"},
		{"**100 steps", columns - 2, "1.08 ×"}, // the best of ours that is served, beside the best of theirs
		{"**100 steps", columns - 1, "met: 190"},
		{"CPU ms", 1, "1.50 + 0.25"},
		{"memory, MB", 1, "50.0 + 7.00"},
		{"memory, MB", columns - 1, "met: 50.0"},
		{"**10 steps", columns - 3, "≥ 2.5 × the best peer; embedded ≥ 30,000"},
		{"**10 steps", columns - 1, "**not met**: 1.3 ×; met: 31,000"},
		{"**100,000 asleep", 1, "28.0 ms, 22.0 MB"},
		{"**100,000 asleep", columns - 1, "met"},
		{"**100,000 wake up within", columns - 1, "**not met**"},
		{"**100,000 wake up one after the other, 3,000/s", columns - 1, "met"},
		{"floor: SQLite commits, synchronous=FULL, one row each, in one", 1, "46,000/s, 1,391 µs each"},
		{"**executions of one", columns - 1, "not measured"},
	} {
		if got := row(t, table, want.row)[want.column]; got != want.cell {
			t.Errorf("row %s, column %d: got %q, want %q", want.row, want.column, got, want.cell)
		}
	}
}

// What an error says is not to break the table.
func TestCell(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "–",
		"a|b\n c":                "a/b c",
		strings.Repeat("é", 200): strings.Repeat("é", 120) + "…",
	} {
		if got := cell(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 1.5: "1.50", 22.34: "22.3", 439: "439", 17_600: "17,600", 1e6: "1,000,000"} {
		if got := number(x); got != want {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
}

func TestSummarize(t *testing.T) {
	got := summarize([]figure{{Value: 3}, {Error: "no"}, {Value: 1}, {Value: 9}})
	if want := (summary{Value: 3, Least: 1, Most: 9, Failed: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := got.String(), "**3.00** (1.00–9.00), failed rounds: 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := summarize([]figure{{Error: "first"}, {Error: "second"}}); got.Error != "first" || got.Value != 0 {
		t.Errorf("got %+v, want the first error", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median: got %v, want 2.5", got)
	}
}

// Each goal is one of a row that there is.
func TestGoalsHaveRows(t *testing.T) {
	rows := map[string]workload.Unit{}
	for _, w := range workload.All {
		rows[w.Key] = w.Unit
	}
	for _, c := range []comparison{peers, fleet} {
		for key, all := range c.goals {
			for _, g := range all {
				if rows[key] == "" || (g.value == 0) == (g.ofPeer == 0) || g.ofPeer > 0 && rows[key].IsTime() {
					t.Errorf("%s: %s: %+v is no goal for a row in %q", c.title, key, g, rows[key])
				}
			}
		}
	}
}
