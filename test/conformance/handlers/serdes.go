package main

import (
	"bytes"
	"context"
	"strings"

	"github.com/perdure/perdure/durable"
)

// upperCase writes and reads strings in upper case, without quotes.
type upperCase struct{}

func (upperCase) Marshal(_ context.Context, v any) ([]byte, error) {
	return []byte(strings.ToUpper(v.(string))), nil
}

func (upperCase) Unmarshal(_ context.Context, data []byte, v any) error {
	*v.(*string) = strings.ToUpper(string(data))
	return nil
}

// upperCaseJSON writes what another writes in upper case.
type upperCaseJSON struct{ durable.Serdes }

func (s upperCaseJSON) Marshal(ctx context.Context, v any) ([]byte, error) {
	data, err := s.Serdes.Marshal(ctx, v)
	return bytes.ToUpper(data), err
}
