package durabletest

import "time"

// SetReplayTime shortens what code in a replay may take.
func SetReplayTime(most, grace time.Duration) { replayTime, replayGrace = most, grace }
