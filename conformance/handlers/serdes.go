package main

import (
	"context"
	"strings"
)

// upperCase writes strings in upper case, without quotes.
type upperCase struct{}

func (upperCase) Marshal(_ context.Context, v any) ([]byte, error) {
	return []byte(strings.ToUpper(v.(string))), nil
}

func (upperCase) Unmarshal(_ context.Context, data []byte, v any) error {
	*v.(*string) = string(data)
	return nil
}
