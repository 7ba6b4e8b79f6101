package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"

	"github.com/perdure/perdure/protocol"
)

// ReadEvent reads the JSON event at path, or from stdin if path is "-". The bytes come back as they are, without a byte
// order mark: an execution's name is bound to them.
func ReadEvent(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" {
		data, err := io.ReadAll(io.LimitReader(stdin, protocol.MaxSyncPayload+1))
		if err != nil {
			return nil, Usagef("cannot read the event from stdin: %v", err)
		}
		return CheckEvent("the event on stdin", data)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, eventFileProblem(path, err)
	}
	return CheckEvent("event file "+path, data)
}

func eventFileProblem(path string, err error) *Problem {
	info, statErr := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Usagef("event file %s does not exist", path).
			Hintf("--event names a JSON file; - reads stdin; --event-json '{…}' takes the event itself")
	case statErr == nil && info.IsDir():
		return Usagef("event file %s is a directory", path).Hintf("--event names a JSON file")
	}
	return Usagef("cannot read event file %s: %v", path, errors.Unwrap(err))
}

// CheckEvent returns data if it is one JSON value. If not, the problem begins with what, and says where.
func CheckEvent(what string, data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(data) > protocol.MaxSyncPayload {
		return nil, Usagef("%s is larger than %d bytes, the most that a function can be sent",
			what, protocol.MaxSyncPayload)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, Usagef("%s is empty", what).Hintf("an event is one JSON value; {} is the smallest object")
	}
	if at := protocol.InvalidUTF8(data); at >= 0 {
		return nil, Usagef("%s is not JSON: %s: a byte that is not UTF-8", what, position(data, int64(at)+1))
	}
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, Usagef("%s is not JSON: %s: %s",
			what, position(data, syntax.Offset), protocol.SyntaxText(data, syntax))
	}
	if err != nil {
		return nil, Usagef("%s is not JSON: %v", what, err)
	}
	return data, nil
}

// position is a decoder's offset as a line and a column of characters. The offset counts the bytes read, with the
// faulty one.
func position(data []byte, offset int64) string {
	at := min(max(int(offset)-1, 0), len(data))
	before := data[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}
