package main

import (
	"os"

	"github.com/mattn/go-isatty"

	"github.com/perdure/perdure/internal/cli/progress"
)

// progressOptions says what f can show. NO_COLOR and TERM=dumb are respected.
func progressOptions(f *os.File) progress.Options {
	if !isatty.IsTerminal(f.Fd()) || os.Getenv("TERM") == "dumb" {
		return progress.Options{}
	}
	return progress.Options{
		Live:  true,
		Color: os.Getenv("NO_COLOR") == "",
		Size:  func() (columns, rows int) { return terminalSize(f) },
	}
}
