//go:build !linux

package sandbox

// memoryOf knows nothing here: no process is ever over its limit.
func memoryOf(int) int64 { return 0 }
