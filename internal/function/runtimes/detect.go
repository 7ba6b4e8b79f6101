package runtimes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Names of functions that serve as the handler if none is named, from SAM's templates and Lambda's console.
const (
	nodeHandlerName = "handler"
)

// pythonHandlerNames in order of preference.
var pythonHandlerNames = []string{"lambda_handler", "handler"}

// modules are the files that serve as the function's if no handler is named, in order of preference.
var modules = []string{"index", "app", "main", "handler", "lambda_function", "function"}

// Detect completes a code's empty Runtime and Handler by the content of code.Dir. A handler is index.handler for
// JavaScript, or the "main" of package.json; for Python, lambda_handler or handler in app.py, main.py,
// lambda_function.py …
//
// It does not take a directory of Go files, which must be built first.
func Detect(code Code) (Code, error) {
	if code.Runtime != "" {
		return guessHandler(code), nil
	}
	switch {
	case isFile(filepath.Join(code.Dir, "bootstrap")):
		code.Runtime = "provided.al2023"
		return code, nil
	case hasJava(code.Dir):
		code.Runtime = "java21"
		return code, nil
	}
	node, isNode := detectNode(code.Dir, code.Handler)
	python, isPython := detectPython(code.Dir, code.Handler)
	switch {
	case isNode && isPython:
		return code, errorf("%s has both JavaScript and Python", code.Dir).
			hintf("say which it is, with a runtime such as nodejs22.x or python3.13")
	case isNode:
		code.Runtime, code.Handler = "nodejs22.x", node
		return code, nil
	case isPython:
		code.Runtime, code.Handler = "python3.13", python
		return code, nil
	}
	if code.Handler != "" {
		return code, errorf("%s has no file for the handler %s", code.Dir, code.Handler).
			hintf("a handler is called FILE.FUNCTION, without the file's extension")
	}
	return code, errorf("%s holds no function that is known here", code.Dir).
		hintf("it may hold Go's package main, an executable called bootstrap, index.js, app.py or the like; or name the handler as FILE.FUNCTION")
}

// guessHandler completes code whose runtime is known. If it finds no handler, the runtime refuses the code.
func guessHandler(code Code) Code {
	switch {
	case code.Handler != "":
	case strings.HasPrefix(code.Runtime, "nodejs"):
		code.Handler, _ = detectNode(code.Dir, "")
	case strings.HasPrefix(code.Runtime, "python"):
		code.Handler, _ = detectPython(code.Dir, "")
	}
	return code
}

// extensions of files of JavaScript, in the order in which they are looked for.
var nodeExtensions = []string{".js", ".mjs", ".cjs", ".ts", ".mts"}

func detectNode(dir, handler string) (string, bool) {
	if handler != "" {
		return handler, hasModule(dir, handlerFile(handler), nodeExtensions)
	}
	if main := packageMain(dir); main != "" {
		return strings.TrimSuffix(main, filepath.Ext(main)) + "." + nodeHandlerName, true
	}
	for _, name := range modules {
		if hasModule(dir, name, nodeExtensions) {
			return name + "." + nodeHandlerName, true
		}
	}
	return "", false
}

// packageMain returns the main file of package.json, if it is there.
func packageMain(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return ""
	}
	var p struct{ Main string }
	if json.Unmarshal(data, &p) != nil || !filepath.IsLocal(filepath.FromSlash(p.Main)) {
		return ""
	}
	main := strings.TrimPrefix(p.Main, "./")
	if !slices.Contains(nodeExtensions, filepath.Ext(main)) || !isFile(filepath.Join(dir, main)) {
		return ""
	}
	return main
}

func detectPython(dir, handler string) (string, bool) {
	if handler != "" {
		return handler, hasModule(dir, strings.ReplaceAll(handlerFile(handler), ".", "/"), []string{".py"})
	}
	for _, name := range modules {
		source, err := os.ReadFile(filepath.Join(dir, name+".py"))
		if err != nil {
			continue
		}
		for _, function := range pythonHandlerNames {
			if definesPython(string(source), function) {
				return name + "." + function, true
			}
		}
	}
	return "", false
}

// definesPython reports whether a module defines a function, or something else, with this name.
func definesPython(source, name string) bool {
	for line := range strings.Lines(source) {
		line = strings.TrimPrefix(line, "async ")
		if strings.HasPrefix(line, "def "+name+"(") || strings.HasPrefix(line, name+" =") {
			return true
		}
	}
	return false
}

// handlerFile is the part of a handler that names the file.
func handlerFile(handler string) string {
	dot := strings.LastIndexByte(handler, '.')
	if dot < 0 {
		return handler
	}
	return handler[:dot]
}

func hasModule(dir, name string, extensions []string) bool {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return false
	}
	return slices.ContainsFunc(extensions, func(extension string) bool {
		return isFile(filepath.Join(dir, name+extension))
	})
}
