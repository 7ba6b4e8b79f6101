package top

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
)

const (
	listed   = 100  // executions that are listed at most
	maxTyped = 2000 // bytes of a filter that is typed
)

// model is the screen at a moment. Keys, answers and ticks change it, one after the other.
type model struct {
	ctx     context.Context
	opt     *Options
	watcher watcher

	width, height int
	now           time.Time // as of the last answer or tick

	// What is asked, and the last answer. Answers to older questions do not count.
	filter   url.Values
	question int
	asking   bool // a look is under way
	tick     int  // the one that counts
	seen     *Overview
	away     string // why the last look saw nothing; empty if it did

	// What is shown.
	selected string // its ARN, so that a selection stays where it was made; empty is whatever is first
	at       int    // its row
	top      int    // the first row of the list that is shown
	why      *why   // the execution that is explained, in place of the list
	typed    *string
	wanted   *act   // waits to be confirmed
	note     string // what came of the last key
}

// why is the explanation of one execution.
type why struct {
	of  Execution
	x   *adminapi.Explanation // nil until it arrives
	err error
	top int // the first line
}

// The messages beside those of the library.
type (
	lookedMsg struct {
		question int
		seen     *Overview
		err      error
		at       time.Time
	}
	tickMsg struct {
		number int
		at     time.Time
	}
	explainedMsg struct {
		arn string
		x   *adminapi.Explanation
		err error
	}
)

func newModel(ctx context.Context, opt *Options) *model {
	return &model{ctx: ctx, opt: opt, watcher: watcher{client: opt.Client}, filter: opt.Filter, now: time.Now(),
		width: 80, height: 24}
}

// Init implements [tea.Model].
func (m *model) Init() tea.Cmd { return m.look() }

// Update implements [tea.Model].
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.follow()
	case lookedMsg:
		return m, m.looked(msg)
	case tickMsg:
		if msg.number == m.tick {
			m.now = msg.at
			return m, m.look()
		}
	case explainedMsg:
		if m.why != nil && m.why.of.DurableExecutionArn == msg.arn {
			m.why.err = msg.err
			if msg.err == nil {
				m.why.x = msg.x
			}
		}
	case actedMsg:
		m.note = msg.of.name + ": " + msg.done
		if msg.err != nil {
			m.note = msg.of.name + ": " + m.word(msg.err)
		}
		return m, m.lookAnew()
	case tea.PasteMsg:
		m.typing(msg.Content)
	case tea.KeyPressMsg:
		return m, m.key(msg)
	}
	return m, nil
}

func (m *model) word(err error) string { return cli.Printable(m.opt.Word(err).Error()) }

// look asks the engine, unless it is being asked: then the answer leads to the next look.
func (m *model) look() tea.Cmd {
	if m.asking {
		return nil
	}
	m.asking = true
	question, about := m.question, want{m.filter, listed, m.top, m.top + m.listRows()}
	return func() tea.Msg {
		seen, err := m.watcher.look(m.ctx, about)
		return lookedMsg{question, seen, err, time.Now()}
	}
}

// lookAnew asks at once, and lets no older answer count.
func (m *model) lookAnew() tea.Cmd {
	m.question++
	return m.look()
}

func (m *model) looked(msg lookedMsg) tea.Cmd {
	m.asking, m.now = false, msg.at
	if msg.question != m.question {
		return m.look()
	}
	m.away = ""
	if msg.err != nil {
		m.away = m.word(msg.err)
	} else {
		m.seen = msg.seen
		m.follow()
	}
	m.tick++
	number := m.tick
	next := tea.Tick(m.opt.Interval, func(at time.Time) tea.Msg { return tickMsg{number, at} })
	if m.why == nil {
		return next
	}
	return tea.Batch(next, m.explain())
}

// explain asks for the explanation that is shown.
func (m *model) explain() tea.Cmd {
	if i := m.row(m.why.of.DurableExecutionArn); i >= 0 {
		m.why.of = m.seen.Executions[i]
	}
	arn := m.why.of.DurableExecutionArn
	return func() tea.Msg {
		x, err := m.opt.Client.Explain(m.ctx, arn)
		return explainedMsg{arn, x, err}
	}
}

// row is the place of an execution in the list; negative if it is not there.
func (m *model) row(arn string) int {
	if m.seen == nil {
		return -1
	}
	return slices.IndexFunc(m.seen.Executions, func(e Execution) bool { return e.DurableExecutionArn == arn })
}

