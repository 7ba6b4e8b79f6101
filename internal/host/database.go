package host

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/internal/core/transfer"
	"github.com/perdure/perdure/internal/function/codestore"
)

// database is a store in a PostgreSQL, which others may have open, too.
type database struct{ *pgstore.Store }

// openDatabase opens the store, and the directory that this process has for itself: that of the storage, which it
// locks, or one for a while.
func (d *data) openDatabase(ctx context.Context, o *opening) (err error) {
	dir := d.at.Dir
	if dir != "" {
		if err := d.lockDirectory(o.owner); err != nil {
			return err
		}
		d.end = func() { d.lock.Release() }
		hideFromGit(dir)
	} else {
		temp, err := d.at.scratch("perdure-")
		if err != nil {
			return err
		}
		dir, d.end = temp.Path, func() { temp.Remove() }
	}
	st, err := pgstore.Open(ctx, d.at.URL, &pgstore.Options{Logger: o.log})
	if err == nil && !o.make {
		err = holds(ctx, d.at, st)
	}
	if err != nil {
		if st != nil {
			st.Close()
		}
		d.end()
		return err
	}
	d.kept, d.code = database{st}, codestore.NewShared(codeIn(dir), st)
	return nil
}

// holds refuses a database without data of an engine. Every engine begins with a document.
func holds(ctx context.Context, at Storage, st transfer.Target) error {
	kinds, err := st.Kinds(ctx)
	if err == nil && len(kinds) == 0 {
		err = &DataError{At: at, Kind: NoData}
	}
	return err
}

func (s database) moment(ctx context.Context) (moment, error) {
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return past{snapshot, s.Store}, nil
}

// past is one moment of a database.
type past struct {
	*pgstore.Snapshot
	store *pgstore.Store
}

// Check looks for damage of the database's own kind, of a moment of its own.
func (p past) Check(ctx context.Context) iter.Seq2[string, error] { return p.store.Check(ctx) }

func (p past) end() { p.Close() }

// copyInto copies the data into databases of SQLite, so that a backup is the same file whatever it is of.
func (s database) copyInto(ctx context.Context, dir string) (_ map[string]string, err error) {
	now, err := s.moment(ctx)
	if err != nil {
		return nil, err
	}
	defer now.end()
	// Nothing has to be safe on the disk: after a crash the copy is of no use.
	copied, err := sqlitestore.Open(ctx, dir, &sqlitestore.Options{Durability: sqlitestore.None})
	if err != nil {
		return nil, err
	}
	err = fill(ctx, copied, now)
	if err := errors.Join(err, copied.Close()); err != nil {
		return nil, err
	}
	databases := map[string]string{}
	for _, name := range []string{sqlitestore.Database, sqlitestore.Logs} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			databases[name] = path
		}
	}
	return databases, nil
}

// fill copies everything into an empty store.
func fill(ctx context.Context, to transfer.Target, from transfer.Source) error {
	t, err := transfer.Begin(ctx, to, nil)
	if err != nil {
		return err
	}
	if _, err := t.Copy(ctx, from); err != nil {
		return err
	}
	return t.Finish(ctx)
}

// sweepCode lets nobody publish meanwhile, and asks the documents: what is not known here may have been published on
// another node.
func (s database) sweepCode(ctx context.Context, code *codestore.Store, wanted func(hash string) bool) error {
	hashes, err := code.Shared(ctx)
	if err != nil {
		return err
	}
	superfluous := false
	for _, hash := range hashes {
		superfluous = superfluous || !wanted(hash)
	}
	if !superfluous {
		return nil
	}
	return s.Exclusively(ctx, func(ctx context.Context) error {
		images, err := engine.PublishedImages(ctx, s)
		if err != nil {
			return err // the code of a version that cannot be read is not to be removed
		}
		needed := map[string]bool{}
		for _, image := range images {
			f, err := thaw(image.Image)
			if err != nil {
				return err
			}
			needed[f.Code] = true
		}
		return code.SweepShared(ctx, func(hash string) bool { return needed[hash] })
	})
}

// alone looks at the nodes, of which those that died are there for a while.
func (s database) alone(ctx context.Context) (string, error) {
	nodes, err := engine.NodesOf(ctx, s)
	if err != nil {
		return "", err
	}
	alive, ids := 0, ""
	for i := range nodes {
		if nodes[i].Alive {
			alive++
		}
		ids += nodes[i].ID + " "
	}
	if alive > 0 {
		return "", &store.LockedError{Owner: fmt.Sprintf("nodes: %d", alive)}
	}
	return ids, nil
}

// Examined is what a database says of itself, for those who look after it.
type Examined struct {
	pgstore.Settings
	Nodes []engine.Node // that are alive
}

// Examine asks a database about itself. It makes the schema, as the first engine would.
func Examine(ctx context.Context, at Storage) (*Examined, error) {
	st, err := pgstore.Open(ctx, at.URL, nil)
	if err != nil {
		return nil, dataError(at, err)
	}
	defer st.Close()
	x := &Examined{}
	if x.Settings, err = st.Settings(ctx); err != nil {
		return nil, dataError(at, err)
	}
	nodes, err := engine.NodesOf(ctx, st)
	if err != nil {
		return nil, dataError(at, err)
	}
	for _, n := range nodes {
		if n.Alive {
			x.Nodes = append(x.Nodes, n)
		}
	}
	return x, nil
}
