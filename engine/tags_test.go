package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

func TestCheckTags(t *testing.T) {
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = ""
	}
	for name, test := range map[string]struct {
		tags map[string]string
		want string // a part of the refusal; empty for none
	}{
		"none": {nil, ""},
		"all that is fine": {map[string]string{strings.Repeat("ä", 128): strings.Repeat("字", 256),
			"a _.:/+-@1": "=b _.:/+-@", "e": ""}, ""},
		"too many":           {many, "at most 50 tags, not 51"},
		"no key":             {map[string]string{"": "x"}, "1 to 128 characters, not 0"},
		"long key":           {map[string]string{strings.Repeat("ä", 129): ""}, "1 to 128 characters, not 129"},
		"long value":         {map[string]string{"k": strings.Repeat("ä", 257)}, "at most 256 characters, not 257"},
		"AWS's":              {map[string]string{"aws:x": ""}, "only AWS may use"},
		"AWS's, in capitals": {map[string]string{"AWS:x": ""}, "only AWS may use"},
		"= in a key":         {map[string]string{"a=b": ""}, `The key "a=b" of a tag has a character`},
		"a newline":          {map[string]string{"k": "a\nb"}, `The value "a\nb" of the tag "k" has a character`},
		"an escape":          {map[string]string{"k": "\x1b[31m"}, "has a character"},
		"a NUL":              {map[string]string{"k\x00": ""}, "has a character"},
		"markup":             {map[string]string{"k": "<script>"}, "has a character"},
		"no text":            {map[string]string{"k": "\xff"}, "has a character"},
		"right to left":      {map[string]string{"k": "\u202e"}, "has a character"},
		"a star":             {map[string]string{"k": "*"}, "has a character"},
	} {
		err := engine.CheckTags(test.tags)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if err != nil {
			continue
		}
		if got, err := engine.ParseTags(engine.FormatTags(test.tags)); err != nil || cmp.Diff(test.tags, got) != "" {
			t.Errorf("%s, written and read: got %v, %v", name, got, err)
		}
	}
}

func TestParseTagsRefusals(t *testing.T) {
	for query, want := range map[string]string{
		"a=1&a=2":                           `The tag "a" is given twice`,
		"a=1&a=1":                           `The tag "a" is given twice`,
		"a=%zz":                             `Tags "a=%zz" are not written as KEY=VALUE&KEY=VALUE, escaped as in a URL`,
		"a=1;b=2":                           `Tags "a=1;b=2" are not written as KEY=VALUE&KEY=VALUE, escaped as in a URL`,
		"=x":                                `The key of a tag has 1 to 128 characters, not 0: ""`,
		"k=" + strings.Repeat("x", 100<<10): "Tags have at most 49152 bytes, not 102402",
	} {
		_, err := engine.ParseTags(query)
		refusal, ok := err.(*protocol.Error)
		if !ok || refusal.Message != want || refusal.Code != protocol.CodeInvalidParameter {
			t.Errorf("%.40s: got %v, want %s", query, err, want)
		}
	}
}

// Tags stay with an execution: after a restart, in a copy, and in a file. They are no part of what makes a start the
// same, and what its caller does with the map later changes nothing.
func TestTagsAreKept(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("f", attends)
		tags := map[string]string{"team": "red", "empty": ""}
		req := &engine.InvokeRequest{Function: "f", Name: "fail-x", Tags: tags}
		first, err := f.Start(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"team": "red", "empty": ""}
		tags["team"] = "blue"
		again, err := f.Start(t.Context(), req)
		if err != nil || !again.Existing || again.ARN != first.ARN {
			t.Errorf("with other tags: got %+v, %v", again, err)
		}
		synctest.Wait()
		for name, redrive := range map[string]bool{"fork": false, "redrive": true} {
			copied, err := f.Fork(t.Context(), &engine.ForkRequest{ARN: first.ARN, Name: name, Redrive: redrive})
			if err != nil {
				t.Fatal(err)
			}
			d, err := f.Describe(t.Context(), copied.ARN)
			if err != nil || cmp.Diff(want, d.Tags) != "" {
				t.Errorf("%s: got %v, %v", name, d, err)
			}
		}
		f.restart()
		d, err := f.Describe(t.Context(), first.ARN)
		if err != nil || cmp.Diff(want, d.Tags) != "" {
			t.Errorf("got %+v, %v", d, err)
		}
		if got := f.names(&engine.ListRequest{Filter: engine.Filter{Tags: want, Name: "fail*"}}); got != "fail-x" {
			t.Errorf("got %q", got)
		}
		var file strings.Builder
		if err := f.Export(t.Context(), first.ARN, &file); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Delete(t.Context(), first.ARN); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := f.Import(t.Context(), strings.NewReader(file.String()), &engine.ImportRequest{}); err != nil {
			t.Fatal(err)
		}
		if got := f.names(&engine.ListRequest{Filter: engine.Filter{Tags: want, Error: "x"}}); got != "fail-x" {
			t.Errorf("imported: got %q", got)
		}
		if _, err := f.Start(t.Context(), &engine.InvokeRequest{Function: "f", Tags: map[string]string{"aws:x": ""}}); err == nil {
			t.Error("a tag of AWS was taken")
		}
	})
}
