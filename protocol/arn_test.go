package protocol_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/perdure/perdure/protocol"
)

// The service's own patterns, which the checks by hand must agree with.
var (
	arnPattern = regexp.MustCompile(
		`^arn:([a-z0-9-]+):lambda:([a-z0-9-]+):([0-9]{12}):function:([a-zA-Z0-9-_]+):(\$LATEST(?:\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9-_]+)/([a-zA-Z0-9-_]+)$`)
	idPattern = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
)

const goodARN = "arn:aws:lambda:us-east-1:000000000000:function:f_1:$LATEST/durable-execution/n-1/exec"

func checkARN(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, s string) {
	t.Helper()
	var want protocol.ARN
	m := arnPattern.FindStringSubmatch(s)
	if m != nil && len(s) <= protocol.MaxARN {
		want = protocol.ARN{Partition: m[1], Region: m[2], Account: m[3], Function: m[4], Version: m[5], Name: m[6], ID: m[7]}
	}
	got, err := protocol.ParseARN(s)
	if got != want || (err == nil) != (want != protocol.ARN{}) {
		t.Fatalf("%q: got %+v, %v; the pattern says %+v", s, got, err, want)
	}
	if err == nil && got.String() != s {
		t.Fatalf("%q printed as %q", s, got)
	}
}

func TestParseARN(t *testing.T) {
	for _, s := range []string{
		goodARN, "", "arn", goodARN + "\n", goodARN + "/", goodARN + "/x", goodARN[1:],
		strings.Replace(goodARN, "$LATEST", "$LATEST.PUBLISHED", 1),
		strings.Replace(goodARN, "$LATEST", "$LATEST.PUBLISHE", 1),
		strings.Replace(goodARN, "$LATEST", "12", 1),
		strings.Replace(goodARN, "$LATEST", "live", 1),
		strings.Replace(goodARN, ":$LATEST", "", 1),
		strings.Replace(goodARN, "000000000000", "00000000000", 1),
		strings.Replace(goodARN, "n-1", "/durable-execution/", 1),
		strings.Replace(goodARN, "exec", strings.Repeat("e", protocol.MaxARN), 1),
	} {
		checkARN(t, s)
	}
}

// Good ARNs with a few pieces replaced are good or bad as the patterns say.
func TestParseARNAsThePattern(t *testing.T) {
	pieces := rapid.SampledFrom([]string{"", ":", "/", "a", "A", "0", "_", "-", "$", ".", "é", "\n", "arn", "$LATEST", ".PUBLISHED",
		"/durable-execution/", "000000000000"})
	rapid.Check(t, func(t *rapid.T) {
		s := goodARN
		for range rapid.IntRange(0, 3).Draw(t, "edits") {
			from := rapid.IntRange(0, len(s)).Draw(t, "from")
			to := rapid.IntRange(from, min(len(s), from+8)).Draw(t, "to")
			s = s[:from] + pieces.Draw(t, "piece") + s[to:]
		}
		checkARN(t, s)
	})
}

func FuzzParseARN(f *testing.F) {
	f.Add(goodARN)
	f.Fuzz(func(t *testing.T, s string) { checkARN(t, s) })
}

func TestValidID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9_-]{0,20}[^a-z]?`)).Draw(t, "id")
		limit := rapid.IntRange(0, 20).Draw(t, "max")
		want := len(s) >= 1 && len(s) <= limit && idPattern.MatchString(s)
		if got := protocol.ValidID(s, limit); got != want {
			t.Fatalf("ValidID(%q, %d): got %v, want %v", s, limit, got, want)
		}
	})
}
