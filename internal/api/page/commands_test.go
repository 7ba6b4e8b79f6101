package page

import (
	"net/url"
	"testing"

	"github.com/perdure/perdure/engine"
)

// A name that looks like a flag, and a tag with a space at its end, are found by what the page says of them.
func TestOddNamesAreFound(t *testing.T) {
	f := newFixture(t)
	f.crowd("done-1")
	s, err := f.engine.Start(t.Context(), &engine.InvokeRequest{Function: "work", Name: "--help", Payload: []byte("1"),
		Tags: map[string]string{" key ": " value "}})
	if err != nil {
		t.Fatal(err)
	}
	list := f.settled("/ui/?" + url.Values{"Tag": {" key = value "}}.Encode())
	if got := shown(list); got != "--help" {
		t.Errorf("got %q, want the one with the tag", got)
	}
	want(t, list, "perdure list --tag &#39; key = value &#39; --attention")
	want(t, f.get(executionPath(s.ARN), 200), "perdure get &#39;"+s.ARN+"&#39;")
}
