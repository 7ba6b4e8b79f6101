package durabletest

import "time"

// SetMaxIdle makes Explore give up sooner.
func SetMaxIdle(d time.Duration) { maxIdle = d }
