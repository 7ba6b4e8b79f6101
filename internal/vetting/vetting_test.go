package vetting

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIsTool(t *testing.T) {
	for args, want := range map[string]bool{
		"":                             false,
		"-V=full":                      true,
		"-flags":                       true,
		"/tmp/b001/vet.cfg":            true,
		"-json -clock /tmp/vet.cfg":    true,
		"lint ./...":                   false,
		"run settings.cfg":             false,
		"--version":                    false,
		"invoke f --event-json -flags": false,
	} {
		if got := IsTool(strings.Fields(args)); got != want {
			t.Errorf("IsTool(%q): got %v, want %v", args, got, want)
		}
	}
}

func TestReadFindings(t *testing.T) {
	const written = `{}
{"shop": {"io": [{"posn": "C:\\shop\\main.go:7:2", "message": "io: calls os.Open", "suggested_fixes": [{}]}],
	"clock": [{"posn": "C:\\shop\\main.go:5:12", "message": "clock: calls time.Now"}]}}
{"shop [shop.test]": {"clock": [{"posn": "C:\\shop\\main.go:5:12", "message": "clock: calls time.Now"}]}}
{"shop/price": {"clock": [{"posn": "C:\\shop\\price.go:5:12", "message": "clock: of a package that nobody asked about"}]}}`
	got, err := read(strings.NewReader(written), []string{"shop"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{
		{File: `C:\shop\main.go`, Line: 5, Column: 12, Rule: "clock", Message: "calls time.Now"},
		{File: `C:\shop\main.go`, Line: 7, Column: 2, Rule: "io", Message: "calls os.Open", Fixable: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for in, want := range map[string]string{
		`{"shop": {"clock": {"error": "no facts"}}}`: `rule clock failed in package shop: {"error": "no facts"}`,
		`{"shop": `: "reading go vet's findings: unexpected EOF",
	} {
		if _, err := read(strings.NewReader(in), []string{"shop"}); err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	var l limited
	for range 3 {
		if n, err := l.Write(make([]byte, maxOutput/2+1)); err != nil || n != maxOutput/2+1 {
			t.Fatalf("got %d, %v", n, err)
		}
	}
	if l.Len() != maxOutput || !l.over {
		t.Errorf("it holds %d bytes, over is %v; want %d, and true", l.Len(), l.over, maxOutput)
	}
}

// A go command that looks at nothing, for whatever reason, is not one that finds nothing.
func TestSilenceIsNoResult(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	found, err := Run(t.Context(), Options{Packages: []string{"./shop"}})
	loading, ok := errors.AsType[*LoadError](err)
	if !ok || !strings.Contains(loading.Output, "has looked at no package: ./shop") {
		t.Errorf("got %v and %v, want an error about ./shop", found, err)
	}
}
