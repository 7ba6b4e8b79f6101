package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGrowth(t *testing.T) {
	for name, tt := range map[string]struct {
		cost func(n float64) float64
		want float64
	}{
		"flat":      {func(float64) float64 { return 7 }, 0},
		"linear":    {func(n float64) float64 { return 3 * n }, 1},
		"quadratic": {func(n float64) float64 { return n * n }, 2},
		"nothing":   {func(float64) float64 { return 0 }, 0},
	} {
		var c chart
		for _, n := range powers(10, 100_000) {
			c.add(n, tt.cost(float64(n)))
		}
		if got := c.growth(); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	flat := chart{File: "a", Title: "A", X: "executions", Y: "ms"}
	steep := chart{File: "b", Title: "B", X: "executions", Y: "ms", Claim: linear}
	for _, n := range powers(100, 1_000_000) {
		flat.add(n, 5)
		steep.add(n, float64(n)*float64(n))
	}
	if err := report(dir, []chart{flat, steep}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "scale.md"))
	if err != nil || !strings.Contains(string(page), "| executions | 100 | 1 k | 10 k | 100 k | 1 M |") ||
		!strings.Contains(string(page), "n^2.00") {
		t.Errorf("got %v and\n%s", err, page)
	}
	for _, name := range []string{"a", "b"} {
		f, err := os.Open(filepath.Join(dir, "scale", name+".svg"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for d := xml.NewDecoder(f); err == nil; {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s.svg is not XML: %v", name, err)
		}
	}
}
