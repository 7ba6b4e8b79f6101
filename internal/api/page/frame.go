package page

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"

	"github.com/perdure/perdure/internal/api/route"
)

// frame is the data of every page's template.
type frame struct {
	Title   string
	Section section // whose link in the navigation is marked
	Live    string  // what the page is kept up to date with, as a query of [site.live]; empty is nothing
	Refresh int64   // milliseconds after which the page is another even if nothing changes; zero is never
	Page    any
	Style   string // the name of its style sheet; empty is that of its template
	tag     string // names the state of the page; empty for a hash of the page

	// What follows is set by render, of whoever asks.

	Name     string // of the template
	Version  string
	User     string // empty without a login
	Operator bool   // may press buttons
	Token    string // of the forms
	endpoint string // that commands name; empty if they need none
}

// section is a link of the navigation.
type section string

const (
	sectionExecutions section = "Executions"
	sectionJobs       section = "Jobs"
	sectionFunctions  section = "Functions"
	sectionEngine     section = "Engine"
	sectionStart      section = "Start"
)

// link is a link of the navigation: where it leads, and the key that follows g for it.
type link struct {
	Section   section
	Path, Key string
}

// Navigation is what leads to all pages.
func (frame) Navigation() []link {
	return []link{
		{sectionExecutions, Prefix, "e"},
		{sectionJobs, Prefix + "jobs", "j"},
		{sectionFunctions, Prefix + "functions", "f"},
		{sectionEngine, Prefix + "engine", "n"},
		{sectionStart, Prefix + "start", "s"},
	}
}

// liveAll keeps a page up to date with all that the engine does.
const liveAll = "of=all"

// liveExecution keeps a page up to date with one execution and its log.
func liveExecution(arn string) string { return url.Values{"of": {"execution"}, "arn": {arn}}.Encode() }

// page answers with a template, filled by build.
func (s *site) page(name string, build func(r *http.Request) (frame, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		f, err := build(r)
		if err != nil {
			return err
		}
		return s.render(w, r, http.StatusOK, name, f)
	}
}

// render writes a page, unless the client has it already.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame) error {
	caller := route.CallerOf(r)
	f.Style = cmp.Or(f.Style, name)
	f.Name, f.Version, f.Operator = name, s.version, caller.May(route.Operators)
	f.endpoint = endpointOf(r)
	if caller != nil {
		f.User = caller.Name
	}
	if f.Operator {
		f.Token = formToken(formSecret(w, r))
	}
	var b bytes.Buffer
	if err := s.pages[name]().ExecuteTemplate(&b, "layout.html", f); err != nil {
		return fmt.Errorf("the page %s could not be rendered: %w", name, err)
	}
	page := []byte(visible(b.String())) // all of it, so that no name, note or message is forgotten
	tag := f.tag
	if tag == "" {
		tag = fmt.Sprintf(`"%x"`, sha256.Sum256(page))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", tag)
	if status == http.StatusOK && r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.WriteHeader(status)
	_, _ = w.Write(page) // a failure means that the client is gone
	return nil
}
