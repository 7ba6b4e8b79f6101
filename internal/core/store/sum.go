package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A store in a database keeps a sum with everything that it stores, and checks it at every read: so a flipped bit
// on disk, in memory or on the way is noticed. The sums are CRC-32C of the data and of its place, so that intact
// data in the wrong place is noticed, too. They do not protect against people who can write to the database: those
// have the engine's key as well.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// place is the part of a sum before the data: each text with its length, so that no byte can move from one to the
// next.
type place []byte

func (p place) text(s string) place {
	return append(binary.AppendUvarint(p, uint64(len(s))), s...)
}

func (p place) number(n int64) place { return binary.BigEndian.AppendUint64(p, uint64(n)) }

func (p place) sum(data []byte) uint32 {
	return crc32.Update(crc32.Checksum(p, castagnoli), castagnoli, data)
}

// Sum is the sum of an entry of the execution with this id.
func (e *Entry) Sum(id string) uint32 {
	return make(place, 0, len(id)+16).text(id).number(e.Seq).sum(e.Data)
}

// Sums are the two sums of a row: of its members from entry 1, and of those that later entries change.
func (r *Row) Sums() (identity, state uint32) {
	own := make(place, 0, len(r.ID)+len(r.ARN)+len(r.Function)+len(r.Version)+len(r.Name)+64).
		text(r.ID).text(r.ARN).text(r.Function).text(r.Version).text(r.Name).number(int64(r.Started))
	now := make(place, 0, len(r.ID)+64).
		text(r.ID).text(string(r.Status)).number(int64(r.Closed)).
		number(int64(r.Due)).number(int64(r.Wanted)).number(int64(r.Expires)).number(int64(r.Doing)).number(int64(r.Since))
	return own.sum(r.InputHash[:]), now.sum(nil)
}

// Sum is the sum of a document of this kind.
func (d *Document) Sum(kind string) uint32 {
	return make(place, 0, len(kind)+len(d.Key)+16).text(kind).text(d.Key).sum(d.Value)
}

// DamagedError says that something in the store is not what was written. Only that one thing is concerned.
type DamagedError struct {
	ID   string // of the execution; empty for a document
	What string // such as "entry 7"
}

func (e *DamagedError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("store: %s is not what was written: it is damaged", e.What)
	}
	return fmt.Sprintf("store: %s of execution %s is not what was written: it is damaged", e.What, e.ID)
}
