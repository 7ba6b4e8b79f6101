package offload

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/protocol"
)

// Bounds of what PreviewJSON shows.
const (
	previewDepth = 32
	previewItems = 10
	previewText  = 200 // bytes of one text
)

// PreviewJSON makes a function for [Values.Preview] that shows the value as JSON: of a long text the beginning, of
// a long list the first items, and "***" for members of objects with one of the names, at any depth and in any
// case.
func PreviewJSON(masked ...string) func(v any) string {
	return func(v any) string {
		data, err := durable.JSON.Marshal(context.Background(), v)
		if err != nil {
			return fmt.Sprintf("%T", v)
		}
		var generic any
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if dec.Decode(&generic) != nil {
			return fmt.Sprintf("%T", v)
		}
		text, _ := durable.JSON.Marshal(context.Background(), abridged(generic, masked, previewDepth)) // came from JSON
		return string(text)
	}
}

// abridged is a value from JSON without parts that are too long, too deep or masked.
func abridged(v any, masked []string, depth int) any {
	switch v := v.(type) {
	case string:
		return protocol.Shorten(v, previewText)
	case []any:
		if depth == 0 {
			return "[…]"
		}
		shown := v[:min(len(v), previewItems)]
		for i := range shown {
			shown[i] = abridged(shown[i], masked, depth-1)
		}
		if n := len(v) - len(shown); n > 0 {
			return append(slices.Clip(shown), fmt.Sprintf("… (%d more)", n))
		}
		return shown
	case map[string]any:
		if depth == 0 {
			return "{…}"
		}
		for name := range v {
			if slices.ContainsFunc(masked, func(m string) bool { return strings.EqualFold(m, name) }) {
				v[name] = "***"
			} else {
				v[name] = abridged(v[name], masked, depth-1)
			}
		}
	}
	return v
}
