package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/perdure/perdure/internal/core/store"
)

// A row of the table log is the output of one call. "upto" counts the bytes of all rows of the execution up to and with
// this one, deleted ones too, so two rows tell the size of a log.
//
// Nobody waits for the disk: after a crash of the server the last lines may be gone.
const (
	sqlLogEnds = `SELECT e.id, coalesce(l.last, 0), coalesce(l.upto, 0) FROM unnest($1::text[]) w (id),
		LATERAL (SELECT id FROM perdure.executions WHERE id = w.id) e
		LEFT JOIN LATERAL (SELECT last, upto FROM perdure.log WHERE id = e.id ORDER BY id DESC, first DESC LIMIT 1) l ON true`
	sqlLogAppend = `INSERT INTO perdure.log (id, first, last, upto, sum, data)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])
		ON CONFLICT DO NOTHING`
	sqlLogPrune = `DELETE FROM perdure.log l USING (
			SELECT id, upto FROM unnest($1::text[], $2::bigint[]) w (id, upto)
			WHERE upto > $3 AND upto - (SELECT f.upto FROM perdure.log f WHERE f.id = w.id ORDER BY f.id, f.first LIMIT 1) > $4) w
		WHERE l.id = w.id AND l.upto <= w.upto - $3`
	sqlLogRead = `SELECT first, sum, data FROM perdure.log WHERE id = $1
		AND first >= coalesce((SELECT first FROM perdure.log WHERE id = $1 AND first <= $2 ORDER BY id DESC, first DESC LIMIT 1),
			0) ORDER BY id, first LIMIT $3`
)

// logEnd is where a log ends.
type logEnd struct {
	id         string
	last, upto int64
}

// AppendLog implements [store.Store]. Where another node appends to the same log at the same time, lines are lost.
func (s *Store) AppendLog(ctx context.Context, writes ...store.LogWrite) error {
	var ids []string
	for _, w := range writes {
		if len(w.Lines) > 0 {
			ids = append(ids, w.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	ends := map[string]logEnd{}
	err := s.read(ctx, func(rows pgx.Rows) error {
		var e logEnd
		err := rows.Scan(&e.id, &e.last, &e.upto)
		ends[e.id] = e
		return err
	}, sqlLogEnds, ids)
	if err != nil {
		return err
	}
	var pieces logPieces
	for i := range writes {
		if end, known := ends[writes[i].ID]; known && len(writes[i].Lines) > 0 {
			if ends[end.id], err = pieces.add(end, writes[i].Lines); err != nil {
				return err
			}
		}
	}
	return s.appendLog(ctx, &pieces)
}

// logPieces are rows of the table log.
type logPieces struct {
	ids                    []string
	first, last, upto, sum []int64
	data                   [][]byte
}

// add adds lines behind an end, and returns the new end.
func (p *logPieces) add(end logEnd, lines []store.LogLine) (logEnd, error) {
	data, err := store.EncodeLines(lines)
	if err != nil {
		return end, err
	}
	first := end.last + 1
	end.last += int64(len(lines))
	for i := range lines {
		end.upto += int64(lines[i].Size())
	}
	p.ids, p.first, p.last = append(p.ids, end.id), append(p.first, first), append(p.last, end.last)
	p.upto, p.sum = append(p.upto, end.upto), append(p.sum, int64(store.LinesSum(end.id, first, data)))
	p.data = append(p.data, data)
	return end, nil
}

func (s *Store) appendLog(ctx context.Context, p *logPieces) error {
	if len(p.ids) == 0 {
		return nil
	}
	return s.retry(ctx, func(ctx context.Context) error {
		return s.use(ctx, func(conn *pgxpool.Conn) error {
			batch := &pgx.Batch{} // one transaction
			batch.Queue("SELECT set_config('synchronous_commit', 'off', true)")
			batch.Queue(s.in(sqlLogAppend), p.ids, p.first, p.last, p.upto, p.sum, p.data)
			batch.Queue(s.in(sqlLogPrune), p.ids, p.upto, int64(store.MaxLog), int64(store.MaxLog*5/4))
			return conn.SendBatch(ctx, batch).Close()
		})
	})
}

// Log implements [store.Store].
func (r *reader) Log(ctx context.Context, id string, after int64, limit int) ([]store.LogLine, error) {
	if limit < 1 {
		return nil, nil
	}
	var found []store.LogLine
	err := r.read(ctx, func(rows pgx.Rows) error {
		var first, sum int64
		var data []byte
		if err := rows.Scan(&first, &sum, &data); err != nil {
			return err
		}
		for _, line := range store.DecodeLines(id, first, sum, data) {
			if line.Seq > after && len(found) < limit {
				found = append(found, line)
			}
		}
		if len(found) >= limit {
			return errEnough
		}
		return nil
	}, sqlLogRead, id, after+1, int64(limit)+1) // each row has a line at least; the first may be before
	return found, err
}
