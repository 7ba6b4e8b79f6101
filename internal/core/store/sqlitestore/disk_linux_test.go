package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
)

// TestSmallDisk fills a file system of 2 MB that only a child process sees.
func TestSmallDisk(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SQLSTORE_CHILD=disk", "SQLSTORE_CHILD_DIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch text := strings.TrimSpace(string(out)); {
	case text == "cannot mount" || err != nil && text == "":
		t.Skip("this system lets us mount nothing: ", err)
	case err != nil || text != "ok":
		t.Errorf("%v: %s", err, text)
	}
}

func init() { children["disk"] = fillDisk }

func fillDisk(dir string) {
	if syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m") != nil {
		fmt.Println("cannot mount")
		return
	}
	if err := fill(context.Background(), dir); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ok")
}

// fill writes until the disk is full, three times, and each time gives some of
// the disk back.
func fill(ctx context.Context, dir string) error {
	reserve := filepath.Join(dir, "reserve")
	if err := os.WriteFile(reserve, make([]byte, 600_000), 0o600); err != nil {
		return err
	}
	s, err := sqlitestore.Open(ctx, filepath.Join(dir, "data"), nil)
	if err != nil {
		return err
	}
	last := int64(0)
	for _, left := range []int64{400_000, 200_000, 0} {
		before := last
		for err = nil; err == nil; last++ {
			err = s.Commit(ctx, entry("x", last+1))
		}
		last-- // the one that failed
		if !errors.Is(err, store.ErrFull) || last == before {
			return fmt.Errorf("entry %d, behind %d: got %w, want %w later", last+1, before, err, store.ErrFull)
		}
		if got := length(ctx, s, "x"); got != last {
			return fmt.Errorf("the journal ends at %d, want %d", got, last)
		}
		if err := os.Truncate(reserve, left); err != nil {
			return err
		}
	}
	return s.Close()
}
