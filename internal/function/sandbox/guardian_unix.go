//go:build unix

package sandbox

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// guardian is a shell beside the engine that outlives it for a moment: it knows the pool's process groups, and
// kills them when its input ends, as it does when the engine dies. The kernel's own means reach only the process
// that we started, not one that a script started.
type guardian struct {
	log *slog.Logger

	mu     sync.Mutex
	shell  *exec.Cmd
	input  *os.File     // nil while there is no shell
	groups map[int]bool // that it knows
	over   bool         // no shell is wanted any more
	told   bool         // told that there can be no shell
}

// guardianPatience bounds how long the shell may take to read, or to end. A function of the same user can stop it;
// then it is replaced.
const guardianPatience = 300 * time.Millisecond

// guardianScript reads lines of "+ GROUP" and "- GROUP".
const guardianScript = `trap '' HUP INT QUIT TERM
groups=
while read -r change group; do
	case $change in
	+) groups="$groups $group" ;;
	-) left=
		for g in $groups; do [ "$g" = "$group" ] || left="$left $g"; done
		groups=$left ;;
	esac
done
for g in $groups; do kill -s KILL -- "-$g"; done`

// add has the guardian kill a group when the engine is gone.
func (g *guardian) add(group int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.groups == nil {
		g.groups = map[int]bool{}
	}
	g.groups[group] = true
	if g.input != nil && g.tell("+", group) {
		return
	}
	g.startLocked()
}

// remove forgets a group. Call it before the group's id can belong to another one.
func (g *guardian) remove(group int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.groups, group)
	if g.input != nil && !g.tell("-", group) && len(g.groups) > 0 {
		g.startLocked()
	}
}

// startLocked starts a shell that knows all groups, in place of a broken one.
func (g *guardian) startLocked() {
	if g.over {
		return
	}
	if g.shell != nil {
		_ = g.shell.Process.Kill() // first, as it kills the groups when its input ends
		g.dismissLocked()
	}
	if err := g.launchLocked(); err != nil {
		if !g.told { // the next process tries again: perhaps the machine had no process left
			g.told = true
			g.log.Warn("functions that start processes of their own may outlive an engine that is killed", "error", err)
		}
		return
	}
	g.told = false
	for group := range g.groups {
		g.tell("+", group)
	}
}

func (g *guardian) launchLocked() error {
	reads, input, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reads.Close()
	shell := exec.Command("/bin/sh", "-c", guardianScript)
	shell.Dir, shell.Env, shell.Stdin = "/", []string{}, reads
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a terminal's signals are for the engine
	if err := shell.Start(); err != nil {
		input.Close()
		return err
	}
	g.shell, g.input = shell, input
	return nil
}

func (g *guardian) tell(change string, group int) bool {
	_ = g.input.SetWriteDeadline(time.Now().Add(guardianPatience))
	_, err := fmt.Fprintf(g.input, "%s %d\n", change, group)
	return err == nil
}

// dismiss ends the guardian. Groups that it knows are killed.
func (g *guardian) dismiss() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	g.dismissLocked()
}

func (g *guardian) dismissLocked() {
	if g.input != nil {
		g.input.Close()
		late := time.AfterFunc(guardianPatience, func() { _ = g.shell.Process.Kill() })
		_ = g.shell.Wait() // it ends by itself
		late.Stop()
		g.shell, g.input = nil, nil
	}
}

// keepDescriptors keeps this process's other inherited files from the processes that it starts. Go does so for
// files that it opens.
func keepDescriptors() {
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, entry := range open {
		var fd int
		if _, err := fmt.Sscan(entry.Name(), &fd); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}
