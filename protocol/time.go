package protocol

import (
	"math"
	"strconv"
	"time"
)

// Timestamp is a moment in milliseconds since the Unix epoch, the precision of the protocol. Zero means absent.
type Timestamp int64

// TimestampOf truncates t to milliseconds. The zero time is absent.
func TimestampOf(t time.Time) Timestamp {
	if t.IsZero() {
		return 0
	}
	return Timestamp(t.UnixMilli())
}

// Time returns t as a UTC time; an absent timestamp is the zero time.
func (t Timestamp) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}

// Add returns t moved by d, without its fraction of a millisecond.
func (t Timestamp) Add(d time.Duration) Timestamp { return t.addMillis(d.Milliseconds()) }

// AddSeconds returns t moved by whole seconds.
func (t Timestamp) AddSeconds(s int64) Timestamp {
	return t.addMillis(1000 * min(max(s, math.MinInt64/1000), math.MaxInt64/1000))
}

// AddDays returns t moved by days of 24 hours.
func (t Timestamp) AddDays(n int64) Timestamp {
	const seconds = 24 * 3600
	return t.AddSeconds(seconds * min(max(n, math.MinInt64/seconds), math.MaxInt64/seconds))
}

// addMillis stops at the ends of the range: a deadline must not wrap around into the past.
func (t Timestamp) addMillis(ms int64) Timestamp {
	switch u := t + Timestamp(ms); {
	case ms > 0 && u < t:
		return math.MaxInt64
	case ms < 0 && u > t:
		return math.MinInt64
	default:
		return u
	}
}

// Sub returns the time from u to t.
func (t Timestamp) Sub(u Timestamp) time.Duration { return time.Duration(t-u) * time.Millisecond }

// Dialect selects how a record's timestamps are written.
type Dialect bool

const (
	// Envelope is the invocation payload's dialect: integer milliseconds.
	Envelope Dialect = false
	// API is the dialect of the Lambda API's bodies: epoch seconds.
	API Dialect = true
)

// AppendTime appends t as a JSON number in dialect d.
func AppendTime(dst []byte, t Timestamp, d Dialect) []byte {
	if d == Envelope {
		return strconv.AppendInt(dst, int64(t), 10)
	}
	if t < 0 { // before 1970: the service sends none, but they must not be wrong
		return strconv.AppendFloat(dst, float64(t)/1000, 'f', -1, 64)
	}
	dst = strconv.AppendInt(dst, int64(t)/1000, 10)
	ms := int64(t) % 1000
	if ms == 0 {
		return dst
	}
	return append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

// Seconds is a moment that JSON has as the Lambda API writes it: epoch seconds
// with milliseconds.
type Seconds Timestamp

// Time is the moment in the package time's form.
func (s Seconds) Time() time.Time { return Timestamp(s).Time() }

// MarshalJSON writes epoch seconds.
func (s Seconds) MarshalJSON() ([]byte, error) { return AppendTime(nil, Timestamp(s), API), nil }

// UnmarshalJSON reads epoch seconds.
func (s *Seconds) UnmarshalJSON(data []byte) error {
	r := NewReader(data)
	*s = Seconds(r.Time(API))
	r.End()
	return r.Err()
}
