package durabletest

import (
	"testing"
	"time"
)

// SetMaxIdle makes Explore give up sooner.
func SetMaxIdle(d time.Duration) { maxIdle = d }

// SetReplayTime shortens what code in a replay may take.
func SetReplayTime(most, grace time.Duration) { replayTime, replayGrace = most, grace }

// SetMaxScenes makes Explore leave out more, until the test ends.
func SetMaxScenes(t *testing.T, n int) {
	before := maxScenesPlayed
	maxScenesPlayed = n
	t.Cleanup(func() { maxScenesPlayed = before })
}