// follow keeps the selected row on the screen. If it is gone, the row is selected that took its place.
func (m *model) follow() {
	n, rows := m.count(), m.listRows()
	switch i := m.row(m.selected); {
	case m.selected == "" || n == 0:
		m.at = 0
	case i >= 0:
		m.at = i
	default:
		m.at = min(m.at, n-1)
		m.selected = m.seen.Executions[m.at].DurableExecutionArn
	}
	m.top = max(min(m.top, m.at, n-rows), m.at-rows+1, 0)
}

// count is the number of rows of the list.
func (m *model) count() int {
	if m.seen == nil {
		return 0
	}
	return len(m.seen.Executions)
}

// current is the execution on which keys act; nil if there is none.
func (m *model) current() *Execution {
	if m.why != nil {
		return &m.why.of
	}
	if m.at < m.count() {
		return &m.seen.Executions[m.at]
	}
	return nil
}

// key does what a key stands for.
func (m *model) key(msg tea.KeyPressMsg) tea.Cmd {
	name := msg.String()
	switch {
	case name == "ctrl+c":
		return tea.Quit
	case name == "ctrl+z":
		return tea.Suspend
	case m.typed != nil:
		return m.edit(name, msg.Text)
	case m.wanted != nil:
		return m.confirm(name)
	}
	m.note = ""
	switch name {
	case "q":
		return tea.Quit
	case "/":
		line := filterText(m.filter)
		m.typed = &line
	case "enter":
		if e := m.current(); e != nil && m.why == nil {
			m.why = &why{of: *e}
			return m.explain()
		}
	case "esc":
		m.why = nil
		m.follow()
	case "p", "s", "r":
		m.ask(name)
	default:
		return m.move(name)
	}
	return nil
}

// move moves the selection, or an explanation.
func (m *model) move(name string) tea.Cmd {
	const far = 1 << 20
	page := max(m.listRows()-1, 1)
	by := map[string]int{
		"up": -1, "k": -1, "down": 1, "j": 1, "pgup": -page, "pgdown": page,
		"home": -far, "g": -far, "end": far, "G": far,
	}[name]
	switch {
	case by == 0:
		return nil
	case m.why != nil:
		m.why.top = max(min(m.why.top+by, len(m.whyLines())-m.whyRows()), 0)
		return nil
	case m.count() == 0:
		return nil
	}
	before := m.top
	m.selected = ""
	if i := max(min(m.at+by, m.count()-1), 0); i > 0 {
		m.selected = m.seen.Executions[i].DurableExecutionArn
	}
	m.follow()
	if m.top != before {
		return m.lookAnew() // what came into sight has no reasons yet
	}
	return nil
}

// ask wants an act to be confirmed.
func (m *model) ask(key string) {
	e := m.current()
	switch {
	case e == nil:
		return
	case m.seen != nil && m.seen.readOnly:
		m.note = "this access key may look, and not act"
		return
	}
	a, err := actOf(key, e)
	if err != nil {
		m.note = e.name() + ": " + err.Error()
		return
	}
	m.wanted = a
}

// confirm does what was asked for only on y.
func (m *model) confirm(name string) tea.Cmd {
	a := m.wanted
	m.wanted = nil
	if name != "y" {
		m.note = "nothing was done"
		return nil
	}
	m.note = a.verb + " " + a.name + " …"
	return a.run(m.ctx, m.opt.Client)
}

// edit changes the filter that is typed.
func (m *model) edit(name, typed string) tea.Cmd {
	switch name {
	case "esc":
		m.typed, m.note = nil, ""
	case "enter":
		filter, err := parseFilter(*m.typed, m.now)
		if err != nil {
			m.note = cli.Printable(err.Error())
			return nil
		}
		m.filter, m.typed, m.note, m.why, m.selected = filter, nil, "", nil, ""
		m.follow()
		return m.lookAnew()
	case "backspace", "ctrl+h":
		_, last := utf8.DecodeLastRuneInString(*m.typed)
		*m.typed = (*m.typed)[:len(*m.typed)-last]
	case "ctrl+w":
		line := strings.TrimRight(*m.typed, " ")
		*m.typed = line[:strings.LastIndexByte(line, ' ')+1]
	case "ctrl+u":
		*m.typed = ""
	default:
		m.typing(typed)
	}
	return nil
}

// typing adds to the filter that is typed.
func (m *model) typing(text string) {
	if m.typed != nil && len(*m.typed)+len(text) <= maxTyped {
		*m.typed += cli.Printable(strings.NewReplacer("\r", "", "\n", " ").Replace(text))
		m.note = ""
	}
}
