//go:build !linux

package sandbox

// Shelter does nothing here, where other users' processes cannot read this one's
// environment, and those of the same user can.
func Shelter() error { return nil }
