// Command perdure-lint is package lint as a tool of go vet, and by itself:
//
//	go vet -vettool=$(which perdure-lint) ./...
//	perdure-lint [-fix] [-write-types] [-tags TAGS] [PACKAGE…]
//
// By itself it ends with status 1 if there are findings, and with 3 if the packages cannot be loaded. perdure lint is
// the same linter.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/perdure/perdure/internal/vetting"
)

func main() {
	if vetting.IsTool(os.Args[1:]) || len(os.Args) > 1 && os.Args[1] == "help" {
		vetting.Serve()
	}
	os.Exit(run())
}

func run() int {
	var opts vetting.Options
	flag.BoolVar(&opts.Fix, "fix", false, "apply the fixes that there are; what remains is shown")
	flag.BoolVar(&opts.WriteTypes, "write-types", false,
		"write the types that are recorded to perdure_types.go in each package")
	flag.StringVar(&opts.Tags, "tags", "", "build `TAGS`, separated by commas")
	flag.Parse()
	opts.Packages = flag.Args()
	found, err := vetting.Run(context.Background(), opts)
	if load, ok := errors.AsType[*vetting.LoadError](err); ok {
		fmt.Fprintln(os.Stderr, load.Output)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "perdure-lint: %v\n", err)
		return 3
	}
	dir, _ := os.Getwd() // places are absolute without it
	for _, f := range found {
		fmt.Printf("%s: %s: %s\n", f.Place(dir), f.Rule, f.Message)
	}
	return min(len(found), 1)
}
