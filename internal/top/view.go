package top

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// Styles are the parameters of the escape sequences for them. No meaning is in a colour alone. The library leaves out
// colours where NO_COLOR says so.
const (
	bold    = "1"
	dim     = "2"
	red     = "31"
	yellow  = "33"
	inverse = "7"
)

func paint(style, s string) string {
	if style == "" || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[m"
}

// View implements [tea.Model].
func (m *model) View() tea.View {
	lines := append(m.head(), m.body()...)
	room := max(m.height-len(m.foot()), 1)
	for len(lines) < room {
		lines = append(lines, "")
	}
	lines = append(lines[:room], m.foot()...)
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, m.width, "…")
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.WindowTitle = "perdure top"
	return v
}

// The rows that a small screen keeps for the list, and the most that beside it have.
const (
	leastRows     = 4
	mostFailures  = 5
	mostJobs      = 3
	sparkWidth    = 30
	roomForCounts = 3
)

// head is what stands above the list: the more important, the smaller the screens that still have it.
func (m *model) head() []string {
	lines := []string{m.title()}
	if m.away != "" {
		lines = append(lines, paint(red+";"+bold, "! "+m.away+m.staleness()))
	}
	if len(m.filter) > 0 {
		lines = append(lines, "filter: "+filterText(m.filter))
	}
	if m.seen == nil {
		return lines
	}
	left := m.height - len(lines) - len(m.foot()) - leastRows
	add := func(more ...string) {
		if len(more) <= left {
			lines, left = append(lines, more...), left-len(more)
		}
	}
	add(m.wrap(countWords(m.seen.Counts), roomForCounts)...)
	if m.why != nil {
		return lines
	}
	add(m.wrap(m.throughput(), roomForCounts)...)
	add(m.jobs()...)
	add(m.failures()...)
	add("")
	return lines
}

func (m *model) title() string {
	title := paint(bold, "perdure top") + "  " + cli.Printable(m.opt.Client.Endpoint)
	if m.seen != nil {
		title += fmt.Sprintf("  %s  up %s", cli.Printable(m.seen.status.Version),
			text.Duration(m.now.Sub(m.seen.status.Started.Time())))
	}
	clock := m.now.Local().Format(time.TimeOnly)
	if gap := m.width - ansi.StringWidth(title) - len(clock); gap > 1 {
		title += strings.Repeat(" ", gap) + clock
	}
	return title
}

// staleness says how old the figures are, of an engine that is away.
func (m *model) staleness() string {
	if m.seen == nil {
		return "; trying again"
	}
	return "; this is of " + text.Duration(m.now.Sub(m.seen.Timestamp.Time())) + " ago"
}

// wrap puts words on as many lines as they need, at most most.
func (m *model) wrap(words []string, most int) []string {
	var lines []string
	for _, w := range words {
		if last := len(lines) - 1; last >= 0 &&
			(len(lines) == most || ansi.StringWidth(lines[last])+2+ansi.StringWidth(w) <= m.width) {
			lines[last] += "  " + w
			continue
		}
		lines = append(lines, w)
	}
	return lines
}

// throughput has the rates, and the last hour minute by minute.
func (m *model) throughput() []string {
	words := rateWords(m.seen)
	n := min(sparkWidth, m.width/4)
	minutes := m.seen.Throughput[max(len(m.seen.Throughput)-n, 0):]
	counts := [3][]uint64{}
	for _, t := range minutes {
		for i, n := range []uint64{t.Started, t.Ended, t.Failed} {
			counts[i] = append(counts[i], n)
		}
	}
	for i := range counts {
		if line := spark(counts[i]); line != "" {
			words[i] += " " + line
		}
	}
	return words
}

var bars = []rune("▁▂▃▄▅▆▇█")

// spark draws numbers as a line of bars. A zero has no bar; nothing but zeros is nothing.
func spark(counts []uint64) string {
	var most uint64
	for _, n := range counts {
		most = max(most, n)
	}
	if most == 0 {
		return ""
	}
	var b strings.Builder
	for _, n := range counts {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(bars[int(float64(n)/float64(most)*float64(len(bars)-1)+.5)])
	}
	return b.String()
}

func (m *model) jobs() []string {
	var lines []string
	for i := range m.seen.Jobs[:min(len(m.seen.Jobs), mostJobs)] {
		lines = append(lines, paint(yellow, jobWords(&m.seen.Jobs[i])))
	}
	if more := len(m.seen.Jobs) - mostJobs; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more jobs: perdure jobs", more))
	}
	return lines
}

func (m *model) failures() []string {
	all := m.seen.Counts.Failures
	if len(all) == 0 {
		return nil
	}
	lines := []string{"", paint(dim, "FAILURES BY ERROR")}
	for i := range all[:min(len(all), mostFailures)] {
		lines = append(lines, paint(red, failureWords(&all[i])))
	}
	if more := len(all) - mostFailures; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: perdure list --count", more))
	}
	return lines
}

// listRows is the number of rows that the list has room for.
func (m *model) listRows() int { return max(m.height-len(m.head())-len(m.foot())-1, 1) }

