package progress

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// redundant are members of a structured log record that the screen shows elsewhere, or that are the same in all lines.
var redundant = map[string]bool{
	"timestamp": true, "time": true, "level": true, "message": true, "msg": true,
	"executionArn": true, "requestId": true, "operationId": true,
}

// readable words a structured log record, as the SDK and slog write them, for a person. Any other text stays as it is.
func readable(text string) string {
	if !strings.HasPrefix(text, "{") {
		return text
	}
	keys, values, ok := members(text)
	message := stringOf(values["message"]) + stringOf(values["msg"])
	if !ok || message == "" {
		return text
	}
	words := []string{message}
	if level := stringOf(values["level"]); level != "" {
		words = []string{level, message}
	}
	for _, key := range keys {
		if !redundant[key] {
			words = append(words, key+"="+logValue(values[key]))
		}
	}
	return strings.Join(words, " ")
}

// members reads a JSON object and keeps the order of its members.
func members(text string) (keys []string, values map[string]json.RawMessage, ok bool) {
	values = map[string]json.RawMessage{}
	if json.Unmarshal([]byte(text), &values) != nil {
		return nil, nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.Token() // the brace
	for d.More() {
		key, err := d.Token()
		name, isName := key.(string)
		var value json.RawMessage
		if err != nil || !isName || d.Decode(&value) != nil {
			return nil, nil, false
		}
		keys = append(keys, name)
	}
	return keys, values, true
}

func stringOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// logValue is a member's value: a string without quotes where it needs none.
func logValue(raw json.RawMessage) string {
	s := stringOf(raw)
	if s != "" && strconv.Quote(s) == `"`+s+`"` && !strings.ContainsAny(s, " =") {
		return s
	}
	return string(bytes.TrimSpace(raw))
}
