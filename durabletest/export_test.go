package durabletest

import "time"

// SetMaxIdle makes Explore give up sooner.
func SetMaxIdle(d time.Duration) { maxIdle = d }

// SetReplayTime shortens what code in a replay may take.
func SetReplayTime(most, grace time.Duration) { replayTime, replayGrace = most, grace }
