// Package portable is one execution as a file: its identity, its journal, and a checksum. The file is lines of
// JSON, readable by people, with journal entries as the machine encodes them:
//
//	{"Format":"perdure-execution","Version":2,"DurableExecutionArn":"arn:…","Status":"SUCCEEDED","Entries":2,…}
//	{"Seq":1,"Data":"CrIB…"}
//	{"Seq":2,"Data":"Cg8K…"}
//	{"Sha256":"9f2c…"}
//
// The checksum covers all bytes before its line.
package portable

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/perdure/perdure/protocol"
)

// The format that this package writes, and the only one that it reads.
const (
	format  = "perdure-execution"
	version = 2
)

// MaxFile bounds the bytes of a file, which is read into memory.
const MaxFile = 512 << 20

// File is an exported execution.
type File struct {
	ARN      string
	Status   protocol.ExecutionStatus
	Exported protocol.Timestamp
	Entries  [][]byte // entry n is Entries[n-1]
}

type header struct {
	Format              string
	Version             int
	DurableExecutionArn string
	Status              protocol.ExecutionStatus
	Entries             int
	ExportTimestamp     float64 // epoch seconds
}

type entry struct {
	Seq  int
	Data []byte
}

type trailer struct{ Sha256 string }

// Write writes the file to w.
func (f *File) Write(w io.Writer) error {
	sum := sha256.New()
	lines := json.NewEncoder(io.MultiWriter(w, sum))
	head := header{format, version, f.ARN, f.Status, len(f.Entries), float64(f.Exported) / 1000}
	if err := lines.Encode(head); err != nil {
		return err
	}
	for i, data := range f.Entries {
		if err := lines.Encode(entry{i + 1, data}); err != nil {
			return err
		}
	}
	return json.NewEncoder(w).Encode(trailer{hex.EncodeToString(sum.Sum(nil))})
}

// Read reads a file. It refuses a file of another kind, one that was cut off, and one that was changed. It does not
// look into the entries.
func Read(r io.Reader) (*File, error) {
	limited := &io.LimitedReader{R: r, N: MaxFile + 1}
	l := &lineReader{r: bufio.NewReaderSize(limited, 1<<16), sum: sha256.New()}
	f, err := l.file()
	if limited.N <= 0 {
		return nil, fmt.Errorf("it is larger than %d bytes", MaxFile)
	}
	return f, err
}

// lineReader reads lines of JSON and hashes them.
type lineReader struct {
	r   *bufio.Reader
	sum hash.Hash
}

// errCut says that a file ends too early.
var errCut = errors.New("it is cut off")

func (l *lineReader) file() (*File, error) {
	var head header
	if err := l.line(&head); err != nil || head.Format != format {
		return nil, errors.New("it is no exported execution")
	}
	if head.Version != version {
		return nil, fmt.Errorf("it has version %d of the format, and this program reads version %d: update perdure",
			head.Version, version)
	}
	f := &File{ARN: head.DurableExecutionArn, Status: head.Status,
		Exported: protocol.Timestamp(head.ExportTimestamp * 1000)}
	for i := range head.Entries {
		var e entry
		if err := l.line(&e); err != nil {
			return nil, err
		}
		if e.Seq != i+1 {
			return nil, fmt.Errorf("it is damaged: entry %d stands in the place of entry %d", e.Seq, i+1)
		}
		f.Entries = append(f.Entries, e.Data)
	}
	want := hex.EncodeToString(l.sum.Sum(nil))
	var end trailer
	if err := l.line(&end); err != nil {
		return nil, err
	}
	if end.Sha256 != want {
		return nil, errors.New("it is damaged: its checksum is another one")
	}
	if _, err := l.r.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it is damaged: something comes after its end")
	}
	return f, nil
}

func (l *lineReader) line(v any) error {
	line, err := l.r.ReadBytes('\n')
	switch {
	case errors.Is(err, io.EOF):
		return errCut
	case err != nil:
		return err
	}
	l.sum.Write(line)
	dec := json.NewDecoder(bytes.NewReader(line))
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("it is damaged: %w", err)
	}
	return nil
}
