package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/perdure/perdure/bench/peers/workload"
)

// report writes the document: the machine, the table, the notes.
func report(c *comparison, m *measurements) string {
	var doc strings.Builder
	fmt.Fprintf(&doc, "# %s\n\n", c.title)
	for _, line := range m.Machine {
		fmt.Fprintf(&doc, "- %s\n", line)
	}
	doc.WriteString(`
Each figure is the median of all rounds, with the lowest and the highest. Of CPU time and memory the first number is
the engine's (Perdure, Restate, PostgreSQL), the second that of the functions; a single one has both, and of libraries
also the clients.

`)
	writeTable(&doc, c, m)
	doc.WriteString("\n" + c.notes)
	return doc.String()
}

// writeTable writes the table.
func writeTable(doc *strings.Builder, c *comparison, m *measurements) {
	row := func(cells ...string) { fmt.Fprintf(doc, "| %s |\n", strings.Join(cells, " | ")) }
	head, line, safe := []string{"workload"}, []string{"---"}, []string{"durability"}
	for _, s := range c.systems {
		head, line, safe = append(head, s.Name), append(line, "---:"), append(safe, s.Durability)
	}
	row(append(head, "goal", "Perdure served / best peer", "verdict")...)
	row(append(line, "---", "---:", "---")...)
	row(append(safe, "", "", "")...)
	for _, w := range workload.All {
		for _, cells := range workloadRows(c, m, w) {
			row(cells...)
		}
	}
	blank := make([]string, len(c.systems)-1)
	if m.Sleepers != nil {
		for _, cells := range sleeperRows(m.Sleepers) {
			row(append(append(cells[:2:2], blank...), cells[2:]...)...)
		}
	}
	for _, f := range floors {
		name := fmt.Sprintf("floor: %s, %s", f.Name, clients(f.Clients))
		row(append(append([]string{name, floorText(m, f)}, blank...), "", "", "")...)
	}
}

// workloadRows are the rows of a workload: the figures, CPU time, memory.
func workloadRows(c *comparison, m *measurements, w workload.Workload) [][]string {
	figures := []string{"**" + w.Name + ": " + string(w.Unit) + "**"}
	cpu, memory := []string{"CPU ms per execution"}, []string{"memory, MB"}
	best := map[form]float64{}
	peer, most := 0.0, 0.0
	for _, s := range c.systems {
		sum := summarize(m.of(s.Key, w.Key))
		if sum.Value == 0 {
			figures, cpu, memory = append(figures, cell(sum.Error)), append(cpu, ""), append(memory, "")
			continue
		}
		figures = append(figures, sum.String())
		cpu = append(cpu, both(sum.EngineCPU, sum.FunctionCPU))
		memory = append(memory, both(sum.EngineMemory, sum.FunctionMemory))
		switch {
		case s.Served:
			best[served] = better(w.Unit, best[served], sum.Value)
			most = max(most, sum.EngineMemory)
		case s.Key == embeddedKey:
			best[embedded] = sum.Value
		case !s.Ours:
			peer = better(w.Unit, peer, sum.Value)
		}
	}
	var wanted, reached []string
	for _, g := range c.goals[w.Key] {
		wanted = append(wanted, g.String(w.Unit))
		reached = append(reached, g.judge(w.Unit, best[g.form], peer))
	}
	ratio, fits := "", notMeasured
	if best[served] > 0 && peer > 0 {
		ratio = fmt.Sprintf("%.2f ×", times(w.Unit, best[served], peer))
	}
	if most > 0 {
		fits = verdict(most <= maxEngineMemory) + ": " + number(most)
	}
	return [][]string{
		append(figures, strings.Join(wanted, "; "), ratio, strings.Join(reached, "; ")),
		append(cpu, "", "", ""),
		append(memory, "engine, served ≤ "+number(maxEngineMemory), "", fits),
	}
}

// of returns the figures of a system under a workload.
func (m *measurements) of(system, workload string) (of []figure) {
	for _, f := range m.Figures {
		if f.System == system && f.Workload == workload {
			of = append(of, f)
		}
	}
	return of
}

// sleeperRows are the rows of executions that sleep: name, figure, goal, ratio, verdict.
func sleeperRows(s *sleepers) [][]string {
	restarted, fits := cell(s.Error), notMeasured
	if s.Memory > 0 {
		ms, mb := milliseconds(s.Restart), megabytes(s.Memory)
		restarted = number(ms) + " ms, " + number(mb) + " MB"
		fits = verdict(ms <= maxRestart && mb <= maxRestartMemory)
	}
	rows := [][]string{{fmt.Sprintf("**%s asleep: restart, memory a second later**", number(float64(s.Asleep))),
		restarted, fmt.Sprintf("≤ %g ms, ≤ %g MB", maxRestart, maxRestartMemory), "", fits}}
	for _, w := range []struct {
		waking
		how string
	}{
		{s.AtOnce, "within a second"},
		{s.InTurn, "one after the other, " + number(s.InTurn.Rate) + "/s"},
	} {
		late, inTime := cell(w.Error), notMeasured
		if w.Last > 0 {
			late = fmt.Sprintf("%s ms (half %s ms; the last execution ended after %s ms)", number(milliseconds(w.P99)),
				number(milliseconds(w.P50)), number(milliseconds(w.Last)))
			inTime = verdict(milliseconds(w.P99) <= maxLateness)
		}
		rows = append(rows, []string{fmt.Sprintf("**%s wake up %s: lateness, p99**", number(float64(w.Awake)), w.how),
			late, fmt.Sprintf("≤ %g ms", maxLateness), "", inTime})
	}
	return rows
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
func megabytes(bytes int64) float64        { return float64(bytes) / 1e6 }

// notMeasured stands where a figure is missing.
const notMeasured = "not measured"

// floorText is the median of a floor.
func floorText(m *measurements, f floor) string {
	var rates []float64
	problem := ""
	for _, g := range m.Floors {
		switch {
		case g.Name != f.Name || g.Clients != f.Clients:
		case g.Error != "":
			problem = g.Error
		default:
			rates = append(rates, g.PerSecond)
		}
	}
	rate := median(rates)
	if rate == 0 {
		return cell(problem)
	}
	return number(rate) + "/s, " + number(float64(f.Clients)*1e6/rate) + " µs each"
}

// both is the engine's number and the functions'.
func both(engine, functions float64) string {
	if functions == 0 {
		return number(engine)
	}
	return number(engine) + " + " + number(functions)
}

func clients(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}

// number writes a number with three digits that count, and commas.
func number(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	text := fmt.Sprintf("%.0f", x)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// cell makes one cell of an error.
func cell(text string) string {
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "|", "/")), " ")
	if runes := []rune(text); len(runes) > 120 {
		text = string(runes[:120]) + "…"
	}
	if text == "" {
		return "–"
	}
	return text
}
