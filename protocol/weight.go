package protocol

// ValueCost is the cost of each value of a JSON text in [Weight], in bytes: no member of our shapes, and no element
// of their lists, takes more memory beside its text.
const ValueCost = 128

// Weight bounds the memory that a JSON text needs once decoded, in bytes: its length, and ValueCost for each value.
// Seven megabytes of empty objects weigh three hundred. It reads the text once and allocates nothing.
func Weight(data []byte) int {
	values, quoted := 1, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '{' || c == '['):
			values++
		}
	}
	return len(data) + values*ValueCost
}

// CheckWeight refuses a JSON text that weighs more than budget bytes.
func CheckWeight(data []byte, budget int) error {
	if len(data) > budget || Weight(data) > budget {
		return Errorf(CodeRequestTooLarge, "The JSON is too large, or has too many values: together they may take %d bytes, with %d for each value.", budget, ValueCost)
	}
	return nil
}

// DecodeTrace reads a stack trace: an array of lines. Anything else, or one that weighs more than two payloads,
// gives none.
func DecodeTrace(raw []byte) []string {
	if len(raw) == 0 || CheckWeight(raw, 2*MaxPayload) != nil {
		return nil
	}
	r := NewReader(raw)
	lines := r.trace()
	if r.End(); r.Err() != nil {
		return nil
	}
	return lines
}
