package protocol_test

import (
	"math"
	"testing"
	"time"

	"github.com/perdure/perdure/protocol"
)

func TestAppendTime(t *testing.T) {
	for _, test := range []struct {
		at            protocol.Timestamp
		envelope, api string
	}{
		{0, "0", "0"},
		{1, "1", "0.001"},
		{1_767_225_600_000, "1767225600000", "1767225600"},
		{1_767_225_600_007, "1767225600007", "1767225600.007"},
		{1_767_225_600_040, "1767225600040", "1767225600.040"},
		{1_767_225_600_999, "1767225600999", "1767225600.999"},
		{-1500, "-1500", "-1.5"},
		{math.MaxInt64, "9223372036854775807", "9223372036854775.807"},
	} {
		if got := string(protocol.AppendTime(nil, test.at, protocol.Envelope)); got != test.envelope {
			t.Errorf("got %s, want %s", got, test.envelope)
		}
		if got := string(protocol.AppendTime(nil, test.at, protocol.API)); got != test.api {
			t.Errorf("got %s, want %s", got, test.api)
		}
	}
}

// Absent stays absent, and fractions of a millisecond are dropped.
func TestTimestampOf(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 999_999, time.FixedZone("", 3600))
	if got := protocol.TimestampOf(at); got != 1_767_222_000_000 {
		t.Errorf("got %d", got)
	}
	if got := protocol.TimestampOf(at).Time(); !got.Equal(at.Truncate(time.Millisecond)) || got.Location() != time.UTC {
		t.Errorf("got %v, want %v in UTC", got, at)
	}
	if protocol.TimestampOf(time.Time{}) != 0 || !protocol.Timestamp(0).Time().IsZero() {
		t.Error("the zero time is not the absent timestamp")
	}
}

// Arithmetic ends at the ends of the range. A deadline must not wrap around.
func TestTimestampArithmetic(t *testing.T) {
	const most, least = protocol.Timestamp(math.MaxInt64), protocol.Timestamp(math.MinInt64)
	for _, test := range []struct{ got, want protocol.Timestamp }{
		{protocol.Timestamp(5).AddSeconds(2), 2005},
		{protocol.Timestamp(5).AddSeconds(-2), -1995},
		{protocol.Timestamp(5).AddDays(2), 172_800_005},
		{protocol.Timestamp(5).Add(1999 * time.Microsecond), 6},
		{protocol.Timestamp(5).AddSeconds(math.MaxInt64), most},
		{protocol.Timestamp(-5).AddSeconds(math.MinInt64), least},
		{protocol.Timestamp(1 << 62).AddSeconds(1 << 52), protocol.Timestamp(1<<62 + 1<<52*1000)},
		{protocol.Timestamp(1 << 62).AddSeconds(1 << 53), most},
		{protocol.Timestamp(5).AddDays(math.MaxInt64), most},
		{protocol.Timestamp(-5).AddDays(math.MinInt64), least},
		{most.Add(time.Second), most},
		{least.Add(-time.Second), least},
	} {
		end := test.want == most || test.want == least // it is enough to stay within a day of it
		if diff := test.want.Sub(test.got).Abs(); diff > 24*time.Hour || diff != 0 && !end {
			t.Errorf("got %d, want %d", test.got, test.want)
		}
	}
	if got := protocol.Timestamp(2500).Sub(1000); got != 1500*time.Millisecond {
		t.Errorf("got %v", got)
	}
}
