package page

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
	"github.com/perdure/perdure/test/hostile"
)

// TestHostilePayloads: whatever is in a payload, an error, a name or a line of a log is text, and little of it.
func TestHostilePayloads(t *testing.T) {
	f := newFixture(t)
	const evil = `</pre><script>alert(1)</script><img src=x onerror=alert(2)>"'`
	for name, event := range map[string]string{
		"script":   `{"` + strings.ReplaceAll(evil, `"`, "") + `":"` + strings.ReplaceAll(evil, `"`, "") + `"}`,
		"large":    `{"all":"` + strings.Repeat("x", 5<<20) + `"}`,
		"many":     `[` + strings.Repeat("1,", 1<<20) + `1]`,
		"deep":     strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"emoji":    `{"family":"👩‍👩‍👧‍👦","flag":"🏴󠁧󠁢󠁥󠁮󠁧󠁿"}`,
		"rtl":      `{"note":"שלום \u202e egnp.exe","raw":"` + "\u202e\u2066" + `x"}`,
		"terminal": `{"colour":"\u001b[31mred\u0007","raw":"` + "\u009b31m" + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			started, err := f.engine.Start(t.Context(), &engine.InvokeRequest{Function: "approve", Name: name, Payload: []byte(event)})
			if err != nil {
				t.Fatal(err)
			}
			f.engine.Log(engine.LogLine{ExecutionARN: started.ARN, Stream: "stdout", Text: evil + "\x1b[2J\u202e"})
			f.await(started.ARN, protocol.EventInvocationCompleted, 1)
			for _, view := range []string{"", "&view=history", "&view=log", "&op=1", "&op=2"} {
				page := f.get(executionPath(started.ARN)+view, 200)
				for _, wrong := range []string{"<script>alert", "<img src=x", "\x1b", "\u009b", "\u202e", "\u2066"} {
					if strings.Contains(page, wrong) {
						t.Errorf("%s: the page has %q", view, wrong)
					}
				}
				if len(page) > 400<<10 {
					t.Errorf("%s: the page has %d bytes", view, len(page))
				}
			}
			raw, err := f.client().Get(f.server.URL + rawPath(started.ARN, "", "input"))
			if body := f.body(raw, err, 200); body != event {
				t.Errorf("the whole payload has %d bytes, want %d", len(body), len(event))
			}
			if got := raw.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") ||
				raw.Header.Get("Content-Type") != "application/octet-stream" || raw.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("a browser may show the payload as a page: %v", raw.Header)
			}
		})
	}
	f.get(rawPath("nonsense", "", "input"), 400)
}

// TestDeepPayloadsStaySmall: indented, a deep payload would take the square of its length.
func TestDeepPayloadsStaySmall(t *testing.T) {
	const depth = 9000 // a deeper one is no JSON for the decoder
	deep := strings.Repeat("[", depth) + strings.Repeat("]", depth)
	if made := hostile.Made(func() { newPayload("id", "Deep", &deep, "") }); made > 20*maxParsed {
		t.Errorf("to show %d bytes, %d were made", len(deep), made)
	}
}

func TestDifferences(t *testing.T) {
	var got string
	for _, d := range differences("a\nb\nc", "a\nx\nc\nd") {
		got += d.Sign + d.Text + "|"
	}
	if want := " a|-b|+x| c|+d|"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	long := strings.Repeat("x\n", 100_000)
	if n := len(differences(long, "y\n"+strings.ReplaceAll(long, "x", "z"))); n > maxDifferences {
		t.Errorf("got %d lines of long texts", n)
	}
}

