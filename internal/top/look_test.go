package top

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/protocol"
)

// TestLook: one look sees everything, and asks why only of what is open and in sight.
func TestLook(t *testing.T) {
	w := newWorld(t)
	register(w, "ask", ask)
	register(w, "pay", decline)
	w.start("pay", "p-1", true)
	w.start("ask", "a-1", false)
	watch := watcher{client: w.client("READER")}
	o, err := watch.look(t.Context(), want{rows: 10, to: 10})
	if err != nil {
		t.Fatal(err)
	}
	if !o.readOnly || o.Counts.Total != 2 || len(o.Nodes) != 1 || len(o.Throughput) != 60 {
		t.Errorf("got %+v", o)
	}
	reasons := map[string]string{}
	for i := range o.Executions {
		reasons[o.Executions[i].name()] = o.Executions[i].why()
	}
	want := map[string]string{"p-1": "declined: the card  [2Jis declined", "a-1": reasons["a-1"]}
	if diff := cmp.Diff(want, reasons); diff != "" || !strings.Contains(reasons["a-1"], "callback approval") {
		t.Errorf("%q, (-want +got):\n%s", reasons["a-1"], diff)
	}
}

// TestMeter: rates come from counts by the minute, over minutes that begin and engines that begin anew.
func TestMeter(t *testing.T) {
	minute := func(number int64, started uint64) adminapi.Throughput {
		return adminapi.Throughput{Begins: protocol.Seconds(number * 60_000), Started: started}
	}
	now := time.Unix(120+60, 0)
	var m meter
	for i, test := range []struct {
		after   time.Duration
		minutes []adminapi.Throughput
		want    float64
	}{
		{0, []adminapi.Throughput{minute(1, 113), minute(2, 7)}, 1},                                  // what is known of two minutes
		{2 * time.Second, []adminapi.Throughput{minute(1, 113), minute(2, 17)}, 5},                   // ten in two seconds
		{2 * time.Second, []adminapi.Throughput{minute(1, 114), minute(2, 18), minute(3, 8)}, 5},     // a minute began
		{16 * time.Second, []adminapi.Throughput{minute(2, 18), minute(3, 8)}, 0},                    // the hour moved on
		{10 * time.Second, []adminapi.Throughput{minute(2, 18), minute(3, 8)}, 0},                    // nothing lately
		{10 * time.Second, []adminapi.Throughput{minute(2, 0), minute(3, 4), minute(4, 1)}, 5. / 10}, // another process
	} {
		now = now.Add(test.after)
		if got := m.read(now, test.minutes).Started; got != test.want {
			t.Errorf("reading %d: got %v, want %v", i, got, test.want)
		}
	}
}

// TestLines: lines for pipes have no control characters, and objects have what the API says.
func TestLines(t *testing.T) {
	w := newWorld(t)
	register(w, "pay", decline)
	w.start("pay", "p-1", true)
	opt := w.options("OPERATOR")
	var lines, problems, objects bytes.Buffer
	if err := Lines(t.Context(), &lines, &problems, opt, true, false); err != nil {
		t.Fatal(err)
	}
	if err := Lines(t.Context(), &objects, &problems, opt, true, true); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(lines.String(), "\n")
	if len(got) != 5 || !strings.HasSuffix(got[0], "  1 execution, 1 FAILED") || !strings.HasPrefix(got[1], "  started ") ||
		!strings.Contains(got[2], "p-1") || got[3] != "  1 of pay failed with declined" {
		t.Errorf("got %q", got)
	}
	if strings.ContainsAny(lines.String(), "\x1b\r\t") {
		t.Errorf("a pipe got control characters: %q", lines.String())
	}
	var o Overview
	if err := json.Unmarshal(objects.Bytes(), &o); err != nil || o.Counts.Total != 1 ||
		o.Executions[0].Message != "the card  [2Jis declined" {
		t.Errorf("got %s, %v", objects.String(), err)
	}
}

// TestLinesOfEngineThatIsAway: it is told once, and the lines go on when it is back; but with --once it is an error, and so
// is what asking again does not help.
func TestLinesOfEngineThatIsAway(t *testing.T) {
	w := newWorld(t)
	opt := w.options("OPERATOR")
	w.vanish()
	err := Lines(t.Context(), &bytes.Buffer{}, &bytes.Buffer{}, opt, true, false)
	if err == nil || err.Error() != "no engine at "+w.address {
		t.Errorf("once: got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	over := bytes.ErrTooLarge
	out, problems := make(signals, 100), make(signals, 100)
	ended := make(chan error, 1)
	go func() { ended <- Lines(ctx, out, problems, opt, false, true) }()
	if got, want := <-problems, "perdure: no engine at "+w.address+"; trying again\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.appear()
	if got := <-out; !strings.HasPrefix(got, `{"Timestamp":`) {
		t.Errorf("got %q", got)
	}
	<-out
	cancel(over)
	if err := <-ended; err != over || len(problems) > 0 {
		t.Errorf("got %v and %d more problems", err, len(problems))
	}
	if err := Lines(t.Context(), out, problems, w.options("NOBODY"), false, true); err == nil {
		t.Error("with an unknown key: got no error")
	}
}

// signals passes on what is written.
type signals chan string

func (s signals) Write(p []byte) (int, error) {
	s <- string(p)
	return len(p), nil
}

func TestFilterText(t *testing.T) {
	for line, want := range map[string]string{
		"":                                  "",
		"order-*":                           "Name=order-*",
		"status=failed,running":             "Status=failed,running",
		"longer-than=5m  NAME=a":            "Name=a LongerThan=5m",
		"Status=FAILED&Error=a%3Db%20c%26d": "Status=FAILED Error=a=b%20c%26d",
		"Tag=a=1 tag=b=100 Error=":          "Tag=a=1 Tag=b=100",
		"statis=failed":                     `! a filter has no "statis"; did you mean Status?`,
		"status=odd":                        `! No execution ever has the status "ODD"`,
		"name=%zz":                          `! "name=%zz" is not escaped as in a URL`,
		"longerthan=soon":                   `! LongerThan "soon" is not a duration such as 90s or 2h.`,
	} {
		v, err := parseFilter(line, time.Now())
		got := filterText(v)
		if err != nil {
			got = "! " + err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
		again, err2 := parseFilter(got, time.Now())
		if err == nil && (err2 != nil || filterText(again) != got) {
			t.Errorf("%s: read again it is %v, %v", got, again, err2)
		}
	}
}
