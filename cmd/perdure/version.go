package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

var versionCommand = &command{
	name:    "version",
	summary: "print the version",
	verb:    func() verb { return &versionVerb{} },
}

type versionVerb struct{ json bool }

func (v *versionVerb) define(fs *flag.FlagSet) {
	fs.BoolVar(&v.json, "json", false, "print a JSON object")
}

func (v *versionVerb) run(_ context.Context, std *stdio, args []string) error {
	if err := exactly(args, "version"); err != nil {
		return err
	}
	if v.json {
		return json.NewEncoder(std.out).Encode(map[string]string{
			"version": version(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		})
	}
	fmt.Fprintf(std.out, "perdure %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// release is the version of a build of which the Go toolchain records none: -ldflags "-X main.release=v1.2.3".
var release string

// version is release, or what the Go toolchain recorded: a tag, or a revision.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