func TestTree(t *testing.T) {
	for text, want := range map[string]string{
		`{"b":[1,{"c":null}],"a":"x"}`: `object{b=array{number 1,object{c=word null}},a=string x}`,
		`[]`:                           `array{}`,
		`12345678901234567890.5`:       "",
		`{"a":1} trailing`:             "",
		`{"a":`:                        "",
		`not JSON`:                     "",
		``:                             "",
	} {
		if got := written(parseTree(text)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if parseTree(strings.Repeat("[", 100)+strings.Repeat("]", 100)) != nil || parseTree("["+strings.Repeat("1,", 5000)+"1]") != nil {
		t.Error("there is a tree of what is too deep, or too long")
	}
}

func written(n *node) string {
	if n == nil {
		return ""
	}
	s := n.Kind
	if n.Key != "" {
		s = n.Key + "=" + s
	}
	if n.Kind != "object" && n.Kind != "array" {
		return s + " " + n.Value
	}
	var inside []string
	for _, child := range n.Inside {
		inside = append(inside, written(child))
	}
	return s + "{" + strings.Join(inside, ",") + "}"
}

// TestDecoder: payloads are shown as the decoder says; whatever it does, the page is there, and says so.
func TestDecoder(t *testing.T) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch string(body) {
		case "secret":
			io.WriteString(w, `{"plain":true}`)
		case "as it is":
			w.WriteHeader(http.StatusNoContent)
		case "elsewhere":
			http.Redirect(w, r, "https://example.com/", http.StatusTemporaryRedirect)
		case "endless":
			io.WriteString(w, strings.Repeat("x", maxDecoded+1))
		default:
			http.Error(w, "no key <b>k1</b>\nfor it", http.StatusBadRequest)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(server.Close)
	d, err := NewDecoder(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for payload, want := range map[string][2]string{
		"secret":                          {`{"plain":true}`, "decoded"},
		"as it is":                        {"as it is", ""},
		"elsewhere":                       {"elsewhere", "as it is stored: the decoder says 307 "},
		"endless":                         {"endless", "as it is stored: the decoder's answer is too large, or broke off"},
		"other":                           {"other", "as it is stored: the decoder says 400 no key <b>k1</b>"},
		strings.Repeat("x", maxDecoded+1): {strings.Repeat("x", maxDecoded+1), "as it is stored: it is too large for the decoder"},
	} {
		text, note, _ := d.decode(t.Context(), payload)
		if text != want[0] || note != want[1] {
			t.Errorf("%.20s: got %.30q, %q, want %.30q, %q", payload, text, note, want[0], want[1])
		}
	}
	server.Close()
	if text, note, _ := d.decode(t.Context(), "secret"); text != "secret" || !strings.Contains(note, "does not answer") {
		t.Errorf("got %q, %q of a decoder that is gone", text, note)
	}
	for address, ok := range map[string]bool{"https://decoder.example/d": true, "http://localhost:9/": true, "http://[::1]/": true,
		"http://decoder.example/": false, "ftp://localhost/": false, "localhost:9": false, "": false, "http://127.0.0.1.example/": false} {
		if _, err := NewDecoder(address); (err == nil) != ok {
			t.Errorf("%q: got %v", address, err)
		}
	}
}

// TestDecodedPayloadsAreShown: on the page, with a link to what is stored; no other site is named to the browser.
func TestDecodedPayloadsAreShown(t *testing.T) {
	f := newFixture(t)
	decoder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"decoded":"<i>"}`)
	}))
	t.Cleanup(decoder.Close)
	d, err := NewDecoder(decoder.URL)
	if err != nil {
		t.Fatal(err)
	}
	arn := f.started()
	server := httptest.NewServer(New(f.engine, f.engine.Functions(), &Options{Decoder: d}))
	t.Cleanup(server.Close)
	shown := &fixture{t: t, engine: f.engine, server: server}
	page := shown.get(executionPath(arn), 200)
	want(t, page, "decoded", "&lt;i&gt;", "Show payloads as they are stored")
	if strings.Contains(page, decoder.URL) {
		t.Error("the page names the decoder")
	}
	want(t, shown.get(executionPath(arn)+"&stored=1", 200), `7`, "Decode payloads")
}

func TestTagsAreShown(t *testing.T) {
	f := newFixture(t)
	started, err := f.engine.Start(t.Context(), &engine.InvokeRequest{Function: "approve", Tags: map[string]string{"team": "a/b"}})
	if err != nil {
		t.Fatal(err)
	}
	want(t, f.get(executionPath(started.ARN), 200), "<bdi>team=a/b</bdi>")
}

// TestForksWithAnotherOutcome: of an operation, by a form; and a callback that is answered by one fails by the other.
func TestForksWithAnotherOutcome(t *testing.T) {
	f := newFixture(t)
	arn := f.started()
	for outcome, text := range map[string]string{"result": `&#34;other&#34;`, "error": "Declined"} {
		name := "fork-" + outcome
		f.post("/ui/fork", url.Values{"arn": {arn}, "after": {"1"}, "name": {name}, "outcome": {outcome}, "result": {`"other"`},
			"error-message": {"Declined"}}, 200)
		items, _, err := f.engine.List(context.Background(), &engine.ListRequest{Filter: engine.Filter{Name: name}})
		if err != nil || len(items) != 1 {
			t.Fatalf("got %d forks, %v", len(items), err)
		}
		want(t, f.get(executionPath(items[0].ARN)+"&op=1", 200), text, "Fork of", "order-7 of approve")
	}
	f.post("/ui/fork", url.Values{"arn": {arn}, "after": {"1"}, "outcome": {"error"}}, 400)
	want(t, f.get("/ui/start?from="+url.QueryEscape(arn), 200), "&#34;id&#34;", "selected>approve")
}

// TestNoPageHasControlCharacters: neither what fools terminals nor what turns the direction of a text reaches a page,
// whatever shows it.
func TestNoPageHasControlCharacters(t *testing.T) {
	f := newFixture(t)
	page := f.get("/ui/?Name=%1B%5B2J%E2%80%AE%C2%9B", 200)
	for _, wrong := range []string{"\x1b", "\u202e", "\u009b"} {
		if strings.Contains(page, wrong) {
			t.Errorf("the page has %q", wrong)
		}
	}
}
