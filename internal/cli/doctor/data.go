package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Below these, a check complains.
const (
	littleSpace = 5 << 30
	tooLittle   = 1 << 30
	slowFlush   = 20 * time.Millisecond
)

// CheckData looks at a data directory: whether it can be written, who uses it, how much space is free, and how long the
// disk takes to make a write safe.
func CheckData(dir string) []Finding {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checkMissing(dir)
	case err != nil:
		text := fmt.Sprintf("%s cannot be looked at: %v", dir, err)
		return []Finding{{"data", Problem, text, "choose another directory with --data"}}
	case !info.IsDir():
		return []Finding{{"data", Problem, fmt.Sprintf("%s is no directory", dir), "choose another one with --data"}}
	}
	found := []Finding{checkDirectory(dir, info)}
	return append(found, checkDisk(dir)...)
}

// checkMissing looks at the directory in which the first engine would make dir.
func checkMissing(dir string) []Finding {
	parent, err := filepath.Abs(dir)
	if err != nil {
		return []Finding{{"data", Problem, fmt.Sprintf("%s: %v", dir, err), "choose another directory with --data"}}
	}
	for {
		parent = filepath.Dir(parent)
		if _, err := os.Stat(parent); err == nil {
			break
		}
	}
	return append([]Finding{{"data", OK, dir + " will be made by the first engine", ""}}, checkDisk(parent)...)
}

// checkDirectory says what the directory holds, who uses it, and who may read it.
func checkDirectory(dir string, info fs.FileInfo) Finding {
	f := Finding{Check: "data", Status: OK, Text: dir}
	if database, err := os.Stat(filepath.Join(dir, "perdure.db")); err == nil {
		f.Text += fmt.Sprintf(" holds %s of data", size(database.Size()))
	} else {
		f.Text += " holds no data yet"
	}
	if owner, err := os.ReadFile(filepath.Join(dir, "perdure.lock")); err == nil && len(owner) > 0 {
		f.Text += "; in use by " + strings.TrimSpace(string(owner))
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && modesCount {
		f.Status = Note
		f.Text += fmt.Sprintf("; others on this machine may look into it (%v)", mode)
		f.Hint = "chmod 700 " + dir + ": it holds payloads and keys"
	}
	return f
}

// checkDisk looks at the disk that dir is on.
func checkDisk(dir string) []Finding {
	var found []Finding
	if free, ok := freeSpace(dir); ok {
		f := Finding{Check: "disk", Status: OK, Text: size(free) + " are free"}
		switch {
		case free < tooLittle:
			f.Status, f.Hint = Problem, "free some space: an engine on a full disk accepts nothing"
		case free < littleSpace:
			f.Status, f.Hint = Note, "keep an eye on it: an engine on a full disk accepts nothing"
		}
		found = append(found, f)
	}
	return append(found, checkFlush(dir))
}

// checkFlush measures how long the disk takes to make a small write safe.
func checkFlush(dir string) Finding {
	took, err := flushes(dir, 20)
	if err != nil {
		text := fmt.Sprintf("%s cannot be written: %v", dir, err)
		return Finding{"flush", Problem, text, "choose another directory with --data, or change its owner"}
	}
	slices.Sort(took)
	median, worst := took[len(took)/2], took[len(took)-1]
	f := Finding{Check: "flush", Status: OK, Text: fmt.Sprintf("making a small write safe takes %v, at most %v",
		median.Round(time.Microsecond), worst.Round(time.Microsecond))}
	if median > slowFlush {
		f.Status = Note
		f.Text += fmt.Sprintf("; a single execution makes at most %d checkpoints a second", int(time.Second/median))
		f.Hint = "use a faster disk, or --durability process if losing the last moments with the power is acceptable"
	}
	return f
}

// flushes writes and flushes a page n times.
func flushes(dir string, n int) ([]time.Duration, error) {
	f, err := os.CreateTemp(dir, "doctor-*.tmp")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var took []time.Duration
	page := make([]byte, 4096)
	for range n {
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// size words a number of bytes.
func size(n int64) string {
	units := []string{"bytes", "KB", "MB", "GB", "TB"}
	value := float64(n)
	for i, unit := range units {
		if value < 1000 || i == len(units)-1 {
			if i == 0 {
				return fmt.Sprintf("%d %s", n, unit)
			}
			return fmt.Sprintf("%.1f %s", value, unit)
		}
		value /= 1000
	}
	return ""
}