// body is the list, or an explanation.
func (m *model) body() []string {
	if m.why != nil {
		lines := m.whyLines()
		return lines[min(m.why.top, len(lines)):]
	}
	switch {
	case m.seen == nil && m.away == "":
		return []string{"asking …"}
	case m.seen == nil:
		return nil
	case m.count() == 0 && len(m.filter) > 0:
		return []string{"no execution is like that; / changes the filter"}
	case m.count() == 0:
		return []string{"no executions yet; start one with: perdure invoke FUNCTION"}
	}
	return m.list()
}

// column is one of the list: its head, its width, and the screen below which it is left out.
type column struct {
	head        string
	most, least int
	cell        func(e *Execution) string
}

func (m *model) columns() []column {
	return []column{
		{"STATE", 16, 0, (*Execution).state},
		{"FOR", 7, 40, func(e *Execution) string { return e.age(m.now) }},
		{"FUNCTION", 20, 72, (*Execution).function},
		{"EXECUTION", 40, 0, (*Execution).name},
		{"WHY", 1 << 10, 50, (*Execution).why},
	}
}

// list has what needs attention first.
func (m *model) list() []string {
	rows := m.seen.Executions[m.top:min(m.top+m.listRows(), m.count())]
	lines := make([]string, 1+len(rows))
	lines[0] = "  "
	for i := range rows {
		lines[i+1] = "  "
		if m.top+i == m.at {
			lines[i+1] = "> "
		}
	}
	for _, c := range m.columns() {
		if m.width < c.least {
			continue
		}
		cells, width := []string{c.head}, len(c.head)
		for i := range rows {
			cell := ansi.Truncate(c.cell(&rows[i]), c.most, "…")
			cells, width = append(cells, cell), max(width, ansi.StringWidth(cell))
		}
		for i, cell := range cells {
			lines[i] += cell + strings.Repeat(" ", width-ansi.StringWidth(cell)+2)
		}
	}
	for i, line := range lines {
		lines[i] = ansi.Truncate(strings.TrimRight(line, " "), m.width, "…")
	}
	lines[0] = paint(dim, lines[0])
	for i := range rows {
		lines[i+1] = paint(styleOf(&rows[i], m.top+i == m.at), lines[i+1])
	}
	return lines
}

// styleOf is how a row looks.
func styleOf(e *Execution, selected bool) string {
	var styles []string
	if selected {
		styles = append(styles, inverse)
	}
	switch {
	case e.failed():
		styles = append(styles, red)
	case e.EndTimestamp != 0:
		styles = append(styles, dim)
	}
	return strings.Join(styles, ";")
}

func (m *model) whyRows() int { return max(m.height-len(m.head())-len(m.foot()), 1) }

// whyLines explain one execution, on lines that fit.
func (m *model) whyLines() []string {
	e := &m.why.of
	var lines []string
	add := func(format string, args ...any) {
		for _, line := range strings.Split(fmt.Sprintf(format, args...), "\n") {
			lines = append(lines, strings.Split(ansi.Wrap(cli.Printable(line), max(m.width, 1), " /:"), "\n")...)
		}
	}
	lines = append(lines, "", paint(bold, e.function()+"  "+e.name()))
	add("%s", e.DurableExecutionArn)
	add("%s, started %s", e.state(), e.StartTimestamp.Time().Local().Format(time.DateTime))
	for key, value := range e.Tags {
		add("tag %s=%s", key, value)
	}
	lines = append(lines, "")
	switch x := m.why.x; {
	case m.why.err != nil:
		add("%s", m.word(m.why.err))
	case x == nil:
		add("asking …")
	default:
		add("%s", x.Text)
		if x.SideBySide != "" {
			add("%s", x.SideBySide)
		}
		for i := range x.Reasons {
			r := &x.Reasons[i]
			add("  %s", r.Text)
			if what := cmp.Or(r.CallbackId, r.DurableExecutionArn); what != "" {
				add("    %s", what)
			}
		}
		if n := x.Total - len(x.Reasons); n > 0 {
			add("  and %d more", n)
		}
		if t := x.ExpectedExecutionTimeoutTimestamp; t != 0 && e.EndTimestamp == 0 {
			add("times out in %s", text.Duration(t.Time().Sub(m.now)))
		}
	}
	return lines
}

// foot is the last two lines: what was said, or what is asked, and the keys.
func (m *model) foot() []string {
	switch {
	case m.typed != nil:
		line := "/" + *m.typed + "_"
		if over := ansi.StringWidth(line) - m.width; over > 0 {
			line = ansi.TruncateLeft(line, over+1, "…")
		}
		return []string{cmp.Or(m.note, "Status= Doing= Name= Function= LongerThan= Error= Tag=K=V …; Enter, Esc"), line}
	case m.wanted != nil:
		return []string{paint(bold, m.wanted.name+": "+m.wanted.question), "y yes  n no"}
	}
	keys := "↑↓ move  Enter why  / filter  "
	if m.why != nil {
		keys = "↑↓ move  Esc back  "
	}
	if m.seen == nil || !m.seen.readOnly {
		pause := "p pause"
		if e := m.current(); e != nil && e.Status == protocol.ExecutionPaused {
			pause = "p resume"
		}
		keys += pause + "  s stop  r redrive  "
	}
	return []string{m.note, paint(dim, keys+"q quit")}
}
