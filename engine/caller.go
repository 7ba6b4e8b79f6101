package engine

import (
	"cmp"
	"context"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// callerKey is the key of who asks, in a context.
type callerKey struct{}

// AskedBy returns a context for requests that somebody asks for: the name of a credential, say, or of a program. Stops,
// pauses and resumptions record it, for people, as far as it is printable ASCII of at most 256 bytes.
func AskedBy(ctx context.Context, who string) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

// caller is who asks: as the request says, or else its context.
func caller(ctx context.Context, by string) (string, error) {
	if len(by) > protocol.MaxName || !isPrintable(by) {
		return "", protocol.Errorf(protocol.CodeInvalidParameter,
			"Who asks is said in at most %d printable ASCII characters", protocol.MaxName)
	}
	who, _ := ctx.Value(callerKey{}).(string)
	who = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, who)
	return cmp.Or(by, who[:min(len(who), protocol.MaxName)]), nil
}

func isPrintable(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) < 0
}
