package machine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/perdure/perdure/protocol"
)

// A journal entry is a protobuf message; its field 1 repeats, once for each record. The field numbers below are
// part of the format and are never used again. Readers skip fields that they do not know, so an old reader
// understands most of a newer entry. An absent member has no field.
//
// A record is read behind the one before it in its entry: its time is a distance, and what it shares with the other
// about one operation is not repeated. Types are numbers: see words.go.

// entryRecord holds a record.
const entryRecord = 1

const (
	fType             = 1 // a word
	fEventID          = 2
	fTime             = 3 // since the record before
	fOpID             = 4
	fName             = 5
	fParentID         = 6
	fSubType          = 7 // a word
	fPayload          = 8
	fError            = 9
	fSameOperation    = 10 // OpID, Name, ParentID and SubType are those of the record before
	fCurrentAttempt   = 11
	fNextAttemptDelay = 12
	fDuration         = 13
	fScheduledEnd     = 14
	fCallbackID       = 15
	fTimeout          = 16
	fHeartbeatTimeout = 17
	fFunctionName     = 18
	fTenantID         = 19
	fExecutedVersion  = 20
	fExecutionARN     = 21
	fRequestID        = 22
	fStart            = 23
	fEnd              = 24
	fIdentity         = 25
	fReplayChildren   = 26
	fClientToken      = 27
	fTraceHeader      = 28
	fFailed           = 29
	fBadOutput        = 30
	fLost             = 31
	fRetryAt          = 32
	fStatus           = 33
	fRequested        = 34
	fTimeoutPaused    = 35
	fInterrupted      = 36
	fExecutionTimeout = 37
	fBy               = 38
	fKill             = 39
	fEmpty            = 40
	fInit             = 41 // milliseconds
	fRedrive          = 42
)

const (
	fErrorMessage = 1
	fErrorType    = 2
	fErrorData    = 3
	fStackTrace   = 4
)

const (
	fARN             = 1
	fIDTimeout       = 2
	fRetentionDays   = 3
	fIDTenant        = 4
	fIDTrace         = 5
	fParentARN       = 6
	fParentOperation = 7
	fAsync           = 8
	fOriginARN       = 9
	fOriginOperation = 10
	fTag             = 11 // a key; repeats
	fTagValue        = 12 // of the key before
)

// Encode encodes records as a journal entry.
func Encode(records []Record) []byte { return AppendEntry(nil, records) }

// AppendEntry appends records as a journal entry.
func AppendEntry(entry []byte, records []Record) []byte {
	size := 0
	for i := range records {
		size += sizeHint(&records[i])
	}
	entry = slices.Grow(entry, size)
	before := &Record{}
	for i := range records {
		entry = protowire.AppendTag(entry, entryRecord, protowire.BytesType)
		// The length comes before the record, and is known after it. If its own length was guessed wrong, the record
		// moves.
		start := len(entry)
		room := protowire.SizeVarint(uint64(sizeHint(&records[i])))
		entry = appendRecord(slices.Grow(entry, room)[:start+room], &records[i], before)
		before = &records[i]
		n := len(entry) - start - room
		if need := protowire.SizeVarint(uint64(n)); need != room {
			entry = slices.Grow(entry, need)[:start+need+n]
			copy(entry[start+need:], entry[start+room:start+room+n])
		}
		protowire.AppendVarint(entry[:start], uint64(n))
	}
	return entry
}

// sizeHint estimates the length of a record, so that buffers need not grow.
func sizeHint(r *Record) int {
	n := 40 + len(r.OpID) + len(r.Name) + len(r.ParentID) + len(r.ClientToken) + len(r.CallbackID)
	if r.Payload != nil {
		n += len(*r.Payload)
	}
	if r.Error != nil {
		n += len(r.Error.ErrorMessage) + len(r.Error.ErrorData)
	}
	return n
}

