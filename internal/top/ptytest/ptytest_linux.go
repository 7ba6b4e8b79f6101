// Package ptytest has a terminal for tests of programs with a screen.
package ptytest

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"
)

// Terminal is a pseudo-terminal with a screen: what a person has before them.
type Terminal struct {
	// Program is the side of the program that runs on it.
	Program *os.File

	t       *testing.T
	person  *os.File   // where keys go in
	showing sync.Mutex // held from what the program asks to the answer
	screen  *vt.SafeEmulator
	changed chan struct{}
	all     chan struct{}   // tells that all was answered
	raw     strings.Builder // what the program wrote; only the reader uses it until it has ended
	ended   chan struct{}
}

// New returns a terminal, which is closed at the end of the test.
func New(t *testing.T, width, height int) *Terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &Terminal{t: t, screen: vt.NewSafeEmulator(width, height), person: person, Program: program,
		changed: make(chan struct{}, 1), all: make(chan struct{}), ended: make(chan struct{})}
	term.Resize(width, height)
	go term.show()
	go term.answer()
	t.Cleanup(func() {
		program.Close()
		<-term.ended
		person.Close()
		term.screen.InputPipe().(io.Closer).Close() // its Close races with its Read
	})
	return term
}

// show reads what the program writes.
func (term *Terminal) show() {
	defer close(term.ended)
	text := make([]byte, 4096)
	for {
		n, err := term.person.Read(text)
		if err != nil {
			return
		}
		term.raw.Write(text[:n])
		term.showing.Lock()
		term.screen.Write(text[:n])
		if _, err := io.WriteString(term.screen.InputPipe(), end); err == nil {
			<-term.all
		}
		term.showing.Unlock()
		select {
		case term.changed <- struct{}{}:
		default:
		}
	}
}

// end comes after the last answer to what the program wrote.
const end = "\x00"

// answer sends the program what the terminal answers to what it is asked.
func (term *Terminal) answer() {
	text := make([]byte, 1024)
	for {
		n, err := term.screen.Read(text)
		if err != nil {
			return
		}
		answers, isLast := strings.CutSuffix(string(text[:n]), end)
		term.Types(answers)
		if isLast {
			term.all <- struct{}{}
		}
	}
}

// Resize makes the terminal larger or smaller, and tells this process.
func (term *Terminal) Resize(width, height int) {
	size := &unix.Winsize{Col: uint16(width), Row: uint16(height)}
	if err := unix.IoctlSetWinsize(int(term.person.Fd()), unix.TIOCSWINSZ, size); err != nil {
		term.t.Fatal(err)
	}
	term.screen.Resize(width, height)
	unix.Kill(os.Getpid(), unix.SIGWINCH) // it is not our process's terminal, so nobody else tells it
}

// Types types keys.
func (term *Terminal) Types(keys string) {
	if _, err := term.person.WriteString(keys); err != nil {
		term.t.Error(err)
	}
}

// Awaits waits until the screen is as ok says. What the program asked before the terminal has answered by then.
func (term *Terminal) Awaits(what string, ok func(screen string) bool) {
	term.t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		term.showing.Lock()
		screen := ansi.Strip(term.screen.Render())
		term.showing.Unlock()
		if ok(screen) {
			return
		}
		select {
		case <-term.changed:
		case <-deadline:
			term.t.Fatalf("not on the screen: %s\n%s", what, screen)
		}
	}
}

// Sees waits until a text is on the screen.
func (term *Terminal) Sees(text string) {
	term.t.Helper()
	term.Awaits(text, func(screen string) bool { return strings.Contains(screen, text) })
}

// Raw is what the program wrote, once it has ended. Its side is closed then.
func (term *Terminal) Raw() string {
	term.Program.Close()
	<-term.ended
	return term.raw.String()
}
