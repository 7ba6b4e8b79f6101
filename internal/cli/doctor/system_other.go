//go:build !(linux || darwin || freebsd)

package doctor

const modesCount = false

func freeSpace(string) (int64, bool) { return 0, false }

// CheckOpenFiles has nothing to look at here.
func CheckOpenFiles() []Finding { return nil }

// CheckProcesses has nothing to look at here.
func CheckProcesses() []Finding { return nil }