func appendRecord(b []byte, r, before *Record) []byte {
	b = appendWord(b, fType, string(r.Type))
	b = appendInt(b, fEventID, r.Event.ID)
	b = appendInt(b, fTime, int64(r.Time-before.Time))
	if r.OpID != "" && r.OpID == before.OpID && r.Name == before.Name && r.ParentID == before.ParentID &&
		r.SubType == before.SubType {
		b = appendBool(b, fSameOperation, true)
	} else {
		b = appendString(b, fOpID, r.OpID)
		b = appendString(b, fName, r.Name)
		b = appendString(b, fParentID, r.ParentID)
		b = appendWord(b, fSubType, r.SubType)
	}
	if r.Payload != nil {
		b = protowire.AppendTag(b, fPayload, protowire.BytesType)
		b = protowire.AppendString(b, *r.Payload)
	}
	if r.Error != nil {
		b = appendMessage(b, fError, appendError(nil, r.Error))
	}
	b = appendInt(b, fCurrentAttempt, int64(r.CurrentAttempt))
	b = appendInt(b, fNextAttemptDelay, r.NextAttemptDelay)
	b = appendInt(b, fDuration, r.Duration)
	b = appendInt(b, fScheduledEnd, int64(r.ScheduledEnd))
	b = appendString(b, fCallbackID, r.CallbackID)
	b = appendInt(b, fTimeout, r.Timeout)
	b = appendInt(b, fHeartbeatTimeout, r.HeartbeatTimeout)
	b = appendString(b, fFunctionName, r.FunctionName)
	b = appendString(b, fTenantID, r.TenantID)
	b = appendString(b, fExecutedVersion, r.ExecutedVersion)
	b = appendString(b, fExecutionARN, r.DurableExecutionARN)
	b = appendString(b, fRequestID, r.RequestID)
	b = appendInt(b, fStart, int64(r.Start))
	b = appendInt(b, fEnd, int64(r.End))
	if r.Identity != nil {
		b = appendMessage(b, fIdentity, appendIdentity(nil, r.Identity))
	}
	b = appendBool(b, fReplayChildren, r.ReplayChildren)
	b = appendString(b, fClientToken, r.ClientToken)
	b = appendString(b, fTraceHeader, r.TraceHeader)
	b = appendBool(b, fFailed, r.Failed)
	b = appendBool(b, fBadOutput, r.BadOutput)
	b = appendBool(b, fLost, r.Lost)
	b = appendInt(b, fRetryAt, int64(r.RetryAt))
	b = appendString(b, fStatus, string(r.Status))
	b = appendInt(b, fRequested, int64(r.Requested))
	b = appendBool(b, fTimeoutPaused, r.TimeoutPaused)
	b = appendBool(b, fInterrupted, r.Interrupted)
	b = appendInt(b, fExecutionTimeout, r.ExecutionTimeout)
	b = appendString(b, fBy, r.By)
	b = appendBool(b, fKill, r.Kill)
	b = appendBool(b, fEmpty, r.Empty)
	b = appendInt(b, fInit, r.Init.Milliseconds())
	return appendBool(b, fRedrive, r.Redrive)
}

func appendError(b []byte, e *protocol.ErrorObject) []byte {
	b = appendString(b, fErrorMessage, e.ErrorMessage)
	b = appendString(b, fErrorType, e.ErrorType)
	b = appendString(b, fErrorData, e.ErrorData)
	for _, line := range e.StackTrace {
		b = protowire.AppendTag(b, fStackTrace, protowire.BytesType)
		b = protowire.AppendString(b, line)
	}
	return b
}

