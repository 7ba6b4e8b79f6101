package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/transfer"
)

// Moving says who hears of a [Move]. Its members may be nil.
type Moving struct {
	Found func(engine.Problem)            // of what arrived
	Told  func(executions, entries int64) // how much was copied so far
}

// Move copies everything from one storage into another one, which must be empty, and verifies it there. No engine may
// run on either. Afterwards none can begin on the old one: see [Unmove].
func Move(ctx context.Context, from, to Storage, m *Moving) (*Restored, error) {
	if same(from, to) {
		return nil, &DataError{At: from, Kind: Itself}
	}
	d, err := from.open(ctx, &opening{owner: "perdure move"})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if err := d.check(ctx, false); err != nil {
		return nil, err
	}
	return d.moveTo(ctx, to, m)
}

// same reports whether two storages are obviously one.
func same(a, b Storage) bool {
	if a.URL != "" || b.URL != "" {
		return a.String() == b.String()
	}
	x, errX := filepath.Abs(a.Dir)
	y, errY := filepath.Abs(b.Dir)
	return errX == nil && errY == nil && x == y
}

// moveTo moves data into an empty storage, verifies it there, and marks what is left here.
func (d *data) moveTo(ctx context.Context, at Storage, m *Moving) (*Restored, error) {
	before, err := d.alone(ctx)
	if err != nil {
		return nil, dataError(d.at, err)
	}
	to, err := at.openEmpty(ctx, "perdure move")
	if err != nil {
		return nil, err
	}
	defer to.Close()
	arriving, err := transfer.Begin(ctx, to.kept, func(s transfer.Summary) {
		if m.Told != nil {
			m.Told(s.Executions, s.Entries)
		}
	})
	if err != nil {
		return nil, dataError(at, err)
	}
	r, copied, err := d.moveInto(ctx, to, arriving, m)
	if err != nil {
		return nil, err
	}
	if r.Executions != copied.Executions || r.Entries != copied.Entries && r.Problems == 0 {
		return nil, fmt.Errorf("%d executions with %d entries were copied, and %s has %d with %d", copied.Executions,
			copied.Entries, at, r.Executions, r.Entries)
	}
	if _, err := to.alone(ctx); err != nil {
		return nil, dataError(at, err)
	}
	// In this order: at no moment can engines go on in both places.
	if err := transfer.Depart(ctx, d.kept, fmt.Sprintf("%s on %s", at, time.Now().Format(time.DateOnly))); err != nil {
		return nil, dataError(d.at, err)
	}
	after, err := d.alone(ctx)
	if err == nil && after != before {
		err = &store.LockedError{Owner: "a node that was there meanwhile"}
	}
	if err != nil { // what it did did not arrive
		return nil, errors.Join(dataError(d.at, err), transfer.Return(ctx, d.kept))
	}
	return r, arriving.Finish(ctx)
}

// moveInto copies code and data, and verifies both.
func (d *data) moveInto(ctx context.Context, to *data, arriving *transfer.Transfer, m *Moving) (
	r *Restored, copied transfer.Summary, err error) {
	now, err := d.moment(ctx)
	if err != nil {
		return nil, copied, dataError(d.at, err)
	}
	defer now.end()
	temp, err := d.at.scratch("move-")
	if err != nil {
		return nil, copied, dataError(d.at, err)
	}
	defer temp.Remove()
	r = &Restored{}
	code := filepath.Join(temp.Path, codeDir)
	if err := d.code.Export(ctx, code); err != nil {
		return nil, copied, dataError(d.at, err)
	}
	if r.Code, err = to.code.Import(ctx, code); err != nil {
		return nil, copied, dataError(to.at, err)
	}
	if copied, err = arriving.Copy(ctx, now); err != nil {
		return nil, copied, err
	}
	found := m.Found
	if found == nil {
		found = func(engine.Problem) {}
	}
	r.VerifySummary, err = to.verify(ctx, found)
	return r, copied, err
}

// openEmpty opens a storage for a [Move] into it.
func (s Storage) openEmpty(ctx context.Context, owner string) (*data, error) {
	d := &data{at: s}
	o := &opening{owner: owner, make: true}
	if s.URL != "" {
		d, err := s.open(ctx, o)
		if err != nil {
			return nil, err
		}
		if _, err := d.alone(ctx); err != nil {
			d.Close()
			return nil, dataError(s, err)
		}
		return d, nil
	}
	if err := d.lockDirectory(o.owner); err != nil {
		return nil, dataError(s, err)
	}
	if err := s.checkEmpty(); err != nil {
		d.lock.Release()
		return nil, err
	}
	if err := d.openLocked(ctx, o); err != nil {
		return nil, dataError(s, err)
	}
	return d, nil
}

// Unmove lets engines go on in a storage that was moved away.
func Unmove(ctx context.Context, at Storage) error {
	d, err := at.open(ctx, &opening{owner: "perdure move"})
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := d.alone(ctx); err != nil {
		return dataError(at, err)
	}
	if err := transfer.Return(ctx, d.kept); err != nil {
		return dataError(at, err)
	}
	return nil
}
