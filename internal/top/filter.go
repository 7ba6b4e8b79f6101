package top

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// parseFilter reads a filter as a person types it: the members of a URL's query with spaces or & between, such as
// "status=failed name=order-*". Case and hyphens of the keys do not count, and a word without a key is a name.
func parseFilter(line string, now time.Time) (url.Values, error) {
	v := url.Values{}
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ' ' || r == '&' }) {
		key, value, found := strings.Cut(word, "=")
		if !found {
			key, value = "Name", word
		}
		known := slices.IndexFunc(engine.FilterKeys, func(k string) bool {
			return strings.EqualFold(k, strings.ReplaceAll(key, "-", ""))
		})
		if known < 0 {
			near := text.Nearest(key, engine.FilterKeys)
			if near != "" {
				near = "; did you mean " + near + "?"
			}
			return nil, fmt.Errorf("a filter has no %q%s", key, near)
		}
		value, err := url.PathUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("%q is not escaped as in a URL", word)
		}
		if value != "" {
			v.Add(engine.FilterKeys[known], value)
		}
	}
	_, err := engine.ParseFilter(v, now)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		err = errors.New(refusal.Message) // nobody needs the code
	}
	return v, err
}

// filterText writes a filter as parseFilter reads it.
func filterText(v url.Values) string {
	var words []string
	for _, key := range engine.FilterKeys {
		for _, value := range v[key] {
			words = append(words, key+"="+escape.Replace(value))
		}
	}
	return cli.Printable(strings.Join(words, " "))
}

var escape = strings.NewReplacer("%", "%25", " ", "%20", "&", "%26")
