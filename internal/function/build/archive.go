package build

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// archive unpacks what was built elsewhere.
type archive struct{}

func (archive) name() string { return "archive" }

func (archive) find(_ context.Context, src *Source) (*Inputs, error) {
	in := &Inputs{}
	if err := in.addPath(src, src.Dir); err != nil {
		return nil, err
	}
	return in.sorted(), nil
}

// The bounds of an archive that is unpacked.
const (
	maxUnpacked  = 250 << 20 // bytes, which is what Lambda takes
	maxDirectory = 16 << 20  // bytes of the list of what is in it
)

// IsArchive reports whether a file is a zip archive, such as a jar.
func IsArchive(file string) bool {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	front := make([]byte, 4)
	_, err = io.ReadFull(f, front)
	return err == nil && (string(front) == "PK\x03\x04" || string(front) == "PK\x05\x06")
}

func (archive) build(ctx context.Context, j *job) error {
	if err := unzip(ctx, j.Dir, j.out, maxUnpacked); err != nil {
		return errorf("%s cannot be run: its archive %s %v", j.Name, j.Dir, err)
	}
	return nil
}

// unzip unpacks an archive into the directory to, which is empty and ours.
func unzip(ctx context.Context, file, to string, most int64) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := checkDirectory(f, info.Size()); err != nil {
		return err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return fmt.Errorf("cannot be read: %w", err)
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	u := &unpacking{root: root, left: most}
	for _, member := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := u.one(member); err != nil {
			return fmt.Errorf("cannot be unpacked: %.200q: %w", member.Name, err)
		}
	}
	return nil
}

// checkDirectory refuses an archive whose list of members is too long to be read: that lies at its end.
func checkDirectory(f io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 65_557)) // with the longest comment
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || len(tail)-at < 22 {
		return errors.New("is cut off: it has no list of what is in it")
	}
	begin := int64(binary.LittleEndian.Uint32(tail[at+16:]))
	if begin > size || size-begin > maxDirectory {
		return errors.New("has too many files")
	}
	return nil
}

// unpacking is an archive being unpacked.
type unpacking struct {
	root *os.Root // from which nothing leads out
	left int64    // bytes
}

func (u *unpacking) one(member *zip.File) error {
	name := strings.ReplaceAll(member.Name, `\`, "/") // as some tools of Windows write it
	isDir := strings.HasSuffix(name, "/") || member.Mode().IsDir()
	name = path.Clean(strings.TrimSuffix(name, "/"))
	if name == "." {
		return nil
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return errors.New("it would lie outside of the function's directory")
	}
	if isDir {
		return u.root.MkdirAll(name, 0o755)
	}
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	r, err := member.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	switch mode := member.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return u.link(name, r)
	case !mode.IsRegular():
		return errors.New("it is neither a file, a directory nor a link")
	}
	return u.file(name, modeOf(member), r)
}

// modeOf is a member's; one that no Unix has packed may be run.
func modeOf(member *zip.File) fs.FileMode {
	if member.ExternalAttrs>>16 == 0 {
		return 0o755
	}
	return member.Mode().Perm() | 0o600
}

func (u *unpacking) file(name string, mode fs.FileMode, r io.Reader) error {
	out, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer out.Close()
	n, err := io.Copy(out, io.LimitReader(r, u.left+1))
	if u.left -= n; u.left < 0 {
		return fmt.Errorf("all of it has more than %d MB", maxUnpacked>>20)
	}
	if err != nil {
		return err
	}
	return out.Close()
}

func (u *unpacking) link(name string, r io.Reader) error {
	const most = 4096
	target, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return err
	}
	if to := string(target); path.IsAbs(to) || !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), to))) {
		return errors.New("the link leads outside of the function's directory")
	}
	return u.root.Symlink(string(target), name)
}

// asIs builds nothing.
type asIs struct{}

func (asIs) name() string { return "none" }

func (asIs) build(context.Context, *job) error { return nil }

func (asIs) find(_ context.Context, src *Source) (*Inputs, error) { return findTree(src) }

// inline writes the code that is in a template into the file that Lambda makes of it.
type inline struct{}

func (inline) name() string { return "inline" }

func (inline) find(context.Context, *Source) (*Inputs, error) { return &Inputs{}, nil }

func (inline) build(_ context.Context, j *job) error {
	name := "index.js"
	if strings.HasPrefix(j.Runtime, "python") {
		name = "index.py"
	}
	f, err := os.OpenFile(filepath.Join(j.out, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(j.Inline); err != nil {
		return err
	}
	return f.Close()
}
