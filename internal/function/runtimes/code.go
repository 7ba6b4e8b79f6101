package runtimes

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// Code is a function's code as a SAM template names it.
type Code struct {
	// Runtime is an identifier such as nodejs22.x, python3.13, java21 or
	// provided.al2023. Empty finds out by looking at Dir; see [Detect].
	Runtime string
	// Handler is what the runtime makes of it: module.function, or for Java package.Class::method. For provided.*
	// it is only passed on. Empty finds out, too.
	Handler string
	// Dir holds the code as it would lie in /var/task: built, with what it needs installed.
	Dir string
}

// Options say how to resolve. The zero value works.
type Options struct {
	// Cache is a directory for what is installed; it is made when needed. The
	// default is perdure in the user's cache directory.
	Cache string
	// Offline forbids installing anything: what is missing is an error.
	Offline bool
	// Tell receives a line when something that takes a while begins; may be nil.
	Tell func(line string)
}

func (o *Options) tell(format string, args ...any) {
	if o.Tell != nil {
		o.Tell(fmt.Sprintf(format, args...))
	}
}

// cache returns the directory name below the cache.
func (o *Options) cache(name string) (string, error) {
	base := o.Cache
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("there is no cache directory for language runtimes: %w", err)
		}
		base = filepath.Join(user, "perdure")
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return "", err
	}
	return filepath.Join(base, "runtimes", name), nil
}

// Process is how to run a function.
type Process struct {
	Runtime string   // the identifier, also if it was detected
	Handler string   // the value of _HANDLER
	Command []string // the program, by its absolute path, and its arguments
	Dir     string   // the working directory and LAMBDA_TASK_ROOT, absolute
	// Env is what the runtime adds to the environment. The function's own variables take precedence.
	Env map[string]string
	// OwnPort says that the program's client of the Runtime API may know nothing of a path; see sandbox.Config.
	OwnPort bool
	// Note says what is not as on Lambda, such as the version of an
	// interpreter; it is empty if there is nothing to say.
	Note string
}

// Error says why a function cannot be run and what to do about it.
type Error struct {
	Message string
	Hint    string // may be empty
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + ": " + e.Hint
}

func errorf(format string, args ...any) *Error { return &Error{Message: fmt.Sprintf(format, args...)} }

func (e *Error) hintf(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Resolve finds out how to run code on this machine, and installs what is missing if it may. It may be called
// concurrently, also by several processes. What the user can mend is an [*Error].
func Resolve(ctx context.Context, code Code, opts *Options) (*Process, error) {
	if opts == nil {
		opts = &Options{}
	}
	dir, err := codeDir(code.Dir)
	if err != nil {
		return nil, err
	}
	code.Dir = dir
	asked := code.Runtime
	if code, err = Detect(code); err != nil {
		return nil, err
	}
	resolve, err := resolver(code.Runtime)
	if err != nil {
		return nil, err
	}
	p, err := resolve(ctx, code, opts)
	if err != nil {
		return nil, err
	}
	p.Dir = dir
	switch {
	case asked == "" && p.Runtime != "": // the interpreter's version will do
	case p.Runtime != "" && p.Runtime != code.Runtime:
		p.Note = fmt.Sprintf("%s is asked for; %s, which is %s, runs it", code.Runtime, p.Command[0], p.Runtime)
		p.Runtime = code.Runtime
	default:
		p.Runtime = code.Runtime
	}
	p.addShared()
	return p, nil
}

func codeDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	switch {
	case err != nil:
		return "", errorf("the function's directory %s cannot be read", dir).hintf("%v", err)
	case !info.IsDir():
		return "", errorf("%s is not a directory", dir).hintf("name the directory that holds the function's code")
	}
	return abs, nil
}

// resolver returns what resolves functions of a runtime; the Runtime in its
// answer is the interpreter's, or empty if that is all the same.
func resolver(runtime string) (func(context.Context, Code, *Options) (*Process, error), error) {
	switch {
	case strings.HasPrefix(runtime, "provided"), runtime == "go1.x":
		return resolveProvided, nil
	case strings.HasPrefix(runtime, "nodejs"):
		return resolveNode, nil
	case strings.HasPrefix(runtime, "python"):
		return resolvePython, nil
	case strings.HasPrefix(runtime, "java"):
		return resolveJava, nil
	}
	return nil, errorf("the runtime %q cannot be run here", runtime).
		hintf("these can: provided.al2023 and the like, nodejs, python and java, each with a version as on Lambda; " +
			"any other language as provided, with an executable called bootstrap")
}

// addShared sets what Lambda sets for every runtime that it brings.
func (p *Process) addShared() {
	if p.Env == nil {
		p.Env = map[string]string{}
	}
	if !strings.HasPrefix(p.Runtime, "provided") {
		p.Env["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + p.Runtime
	}
	if lib := filepath.Join(p.Dir, "lib"); isDir(lib) {
		p.Env["LD_LIBRARY_PATH"] = p.Dir + string(filepath.ListSeparator) + lib
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// resolveProvided runs the executable that the directory holds: bootstrap, or
// what go1.x called by the handler's name.
func resolveProvided(_ context.Context, code Code, _ *Options) (*Process, error) {
	name := "bootstrap"
	if code.Runtime == "go1.x" && code.Handler != "" && filepath.IsLocal(code.Handler) {
		name = code.Handler
	}
	path := filepath.Join(code.Dir, name)
	if !isFile(path) {
		return nil, errorf("%s has no file %s", code.Dir, name).
			hintf("a function for %s is an executable of that name: build it first", code.Runtime)
	}
	handler := code.Handler
	if handler == "" {
		handler = name
	}
	return Executable(path, handler), nil
}

// Executable returns how to run the executable at path, with arguments, in its own directory.
func Executable(path, handler string, args ...string) *Process {
	return &Process{
		Handler: handler, Command: append([]string{path}, args...), Dir: filepath.Dir(path), OwnPort: !isGo(path),
	}
}

// LinksDurable reports whether the program that is run is one in Go with our module in it. Its client of the Runtime
// API can run several invocations at one time.
func (p *Process) LinksDurable() bool {
	const module = "github.com/perdure/perdure"
	info, err := buildinfo.ReadFile(p.Command[0])
	return err == nil && (info.Main.Path == module || slices.ContainsFunc(info.Deps, func(m *debug.Module) bool {
		return m.Path == module
	}))
}

// isGo reports whether path is a program in Go, whose client of the Runtime API
// only puts URLs together. That of Rust, for one, refuses a path.
func isGo(path string) bool {
	_, err := buildinfo.ReadFile(path)
	return err == nil
}
