// Command perdure-lint is package lint as a tool of go vet.
package main

import (
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/perdure/perdure/lint"
)

func main() { unitchecker.Main(lint.Analyzers()...) }
