//go:build unix

package archive

import "errors"

// flush puts the names in a directory on the disk.
func (a *reader) flush(dir string) error {
	d, err := a.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
