// Package progress shows an execution while it runs. It reads history events, so it shows what the engine recorded, be
// that engine in this process or behind the Lambda API.
//
// A [View] writes a line for each event that matters. On a terminal it also redraws a few lines below, which say what
// is going on now, with countdowns. In a pipe it writes only lines, without control characters.
package progress

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/core/history"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// Options say what the output can show. The zero value is a pipe.
type Options struct {
	Color bool // use colours
	Live  bool // keep a live area, by moving the cursor
	// Size returns the terminal's columns and rows; used only with Live.
	Size func() (columns, rows int)
	// Now replaces the clock in tests.
	Now func() time.Time
}

// View shows one execution. Its methods may be called concurrently.
type View struct {
	opt Options

	mu      sync.Mutex
	w       io.Writer
	fold    history.Fold
	open    []*history.Operation // in the order in which they started
	nameCol int
	held    *line  // not written yet
	past    int64  // events up to this one are old
	idle    string // what to show while no operation is open
	drawn   int    // lines of the live area on the screen
	frame   int
	logs    limiter
	ended   bool
}

// New returns a view that writes to w.
func New(w io.Writer, opt Options) *View {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &View{opt: opt, w: w, nameCol: 20}
}

// Event shows one event. Events must come in order.
func (v *View) Event(e *protocol.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.apply(e)
	v.tellHeld(e.EndsExecution())
	switch {
	case l.text == "", e.ID <= v.past && e.Type == protocol.EventInvocationCompleted:
	case l.passing && v.opt.Live: // the live area shows it
	case e.Type == protocol.EventInvocationCompleted:
		v.held = &l
	default:
		v.print(v.render(l))
	}
	v.draw()
}

// tellHeld writes the line that waits for the next event, or drops it: if an invocation that fails ends the execution,
// only the end is news.
func (v *View) tellHeld(drop bool) {
	if v.held != nil && !drop {
		v.print(v.render(*v.held))
	}
	v.held = nil
}

// Resume says that events up to number last happened before this command looked: their failed invocations interest
// nobody now.
func (v *View) Resume(last int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.past = last
}

// Note writes a line of our own.
func (v *View) Note(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.print(cli.Printable(fmt.Sprintf(format, args...)))
	v.draw()
}

// Animate moves the live area's countdowns until ctx is done.
func (v *View) Animate(ctx context.Context) {
	ticker := time.NewTicker(120 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			v.tick()
		}
	}
}

func (v *View) tick() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tellDropped(v.opt.Now())
	v.tellHeld(false)
	v.frame++
	v.draw()
}

// Close removes the live area for good. Lines may still be written.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ended = true
	v.erase()
	v.tellHeld(false)
	v.tellDropped(v.opt.Now().Add(time.Second))
}

// print writes a finished line above the live area.
func (v *View) print(line string) {
	v.erase()
	fmt.Fprintln(v.w, line)
}

func (v *View) erase() {
	if v.drawn > 0 {
		fmt.Fprintf(v.w, "\x1b[%dA\r\x1b[J", v.drawn)
		v.drawn = 0
	}
}

// draw replaces the live area, in one write so that it does not flicker.
func (v *View) draw() {
	if !v.opt.Live || v.ended {
		return
	}
	columns, rows := v.opt.Size()
	lines := v.liveLines(columns, min(max(rows-2, 1), 8))
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", v.drawn)
	}
	for _, l := range lines {
		b.WriteString(l)
		b.WriteString("\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	v.drawn = len(lines)
	io.WriteString(v.w, b.String())
}

// render makes a finished line of l.
func (v *View) render(l line) string {
	if v.opt.Live {
		return fmt.Sprintf("%s %s  %s", v.paint(l.tone, l.tone.mark()), v.label(l), v.paint(l.tone.forText(), l.text))
	}
	return fmt.Sprintf("%8s  %s  %s", offset(l.at.Sub(v.fold.First)), v.label(l), v.paint(l.tone.forText(), l.text))
}

// label is the operation's name, indented below its context, padded to a column that only grows.
func (v *View) label(l line) string {
	name := strings.Repeat("  ", l.depth) + cli.Printable(l.name)
	name = text.Clip(name, 40)
	n := len([]rune(name))
	v.nameCol = max(v.nameCol, n)
	return name + strings.Repeat(" ", v.nameCol-n)
}

// tone is the kind of news a line brings; it selects mark and colour.
type tone string

// The tones are the parameters of the escape sequences for their colours.
const (
	plain  tone = ""
	quiet  tone = "0"
	dim    tone = "2"
	good   tone = "32"
	bad    tone = "31"
	warn   tone = "33"
	active tone = "36"
)

func (t tone) mark() string {
	switch t {
	case good:
		return "✓"
	case bad:
		return "✗"
	case warn:
		return "!"
	}
	return "·"
}

// forText is the tone of the words behind the mark: only trouble is coloured.
func (t tone) forText() tone {
	switch t {
	case bad, warn:
		return t
	}
	return plain
}

func (v *View) paint(t tone, s string) string {
	if !v.opt.Color || t == plain || t == quiet {
		return s
	}
	return "\x1b[" + string(t) + "m" + s + "\x1b[0m"
}

// For says what f can show. NO_COLOR and TERM=dumb are respected.
func For(f *os.File) Options {
	if !isatty.IsTerminal(f.Fd()) || os.Getenv("TERM") == "dumb" {
		return Options{}
	}
	return Options{
		Live:  true,
		Color: os.Getenv("NO_COLOR") == "",
		Size:  func() (columns, rows int) { return terminalSize(f) },
	}
}
