package engine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perdure/perdure/internal/core/machine"
)

// CrashLimit says when an execution is given up whose invocations fail one after the other: the function crashes, in a
// step or outside of steps, times out, or answers against the rules. Those count that came to nothing: one that
// recorded something before it failed is the first of a row again. An invocation that was lost with its engine, or that
// did not reach the function, does not count. Its text is that of the flag --max-crashes, such as 9 or 9:pause.
type CrashLimit struct {
	Max int // how many; 0 is not said, less is no limit
	// Pause pauses the execution, which says why, until somebody resumes it; then the count begins anew. Otherwise the
	// execution fails with the last error.
	Pause bool
}

// ByCrashLimit is who asked for a pause at a limit of crashes, as in [Pause].
const ByCrashLimit = "the limit of crashes" // the machine records it

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *CrashLimit) UnmarshalText(text []byte) error {
	number, act, given := strings.Cut(string(text), ":")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > maxCrashes || given && act != "fail" && act != "pause" || given && n == 0 {
		return fmt.Errorf("%q is no limit of crashes, such as 9, 9:pause, or 0 for none", text)
	}
	*c = CrashLimit{Max: n, Pause: act == "pause"}
	if n == 0 {
		c.Max = -1
	}
	return nil
}

// maxCrashes bounds a limit, so that one that is no limit is not taken for one.
const maxCrashes = 1_000_000

// MarshalText implements [encoding.TextMarshaler].
func (c CrashLimit) MarshalText() ([]byte, error) {
	text := strconv.Itoa(max(c.Max, 0))
	if c.Pause {
		text += ":pause"
	}
	return []byte(text), nil
}

// over is the limit that counts: the function's or, if that says nothing, this one.
func (c CrashLimit) over(function CrashLimit) machine.CrashLimit {
	if function.Max != 0 {
		c = function
	}
	return machine.CrashLimit{Crashes: max(c.Max, 0), Pause: c.Pause}
}
