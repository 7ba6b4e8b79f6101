//go:build !linux

package sandbox

// isTraced knows nothing here; Config.NoTimeout holds time limits off.
func isTraced(int) bool { return false }
