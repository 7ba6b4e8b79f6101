package host

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/internal/files/archive"
	"github.com/perdure/perdure/internal/files/fresh"
)

// Verify checks what a storage holds, the code of published versions included; found is called for each problem. No
// engine may run on a directory meanwhile; of a database it is one moment.
func Verify(ctx context.Context, at Storage, found func(engine.Problem)) (engine.VerifySummary, error) {
	d, err := at.open(ctx, &opening{owner: "perdure verify"})
	if err != nil {
		return engine.VerifySummary{}, err
	}
	defer d.Close()
	if err := d.check(ctx, true); err != nil {
		return engine.VerifySummary{}, err
	}
	return d.verify(ctx, found)
}

func (d *data) verify(ctx context.Context, found func(engine.Problem)) (summary engine.VerifySummary, err error) {
	now, err := d.moment(ctx)
	if err != nil {
		return summary, dataError(d.at, err)
	}
	defer now.end()
	if summary, err = engine.VerifyStore(ctx, now, codeOf{d.code}, found); err != nil {
		return summary, dataError(d.at, err)
	}
	return summary, nil
}

// Backup writes everything in a storage, as one moment. No engine may run on a directory meanwhile.
func Backup(ctx context.Context, at Storage, w io.Writer) error {
	d, err := at.open(ctx, &opening{owner: "perdure backup"})
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.check(ctx, true); err != nil {
		return err
	}
	to, err := at.scratch("backup-")
	if err != nil {
		return dataError(at, err)
	}
	defer to.Remove()
	write, err := d.copy(ctx, to.Path)
	if err != nil {
		return err
	}
	return write(ctx, w)
}

// copy copies all data, as of one moment, into the empty directory dir, and returns a function that writes the copy as
// an archive. It reads the code before and after, as versions may come and go.
func (d *data) copy(ctx context.Context, dir string) (func(context.Context, io.Writer) error, error) {
	src := &archive.Source{Code: filepath.Join(dir, codeDir)}
	err := d.code.Export(ctx, src.Code)
	if err == nil {
		src.Databases, err = d.copyInto(ctx, dir)
	}
	if err == nil {
		err = d.code.Export(ctx, src.Code)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w io.Writer) error { return archive.Write(ctx, w, src) }, nil
}

// scratch makes a directory for a while, beside the data if that is in one. The caller removes it.
func (s Storage) scratch(prefix string) (*fresh.Dir, error) {
	parent := s.parent()
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	if err := fresh.Sweep(parent, prefix); err != nil {
		return nil, err
	}
	return fresh.MakeDir(parent, prefix, 0o700)
}

// ErrNoBackup says that a file is not a [Backup].
var ErrNoBackup = archive.ErrForeign

// Restored counts what was restored.
type Restored struct {
	engine.VerifySummary
	Code int // pieces of code of published versions
}

// Restore fills a storage from a backup, and verifies it; found is called for each problem. The storage must be empty
// or missing, and until Restore returns nobody else may have it. After a refusal nothing is left in a directory; a
// database that was interrupted is marked.
func Restore(ctx context.Context, at Storage, backup io.ReadSeeker, found func(engine.Problem)) (*Restored, error) {
	if err := archive.Recognize(backup); err != nil {
		return nil, err
	}
	if _, err := backup.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if at.URL != "" {
		return at.restoreDatabase(ctx, backup, found)
	}
	d := &data{at: at}
	o := &opening{owner: "perdure restore", make: true}
	if err := d.lockDirectory(o.owner); err != nil {
		return nil, dataError(at, err)
	}
	unpacked, err := at.unpack(ctx, backup)
	if err != nil {
		d.lock.Release()
		return nil, err
	}
	if err := d.openLocked(ctx, o); err != nil {
		return nil, dataError(at, err)
	}
	defer d.Close()
	summary, err := d.verify(ctx, found)
	return &Restored{summary, unpacked.Code}, err
}

// restoreDatabase makes a directory of the backup for a while, and moves what is there into the database.
func (s Storage) restoreDatabase(ctx context.Context, backup io.Reader, found func(engine.Problem)) (*Restored, error) {
	temp, err := s.scratch("restore-")
	if err != nil {
		return nil, dataError(s, err)
	}
	defer temp.Remove()
	from := Storage{Dir: temp.Path}
	if _, err := from.unpack(ctx, backup); err != nil {
		return nil, err
	}
	d, err := from.open(ctx, &opening{owner: "perdure restore", durability: sqlitestore.None})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.moveTo(ctx, s, &Moving{Found: found})
}
