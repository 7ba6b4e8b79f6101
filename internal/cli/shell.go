package cli

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/perdure/perdure/internal/text"
)

// programName is this program in commands for people to type: its name, or the go run that built it.
func programName() string {
	exe, err := os.Executable()
	if err != nil || !strings.Contains(exe, "go-build") {
		if strings.ContainsRune(os.Args[0], filepath.Separator) {
			return text.Quote(os.Args[0])
		}
		return "perdure"
	}
	if _, err := os.Stat("cmd/perdure"); err == nil {
		return "go run ./cmd/perdure"
	}
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasSuffix(info.Path, "/cmd/perdure") {
		return "go run " + info.Path
	}
	return "perdure"
}

// CommandLine is a command of this program for people to type.
func CommandLine(words ...string) string {
	line := programName()
	for _, w := range words {
		line += " " + text.Quote(w)
	}
	return line
}
