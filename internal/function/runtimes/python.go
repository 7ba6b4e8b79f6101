package runtimes

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// awslambdaric is installed for functions that do not bring it. pip takes the newest of these that knows the
// interpreter.
const awslambdaric = "awslambdaric>=2,<5"

// probePython prints the interpreter's version, whether it has awslambdaric, and its real path: a program on the
// PATH may be a script that chooses one.
const probePython = `import sys, importlib.util as u
sys.path.insert(0, sys.argv[1])
print("%d.%d" % sys.version_info[:2], "ric" if u.find_spec("awslambdaric") else "-", sys.executable)`

// interpreter is a Python that works.
type interpreter struct {
	path    string
	version string // 3.13
	hasRIC  bool   // it finds awslambdaric, with the function or by itself
}

func resolvePython(ctx context.Context, code Code, opts *Options) (*Process, error) {
	if err := checkHandler(code, "app.lambda_handler"); err != nil {
		return nil, err
	}
	python, err := findPython(ctx, code)
	if err != nil {
		return nil, err
	}
	launcher, err := placeEmbedded(opts, "python.py")
	if err != nil {
		return nil, err
	}
	env := map[string]string{"PYTHONUNBUFFERED": "1"}
	if !python.hasRIC {
		packages, err := installPython(ctx, opts, python)
		if err != nil {
			return nil, err
		}
		env["PERDURE_PYTHON_RIC"] = packages
		env["LAMBDA_RUNTIME_DIR"] = packages
	}
	return &Process{
		Runtime: "python" + python.version, Handler: code.Handler,
		Command: []string{python.path, launcher, code.Handler}, Env: env,
	}, nil
}

// installPython installs the runtime client for one version of Python.
func installPython(ctx context.Context, opts *Options, python *interpreter) (string, error) {
	return ensure(ctx, opts, installation{
		name: "python" + python.version + "-" + runtime.GOARCH,
		what: "awslambdaric for Python " + python.version,
		hint: "with access to PyPI it is installed by itself; or install it with the function: pip install awslambdaric",
		command: func(dir string) *exec.Cmd {
			return exec.Command(python.path, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
				"--target", dir, awslambdaric)
		},
	})
}

// findPython returns the first interpreter that works: of the function's own virtual environment, of the active
// one, of the version asked for, any.
func findPython(ctx context.Context, code Code) (*interpreter, error) {
	var broken error
	for _, candidate := range pythonCandidates(code) {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		said, err := ask(ctx, code.Dir, nil, path, "-c", probePython, code.Dir)
		words := strings.SplitN(said, " ", 3)
		if err == nil && len(words) == 3 {
			return &interpreter{path: words[2], version: words[0], hasRIC: words[1] == "ric"}, nil
		}
		broken = errorf("%s does not work: %v", path, err).hintf("install %s, or put a Python that works first on the PATH", code.Runtime)
	}
	if broken != nil {
		return nil, broken
	}
	return nil, errorf("there is no Python on the PATH to run %s", code.Dir).hintf("install %s", code.Runtime)
}

func pythonCandidates(code Code) (paths []string) {
	for _, home := range []string{filepath.Join(code.Dir, ".venv"), filepath.Join(code.Dir, "venv"), os.Getenv("VIRTUAL_ENV")} {
		if home != "" {
			paths = append(paths, filepath.Join(home, "bin", "python"), filepath.Join(home, "Scripts", "python.exe"))
		}
	}
	return append(paths, code.Runtime, "python3", "python")
}

// checkHandler refuses a handler that names no function.
func checkHandler(code Code, example string) error {
	file, function := handlerFile(code.Handler), strings.TrimPrefix(filepath.Ext(code.Handler), ".")
	if code.Handler != "" && file != "" && function != "" && file != code.Handler {
		return nil
	}
	return errorf("%q is not a handler for %s", code.Handler, code.Runtime).hintf("a handler names a file and a function in it, such as %s", example)
}
