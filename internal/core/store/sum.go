package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"
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

func (p place) flag(is bool) place {
	if is {
		return append(p, 1)
	}
	return append(p, 0)
}

// places are used again: each commit has a sum or three.
var places = sync.Pool{New: func() any { return new(place) }}

// sum is the sum of data in the place that at appends to an empty one.
func sum(data []byte, at func(place) place) uint32 {
	p := places.Get().(*place)
	defer places.Put(p)
	*p = at((*p)[:0])
	return crc32.Update(crc32.Checksum(*p, castagnoli), castagnoli, data)
}

// Sum is the sum of an entry of the execution with this id.
func (e *Entry) Sum(id string) uint32 {
	return sum(e.Data, func(p place) place { return p.text(id).number(e.Seq) })
}

// Sums are the two sums of a row: of its members from entry 1, and of those that later entries change.
func (r *Row) Sums() (identity, state uint32) {
	identity = sum(r.InputHash[:], func(p place) place {
		return p.text(r.ID).text(r.ARN).text(r.Function).text(r.Version).text(r.Name).number(int64(r.Started)).
			text(r.TagText())
	})
	state = sum(nil, func(p place) place {
		return p.text(r.ID).text(string(r.Status)).number(int64(r.Closed)).
			number(int64(r.Due)).number(int64(r.Wanted)).number(int64(r.Expires)).
			number(int64(r.Doing)).number(int64(r.Since)).text(r.Error).text(r.Message).flag(r.Redriven)
	})
	return identity, state
}

// Sum is the sum of a document of this kind.
func (d *Document) Sum(kind string) uint32 {
	return sum(d.Value, func(p place) place { return p.text(kind).text(d.Key) })
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
