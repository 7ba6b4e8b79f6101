package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// canonicalRequest is the text of r that a client signs. The path is escaped a second time, as for every service
// but S3, and otherwise stays as it came. Some clients also remove its dots and double slashes before they sign; we
// do not, since one signature must not prove two meanings.
func (p *Proof) canonicalRequest(r *http.Request, payload string) []byte {
	text := make([]byte, 0, 1024)
	text = append(append(text, r.Method...), '\n')
	if path := r.URL.EscapedPath(); path == "" {
		text = append(text, '/')
	} else {
		text = protocol.AppendEscaped(text, path, '/')
	}
	text = append(text, '\n')
	text = appendQuery(text, r.URL.RawQuery)
	text = append(text, '\n')
	for _, name := range p.headers {
		text = append(append(text, name...), ':')
		text = appendHeader(text, r, name)
		text = append(text, '\n')
	}
	text = append(text, '\n')
	text = append(text, strings.Join(p.headers, ";")...)
	text = append(text, '\n')
	return append(text, payload...)
}

// appendQuery appends the query with its names and values escaped in one way, and in order, without the signature
// of a presigned URL.
func appendQuery(dst []byte, raw string) []byte {
	if raw == "" {
		return dst
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, value = reescape(name), reescape(value)
		if name != "X-Amz-Signature" {
			pairs = append(pairs, pair{name, value})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, p.name...), '='), p.value...)
	}
	return dst
}

// reescape unescapes as handlers do and escapes as signers do. A text that cannot be unescaped reaches no handler,
// so any text will do.
func reescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		s = plain
	}
	return string(protocol.AppendEscaped(nil, s, 0))
}

// appendHeader appends the values of a header, without spaces that do not matter.
func appendHeader(dst []byte, r *http.Request, name string) []byte {
	if name == "host" {
		return append(dst, r.Host...)
	}
	for i, value := range r.Header[http.CanonicalHeaderKey(name)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		value = strings.Trim(value, " ")
		for j := range len(value) {
			if value[j] != ' ' || value[j-1] != ' ' {
				dst = append(dst, value[j])
			}
		}
	}
	return dst
}
