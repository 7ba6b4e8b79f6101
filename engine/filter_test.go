package engine_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

var filterNow = time.Date(2026, 11, 23, 8, 0, 0, 0, time.FixedZone("", 3600))

// What a filter writes into a URL is what is read back.
func TestFilterInURL(t *testing.T) {
	now := protocol.TimestampOf(filterNow)
	for query, want := range map[string]engine.Filter{
		"": {},
		"Function=f&Qualifier=7&Name=*pay*&Error=Busy&Status=FAILED&Status=STOPPED": {Function: "f", Qualifier: "7", Name: "*pay*",
			Error: "Busy", Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed, protocol.ExecutionStopped}},
		"StartedAfter=2026-11-22T07:00:00Z&StartedBefore=2026-11-23T06:59:59.5Z": {StartedAfter: now.AddDays(-1), StartedBefore: now - 500},
		"Doing=paused&Doing=callback&Since=2026-11-23T06:00:00Z": {Doing: []engine.Activity{engine.Paused, engine.Callback},
			Since: now.AddSeconds(-3600)},
		"Redriven=no":             {Redriven: engine.RedrivenNo},
		"Tag=team=a=b%2Bc&Tag=x=": {Tags: map[string]string{"team": "a=b+c", "x": ""}},
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := engine.ParseFilter(values, filterNow)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", query, err, diff)
		}
		if diff := cmp.Diff(values, got.Values()); diff != "" {
			t.Errorf("%s, written (-want +got):\n%s", query, diff)
		}
		for key := range got.Values() {
			if !strings.Contains(strings.Join(engine.FilterKeys, " "), key) {
				t.Errorf("FilterKeys lack %s", key)
			}
		}
	}
}

// What people type says the same as what the engine writes.
func TestFilterAsTyped(t *testing.T) {
	for typed, written := range map[string]string{
		"Function=&Status=&Tag=&StartedAfter=": "",
		"Status=failed,timed_out&Doing=Paused": "Doing=paused&Status=FAILED&Status=TIMED_OUT",
		"StartedAfter=24h":                     "StartedAfter=2026-11-22T07%3A00%3A00Z",
		"StartedAfter=2026-11-22":              "StartedAfter=2026-11-21T23%3A00%3A00Z",
		"StartedBefore=2026-11-22T12:30":       "StartedBefore=2026-11-22T11%3A30%3A00Z",
		"Redriven=YES":                         "Redriven=yes",
		"Redriven=":                            "",
		"LongerThan=90":                        "Since=2026-11-23T06%3A58%3A30Z",
		"LongerThan=1h30m":                     "Since=2026-11-23T05%3A30%3A00Z",
		// No moment is that of no filter.
		"StartedBefore=1970-01-01T00:00:00Z": "StartedBefore=1970-01-01T00%3A00%3A00.001Z",
		"StartedBefore=0001-01-01T00:00:00Z": "StartedBefore=1970-01-01T00%3A00%3A00.001Z",
		"StartedBefore=2562047h":             "StartedBefore=1970-01-01T00%3A00%3A00.001Z",
		"Since=1970-01-01T00:00:00Z":         "Since=1970-01-01T00%3A00%3A00.001Z",
		"LongerThan=2562047h":                "Since=1970-01-01T00%3A00%3A00.001Z",
	} {
		values, err := url.ParseQuery(typed)
		if err != nil {
			t.Fatal(err)
		}
		f, err := engine.ParseFilter(values, filterNow)
		if got := f.Values().Encode(); got != written || err != nil {
			t.Errorf("%s: got %s, %v, want %s", typed, got, err, written)
		}
	}
}

func TestFilterRefusals(t *testing.T) {
	long := strings.Repeat("*", 10<<10)
	for query, want := range map[string]string{
		"Status=done":                      `No execution ever has the status "DONE"`,
		"Redriven=perhaps":                 `Redriven "perhaps" is not yes or no.`,
		"Doing=dancing":                    `No execution is ever doing "dancing"`,
		"Name=" + long:                     "Name is too long: it has at most 256 bytes, not 10240",
		"Error=" + long:                    "Error is too long: it has at most 1024 bytes, not 10240",
		"StartedAfter=soon":                `StartedAfter "soon" is not a moment such as 2026-11-23T08:00:00Z, or 24h for a day ago.`,
		"StartedAfter=-1h":                 `StartedAfter "-1h" is not a moment such as 2026-11-23T08:00:00Z, or 24h for a day ago.`,
		"LongerThan=-5":                    `LongerThan "-5" is not a duration such as 90s or 2h.`,
		"LongerThan=" + long:               `LongerThan "` + long[:63] + `…" is not a duration such as 90s or 2h.`,
		"LongerThan=1h&Since=2h":           `Since "2h" is not to be given beside LongerThan, which says the same.`,
		"Name=a&Name=b":                    `Name "a b" is not one value: give it once.`,
		"Name=%FF*":                        `Name "\xff*" is not text in UTF-8`,
		"Name=a%00":                        "Name \"a\\x00\" is not text in UTF-8",
		"Status=,":                         `Status "," is not a word.`,
		"Doing=+":                          `Doing " " is not a word.`,
		"Tag=team":                         `Tag "team" is not KEY=VALUE with a key of its own.`,
		"Tag=a=1&Tag=a=2":                  `Tag "a=2" is not KEY=VALUE with a key of its own.`,
		"Status=" + long:                   `No execution ever has the status "` + long[:63] + `…"`,
		strings.Repeat("Doing=wait&", 9):   `No execution is ever doing "wait"`,
		strings.Repeat("Doing=paused&", 9): "A filter names each status and each activity once at most",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = engine.ParseFilter(values, filterNow)
		if refusal, ok := err.(*protocol.Error); !ok || refusal.Message != want || refusal.Code != protocol.CodeInvalidParameter {
			t.Errorf("%.60s: got %v, want %s", query, err, want)
		}
	}
}
