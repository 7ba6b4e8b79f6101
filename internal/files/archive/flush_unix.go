//go:build unix

package archive

import "errors"

// flush syncs the names in a directory to the disk.
func (a *reader) flush(dir string) error {
	d, err := a.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
