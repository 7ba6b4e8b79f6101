package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	gobuild "go/build"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// golang builds with go build.
type golang struct{}

func (golang) name() string { return "go" }

// goTags leave out parts of aws-lambda-go that only the old runtime go1.x needs.
const goTags = "lambda.norpc"

func hasGo(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	return len(files) > 0
}

// build compiles for this machine, whatever architecture the template names, with the paths of the source in it, so
// that a panic can be clicked on.
func (golang) build(ctx context.Context, j *job) error {
	if err := checkMain(j.Source); err != nil {
		return err
	}
	tool, err := goTool(j.Source)
	if err != nil {
		return err
	}
	binary := filepath.Join(j.out, "bootstrap")
	if last := j.last("bootstrap"); last != "" { // perhaps the same file as the new one
		_ = copyFile(last, binary)
	}
	args := []string{"build", "-buildvcs=false", "-tags", goTags, "-o", binary}
	if j.opts.Debug {
		args = append(args, "-gcflags="+ownPackages(ctx, j.Source)+"=-N -l")
	}
	// Lambda runs bootstrap, whatever the template's handler says.
	j.runs = Runs{Runtime: "provided.al2023", Handler: "bootstrap"}
	return j.run(ctx, goEnvironment(), tool, append(args, ".")...)
}

// ownPackages is a pattern for the packages that a debugger of src should show in full.
func ownPackages(ctx context.Context, src *Source) string {
	packages, err := goList(ctx, src, "-e")
	if err != nil || len(packages) == 0 || packages[0].Module == nil {
		return "all"
	}
	return packages[0].Module.Path + "/..."
}

func goEnvironment() []string {
	return append(os.Environ(), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
}

func goTool(src *Source) (string, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return "", errorf("%s cannot be built: there is no go command on the PATH", src.Name).hintf("install Go from https://go.dev/dl/")
	}
	return tool, nil
}

func checkMain(src *Source) error {
	pkg, err := gobuild.Default.ImportDir(src.Dir, 0)
	if err == nil && pkg.Name != "main" {
		return errorf("%s is package %s, not a main package", src.Dir, pkg.Name).
			hintf("a function is a program: package main with func main() { durable.Start(handler) }")
	}
	return nil // the compiler will tell errors
}

// goPackage is a package in the output of go list.
type goPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	Module     *struct {
		Path    string
		Main    bool
		Dir     string
		GoMod   string
		Replace *struct{ Version string }
	}
	GoFiles, CgoFiles, EmbedFiles, EmbedPatterns                           []string
	CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles, SwigFiles, SysoFiles []string
}

// editable reports whether people change the package in place: it is neither in the standard library nor in the
// module cache.
func (p *goPackage) editable() bool {
	switch m := p.Module; {
	case p.Standard || p.Dir == "":
		return false
	case m == nil || m.Main:
		return true
	case m.Dir == "" || !isWithin(p.Dir, m.Dir):
		return true // it is vendored
	default:
		return m.Replace != nil && m.Replace.Version == ""
	}
}

func (p *goPackage) files() []string {
	return slices.Concat(p.GoFiles, p.CgoFiles, p.EmbedFiles, p.CFiles, p.CXXFiles, p.MFiles, p.HFiles, p.FFiles, p.SFiles, p.SwigFiles, p.SysoFiles)
}

// find asks go list for the files that the compiler reads. If that fails, all in the directory count, and the
// module's files.
func (golang) find(ctx context.Context, src *Source) (*Inputs, error) {
	packages, err := goList(ctx, src, "-e", "-deps")
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return findUnlisted(src)
	}
	in := &Inputs{}
	for _, p := range packages {
		if !p.editable() {
			continue
		}
		in.addDir(p.Dir)
		for _, name := range p.files() {
			path := filepath.Join(p.Dir, name)
			in.addFile(path)
			for dir := filepath.Dir(path); isWithin(dir, p.Dir); dir = filepath.Dir(dir) {
				in.addDir(dir) // embedded files lie deeper
			}
		}
		for _, pattern := range p.EmbedPatterns {
			in.addDir(embedDir(p.Dir, pattern))
		}
		if p.Module != nil && p.Module.GoMod != "" {
			in.addFile(p.Module.GoMod)
			in.addFile(filepath.Join(filepath.Dir(p.Module.GoMod), "go.sum"))
			in.addDir(filepath.Dir(p.Module.GoMod))
		}
	}
	in.addWorkspace(src.Dir)
	in.addDir(src.Dir)
	return in.sorted(), nil
}

// embedDir is the directory in which files of an embedding pattern appear, or its nearest existing parent.
func embedDir(dir, pattern string) string {
	pattern = strings.TrimPrefix(pattern, "all:")
	for _, part := range strings.Split(pattern, "/") {
		next := filepath.Join(dir, part)
		if !isDir(next) || strings.ContainsAny(part, "*?[") {
			break
		}
		dir = next
	}
	return dir
}

// addWorkspace adds the other files that choose packages: the workspace, and the list of vendored packages, which
// may not exist.
func (in *Inputs) addWorkspace(dir string) {
	for ; ; dir = filepath.Dir(dir) {
		if exists(dir, "go.mod") || exists(dir, "go.work") {
			in.addDir(dir)
			in.addDir(filepath.Dir(dir)) // where a workspace may be made
			in.addFile(filepath.Join(filepath.Dir(dir), "go.work"))
			for _, name := range []string{"go.work", "go.work.sum", "vendor/modules.txt"} {
				in.addFile(filepath.Join(dir, filepath.FromSlash(name)))
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if path := os.Getenv("GOWORK"); filepath.IsAbs(path) {
		in.addFile(path)
		in.addDir(filepath.Dir(path))
	}
}

func findUnlisted(src *Source) (*Inputs, error) {
	in, err := findTree(src)
	if err != nil {
		return nil, err
	}
	for dir := src.Dir; ; dir = filepath.Dir(dir) {
		if exists(dir, "go.mod") || dir == filepath.Dir(dir) {
			in.addDir(dir)
			in.addFile(filepath.Join(dir, "go.mod"))
			in.addFile(filepath.Join(dir, "go.sum"))
			in.addWorkspace(src.Dir)
			return in.sorted(), nil
		}
	}
}

func goList(ctx context.Context, src *Source, args ...string) ([]goPackage, error) {
	tool, err := goTool(src)
	if err != nil {
		return nil, err
	}
	const fields = "ImportPath,Dir,Standard,Module,GoFiles,CgoFiles,EmbedFiles,EmbedPatterns,CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles,SwigFiles,SysoFiles"
	args = append([]string{"list", "-tags", goTags, "-json=" + fields}, append(args, ".")...)
	cmd := command(ctx, src.Dir, goEnvironment(), tool, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, errorf("go list of %s failed: %s", src.Name, strings.Join(strings.Fields(said.String()), " "))
	}
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}
