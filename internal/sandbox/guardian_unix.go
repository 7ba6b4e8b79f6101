//go:build unix

package sandbox

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// guardian is a shell beside the engine that outlives it for a moment: it knows
// the process groups of the pool, and kills them when its input ends, which is
// when the engine has died, however it died. The kernel's own means reach the
// process that we started, and none that it started, as a script does.
type guardian struct {
	log *slog.Logger

	mu     sync.Mutex
	shell  *exec.Cmd
	input  io.WriteCloser // nil while there is no shell
	groups map[int]bool   // that it knows
	over   bool           // no shell can be had, or none is wanted any more
}

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

// remove forgets a group. It must be called before the group's id can be that of
// another one.
func (g *guardian) remove(group int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.groups, group)
	if g.input != nil && !g.tell("-", group) && len(g.groups) > 0 {
		g.startLocked()
	}
}

// startLocked starts a shell that knows all groups.
func (g *guardian) startLocked() {
	if g.over {
		return
	}
	g.dismissLocked()
	shell := exec.Command("/bin/sh", "-c", guardianScript)
	shell.Dir, shell.Env = "/", []string{}
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a terminal's signals are for the engine
	input, err := shell.StdinPipe()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		g.over = true
		g.log.Warn("functions that start processes of their own may outlive an engine that is killed", "error", err)
		return
	}
	g.shell, g.input = shell, input
	for group := range g.groups {
		g.tell("+", group)
	}
}

func (g *guardian) tell(change string, group int) bool {
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
		_ = g.shell.Wait() // it ends by itself
		g.shell, g.input = nil, nil
	}
}

// keepDescriptors keeps the files that this process was given, beside the
// standard ones, from the processes that it starts. Those that Go opens are kept
// anyway.
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
