package progress

// tone is the kind of news a line brings; it selects mark and colour.
type tone string

// The tones are the parameters of the escape sequences for their colours.
const (
	plain  tone = ""
	quiet  tone = "0"
	dim    tone = "2"
	good   tone = "32"
	bad    tone = "31"
	warn   tone = "33"
	active tone = "36"
)

func (t tone) mark() string {
	switch t {
	case good:
		return "✓"
	case bad:
		return "✗"
	case warn:
		return "!"
	}
	return "·"
}

// forText is the tone of the words behind the mark: only trouble is coloured.
func (t tone) forText() tone {
	switch t {
	case bad, warn:
		return t
	}
	return plain
}

func (v *View) paint(t tone, s string) string {
	if !v.opt.Color || t == plain || t == quiet {
		return s
	}
	return "\x1b[" + string(t) + "m" + s + "\x1b[0m"
}