func appendIdentity(b []byte, id *Identity) []byte {
	b = appendString(b, fARN, id.ARN.String())
	b = appendInt(b, fIDTimeout, id.ExecutionTimeout)
	b = appendInt(b, fRetentionDays, id.RetentionDays)
	b = appendString(b, fIDTenant, id.TenantID)
	b = appendString(b, fIDTrace, id.TraceHeader)
	b = appendString(b, fParentARN, id.ParentARN)
	b = appendString(b, fParentOperation, id.ParentOperation)
	b = appendBool(b, fAsync, id.Async)
	b = appendString(b, fOriginARN, id.OriginARN)
	b = appendString(b, fOriginOperation, id.OriginOperation)
	for _, key := range slices.Sorted(maps.Keys(id.Tags)) {
		b = protowire.AppendString(protowire.AppendTag(b, fTag, protowire.BytesType), key)
		b = appendString(b, fTagValue, id.Tags[key])
	}
	return b
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendString(b, s)
}

func appendInt(b []byte, field protowire.Number, n int64) []byte {
	if n == 0 {
		return b
	}
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(n))
}

func appendBool(b []byte, field protowire.Number, v bool) []byte {
	return appendInt(b, field, int64(count(v)))
}

func appendMessage(b []byte, field protowire.Number, m []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, m)
}

// Decode decodes a journal entry.
func Decode(entry []byte) ([]Record, error) {
	records := make([]Record, 0, min(CountRecords(entry), 64)) // a damaged entry may claim millions
	before := &Record{}
	err := fields(entry, func(field protowire.Number, v value) error {
		if field != entryRecord {
			return nil
		}
		records = append(records, Record{})
		r := &records[len(records)-1]
		err := decodeRecord(v.bytes, r, before)
		before = r
		return err
	})
	if err == nil && len(records) == 0 {
		err = errors.New("the entry holds no record")
	}
	return records, err
}

// CountRecords returns the number of records in an entry, or fewer if it is damaged.
func CountRecords(entry []byte) (count int) {
	for len(entry) > 0 {
		field, _, n := protowire.ConsumeField(entry)
		if n < 0 {
			break
		}
		entry = entry[n:]
		if field == entryRecord {
			count++
		}
	}
	return count
}

func decodeRecord(b []byte, r, before *Record) error {
	r.Time = before.Time
	err := fields(b, func(field protowire.Number, v value) (err error) {
		switch field {
		case fType:
			r.Type = protocol.EventType(v.word())
		case fEventID:
			r.Event.ID = v.int
		case fTime:
			r.Time = before.Time + protocol.Timestamp(v.int)
		case fOpID:
			r.OpID = string(v.bytes)
		case fName:
			r.Name = string(v.bytes)
		case fParentID:
			r.ParentID = string(v.bytes)
		case fSubType:
			r.SubType = v.word()
		case fPayload:
			s := string(v.bytes)
			r.Payload = &s
		case fError:
			r.Error, err = decodeError(v.bytes)
		case fSameOperation:
			r.OpID, r.Name, r.ParentID, r.SubType = before.OpID, before.Name, before.ParentID, before.SubType
		case fCurrentAttempt:
			r.CurrentAttempt = int(v.int)
		case fNextAttemptDelay:
			r.NextAttemptDelay = v.int
		case fDuration:
			r.Duration = v.int
		case fScheduledEnd:
			r.ScheduledEnd = protocol.Timestamp(v.int)
		case fCallbackID:
			r.CallbackID = string(v.bytes)
		case fTimeout:
			r.Timeout = v.int
		case fHeartbeatTimeout:
			r.HeartbeatTimeout = v.int
		default:
			err = decodeRare(r, field, v)
		}
		return err
	})
	if err == nil && r.Type == "" {
		err = errors.New("a record without a type")
	}
	if err == nil && r.Type == protocol.EventExecutionStarted && r.Identity == nil {
		err = errors.New("an ExecutionStarted record without an identity")
	}
	return err
}

