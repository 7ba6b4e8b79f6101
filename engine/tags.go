package engine

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/text"
	"github.com/perdure/perdure/protocol"
)

// The limits of tags: those of AWS Lambda's, in characters. Beyond them, a key here has no =, so that KEY=VALUE says
// one thing.
const (
	MaxTags     = 50
	MaxTagKey   = 128
	MaxTagValue = 256
)

// TagsHeader is the header of the Lambda API's Invoke with the tags of an execution, as [FormatTags] writes them. AWS
// passes over it.
const TagsHeader = "X-Perdure-Tags"

// CheckTags refuses tags that an execution cannot have: more than [MaxTags], a key of no or of more than [MaxTagKey]
// characters or one that begins with aws:, a value of more than [MaxTagValue], or characters other than letters,
// digits, spaces and _ . : / + - @, and = in values.
func CheckTags(tags map[string]string) error {
	if len(tags) > MaxTags {
		return invalid("An execution has at most %d tags, not %d", MaxTags, len(tags))
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if err := checkTag(key, tags[key]); err != nil {
			return err
		}
	}
	return nil
}

func checkTag(key, value string) error {
	switch n := utf8.RuneCountInString(key); {
	case n == 0 || n > MaxTagKey:
		return invalid("The key of a tag has 1 to %d characters, not %d: %q", MaxTagKey, n, clip(key))
	case len(key) >= 4 && strings.EqualFold(key[:4], "aws:"):
		return invalid("The tag %q begins with aws:, which only AWS may use", clip(key))
	case !isTagText(key, "_.:/+-@"):
		return invalid("The key %q of a tag has a character that is no letter, digit, space or one of _.:/+-@",
			clip(key))
	}
	if n := utf8.RuneCountInString(value); n > MaxTagValue {
		return invalid("The value of the tag %q has at most %d characters, not %d", clip(key), MaxTagValue, n)
	}
	if !isTagText(value, "_.:/=+-@") {
		return invalid("The value %q of the tag %q has a character that is no letter, digit, space or one of _.:/=+-@",
			clip(value), clip(key))
	}
	return nil
}

func isTagText(s, others string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Zs, r) &&
			!strings.ContainsRune(others, r)
	})
}

// MaxTagText bounds the text of tags in [TagsHeader], in bytes: a whole header may have 64 KiB. It takes any fifty that
// are not long and escaped at once.
const MaxTagText = 48 << 10

// ParseTags reads tags as a URL's query writes them, such as team=payments&customer=4711, and refuses a key that stands
// there twice, and what [CheckTags] refuses. Empty is none.
func ParseTags(query string) (map[string]string, error) {
	if query == "" {
		return nil, nil
	}
	if len(query) > MaxTagText {
		return nil, invalid("Tags have at most %d bytes, not %d", MaxTagText, len(query))
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, invalid("Tags %q are not written as KEY=VALUE&KEY=VALUE, escaped as in a URL", clip(query))
	}
	tags := make(map[string]string, len(values))
	for key, all := range values {
		if len(all) > 1 {
			return nil, invalid("The tag %q is given twice", clip(key))
		}
		tags[key] = all[0]
	}
	return tags, CheckTags(tags)
}

// FormatTags writes tags as [ParseTags] reads them, in the order of keys.
func FormatTags(tags map[string]string) string {
	values := make(url.Values, len(tags))
	for key, value := range tags {
		values.Set(key, value)
	}
	return values.Encode()
}

// ownTags copies tags: those of a request belong to its caller.
func ownTags(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	own := make(map[string]string, len(tags))
	for key, value := range tags {
		own[strings.Clone(key)] = strings.Clone(value)
	}
	return own
}

// What a row holds of an error, in bytes.
const (
	maxRowError   = 200
	maxRowMessage = 200
)

// setError notes in a row the error with which its execution ended, which did not succeed. A row is searched and shown,
// so it holds one line.
func setError(r *store.Row, e *protocol.ErrorObject) {
	if e == nil {
		e = &protocol.ErrorObject{}
	}
	r.Error = ErrorWord(e.ErrorType)
	message := protocol.WithoutRequestID(strings.TrimSpace(e.ErrorMessage[:min(len(e.ErrorMessage), 4*maxRowMessage)]))
	line, _, _ := strings.Cut(message, "\n")
	r.Message = oneLine(line, maxRowMessage)
}

// NoErrorType is the word of a filter for errors without a type.
const NoErrorType = "-"

// ErrorWord is the word for a type of errors: what [Filter].Error asks for, and what a row holds. It is the type, in
// one line, but [NoErrorType] for none. A type that looks like that word, a - behind any number of backslashes, has
// one backslash more.
func ErrorWord(errorType string) string {
	word := oneLine(errorType, maxRowError)
	switch {
	case strings.TrimSpace(word) == "":
		return NoErrorType
	case looksLikeNone(word):
		return `\` + word
	}
	return word
}

// errorOf is the type of errors that a word stands for; empty for none.
func errorOf(word string) string {
	switch {
	case word == NoErrorType:
		return ""
	case looksLikeNone(word):
		return word[1:]
	}
	return word
}

func looksLikeNone(word string) bool { return strings.TrimLeft(word, `\`) == NoErrorType }

// oneLine is at most most bytes of s, without what moves a cursor.
func oneLine(s string, most int) string {
	s = strings.ToValidUTF8(s[:min(len(s), 4*most)], "\ufffd")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	cut := most - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func clip(s string) string { return text.Clip(s, 64) }
