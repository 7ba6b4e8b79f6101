package rules

import (
	"go/scanner"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// The columns that a line may have. A tab has four.
const (
	maxColumns     = 120
	maxTestColumns = 140
)

func TestLinesFit(t *testing.T) {
	for path, data := range files(t, ".go") {
		most := maxColumns
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(filepath.ToSlash(path), "test/") {
			most = maxTestColumns
		}
		literal := rawStrings(data)
		for i, line := range strings.Split(string(data), "\n") {
			if n := columns(line); n > most && !literal[i+1] && !hasLongWord(line) {
				t.Errorf("%s:%d has %d columns; break it below %d", path, i+1, n, most)
			}
		}
	}
	for path, data := range files(t, ".md") {
		code := false
		for i, line := range strings.Split(string(data), "\n") {
			fence := strings.HasPrefix(strings.TrimSpace(line), "```")
			code = code != fence
			isTable := strings.HasPrefix(line, "|")
			if n := columns(line); n > maxColumns && !code && !isTable && !hasLongWord(line) {
				t.Errorf("%s:%d has %d columns; break it below %d", path, i+1, n, maxColumns)
			}
		}
	}
}

// columns is the width of a line.
func columns(line string) int { return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t") }

// hasLongWord reports whether a line has a word that nobody could break, such as a link or an ARN.
func hasLongWord(line string) bool {
	for word := range strings.FieldsSeq(line) {
		if columns(word) > maxColumns/2 {
			return true
		}
	}
	return false
}

// rawStrings returns the lines on which a text between back quotes stands: such a text is kept as it is.
func rawStrings(src []byte) map[int]bool {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(src))
	s.Init(file, src, nil, 0)
	lines := map[int]bool{}
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return lines
		}
		if tok == token.STRING && lit[0] == '`' {
			for i := range 1 + strings.Count(lit, "\n") {
				lines[file.Line(pos)+i] = true
			}
		}
	}
}