// decodeRare reads fields that few record types have.
func decodeRare(r *Record, field protowire.Number, v value) (err error) {
	switch field {
	case fFunctionName:
		r.FunctionName = string(v.bytes)
	case fTenantID:
		r.TenantID = string(v.bytes)
	case fExecutedVersion:
		r.ExecutedVersion = string(v.bytes)
	case fExecutionARN:
		r.DurableExecutionARN = string(v.bytes)
	case fRequestID:
		r.RequestID = string(v.bytes)
	case fInit:
		r.Init = time.Duration(v.int) * time.Millisecond
	case fStart:
		r.Start = protocol.Timestamp(v.int)
	case fEnd:
		r.End = protocol.Timestamp(v.int)
	case fIdentity:
		r.Identity, err = decodeIdentity(v.bytes)
	case fReplayChildren:
		r.ReplayChildren = v.int != 0
	case fClientToken:
		r.ClientToken = string(v.bytes)
	case fTraceHeader:
		r.TraceHeader = string(v.bytes)
	case fFailed:
		r.Failed = v.int != 0
	case fBadOutput:
		r.BadOutput = v.int != 0
	case fLost:
		r.Lost = v.int != 0
	case fRetryAt:
		r.RetryAt = protocol.Timestamp(v.int)
	case fStatus:
		r.Status = protocol.ExecutionStatus(v.bytes)
	case fRequested:
		r.Requested = protocol.Timestamp(v.int)
	case fTimeoutPaused:
		r.TimeoutPaused = v.int != 0
	case fInterrupted:
		r.Interrupted = v.int != 0
	case fExecutionTimeout:
		r.ExecutionTimeout = v.int
	case fBy:
		r.By = string(v.bytes)
	case fKill:
		r.Kill = v.int != 0
	case fEmpty:
		r.Empty = v.int != 0
	case fRedrive:
		r.Redrive = v.int != 0
	}
	return err
}

func decodeError(b []byte) (*protocol.ErrorObject, error) {
	e := &protocol.ErrorObject{}
	err := fields(b, func(field protowire.Number, v value) error {
		switch field {
		case fErrorMessage:
			e.ErrorMessage = string(v.bytes)
		case fErrorType:
			e.ErrorType = string(v.bytes)
		case fErrorData:
			e.ErrorData = string(v.bytes)
		case fStackTrace:
			e.StackTrace = append(e.StackTrace, string(v.bytes))
		}
		return nil
	})
	return e, err
}

func decodeIdentity(b []byte) (*Identity, error) {
	id, tag := &Identity{}, ""
	err := fields(b, func(field protowire.Number, v value) (err error) {
		switch field {
		case fARN:
			id.ARN, err = protocol.ParseARN(string(v.bytes))
		case fIDTimeout:
			id.ExecutionTimeout = v.int
		case fRetentionDays:
			id.RetentionDays = v.int
		case fIDTenant:
			id.TenantID = string(v.bytes)
		case fIDTrace:
			id.TraceHeader = string(v.bytes)
		case fParentARN:
			id.ParentARN = string(v.bytes)
		case fParentOperation:
			id.ParentOperation = string(v.bytes)
		case fOriginARN:
			id.OriginARN = string(v.bytes)
		case fOriginOperation:
			id.OriginOperation = string(v.bytes)
		case fAsync:
			id.Async = v.int != 0
		case fTag:
			if tag = string(v.bytes); id.Tags == nil {
				id.Tags = map[string]string{}
			}
			id.Tags[tag] = ""
		case fTagValue:
			if id.Tags != nil {
				id.Tags[tag] = string(v.bytes)
			}
		}
		return err
	})
	if err == nil && id.ARN.ID == "" {
		err = errors.New("a start without an ARN")
	}
	return id, err
}

// value is the value of a field: one of the two, by wire type.
type value struct {
	int   int64
	bytes []byte
}

// fields calls f with each field of a message, in order.
func fields(b []byte, f func(protowire.Number, value) error) error {
	for len(b) > 0 {
		field, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var v value
		switch typ {
		case protowire.VarintType:
			var u uint64
			u, n = protowire.ConsumeVarint(b)
			v.int = int64(u)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(field, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := f(field, v); err != nil {
			return fmt.Errorf("field %d: %w", field, err)
		}
	}
	return nil
}
