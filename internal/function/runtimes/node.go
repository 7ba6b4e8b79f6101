package runtimes

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// resolveNode runs a function with aws-lambda-ric if the function brings it. We never install it: its native part
// takes autotools, CMake, a C++ compiler and three minutes to build, where a client of our own is one file.
func resolveNode(ctx context.Context, code Code, opts *Options) (*Process, error) {
	if err := checkHandler(code, "index.handler"); err != nil {
		return nil, err
	}
	found, err := exec.LookPath("node")
	if err != nil {
		return nil, errorf("there is no Node.js on the PATH to run %s", code.Dir).hintf("install it from https://nodejs.org")
	}
	// A program on the PATH may be a script that chooses one.
	said, err := ask(ctx, code.Dir, nil, found, "--print", `process.version + " " + process.execPath`)
	version, node, _ := strings.Cut(said, " ")
	if err != nil || node == "" {
		return nil, errorf("%s does not work: %v", found, err).hintf("install Node.js, or put one that works first on the PATH")
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	p := &Process{
		Runtime: "nodejs" + major + ".x", Handler: code.Handler,
		Env: map[string]string{"NODE_PATH": nodePath(code.Dir)},
	}
	client := findNodeRIC(code.Dir)
	p.OwnPort = client != ""
	if client == "" {
		if client, err = placeEmbedded(opts, "node.mjs"); err != nil {
			return nil, err
		}
	}
	p.Command = []string{node, client, code.Handler}
	return p, nil
}

// nodeRICs are the places of program and native part in versions of aws-lambda-ric: 4, and those before it.
var nodeRICs = []struct{ program, native string }{
	{"index.mjs", "rapid-client.node"},
	{"bin/index.mjs", "dist/rapid-client.node"},
}

// findNodeRIC returns the program of aws-lambda-ric in the node_modules of dir or of a directory above it, where
// Node.js looks for modules, if its native part was built.
func findNodeRIC(dir string) string {
	for {
		ric := filepath.Join(dir, "node_modules", "aws-lambda-ric")
		for _, v := range nodeRICs {
			if program := filepath.Join(ric, v.program); isFile(program) && isFile(filepath.Join(ric, v.native)) {
				return program
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// nodePath is where Node.js looks for modules beside the function's own.
func nodePath(dir string) string {
	paths := []string{filepath.Join(dir, "node_modules"), dir}
	if own := os.Getenv("NODE_PATH"); own != "" {
		paths = append(paths, own)
	}
	return strings.Join(paths, string(filepath.ListSeparator))
}
