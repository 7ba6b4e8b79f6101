package watch

import (
	"errors"
	"io/fs"
	"syscall"
)

// isMissing reports whether a directory could not be watched because it is not
// there, or is none any more.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
