package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// describe says what was measured, on what, and how.
func describe(ctx context.Context, b *bench, rounds int, began time.Time) []string {
	says := func(path string, args ...string) string {
		text, err := exec.CommandContext(ctx, path, args...).Output()
		if err != nil {
			return "not installed"
		}
		return strings.TrimSpace(string(text))
	}
	version := func(module string) string { return says("go", "list", "-m", "-f", "{{.Version}}", module) }
	restate, postgres := "not installed", "not installed"
	if b.lab.restate != "" {
		restate = says(b.lab.restate, "--version")
	}
	if b.lab.postgres != "" {
		postgres = says(filepath.Join(b.lab.postgres, "postgres"), "--version")
	}
	return []string{
		fmt.Sprintf("**When**: %s, in %v, %d rounds, %v for each figure after %v of warming up.",
			began.UTC().Format(time.DateOnly), time.Since(began).Round(time.Minute), rounds, b.time, b.warm),
		fmt.Sprintf("**Where**: %s, %d processors, %.0f GB, %s, data on %s.",
			processor(), runtime.NumCPU(), gigabytes(), kernel(), fileSystem(b.lab.dir)),
		fmt.Sprintf("**What**: Perdure %s; %s with its Go SDK %s; DBOS Transact %s;\n  %s; modernc.org/sqlite %s; %s.",
			says("git", "describe", "--always", "--dirty", "--tags"), restate,
			version("github.com/restatedev/sdk-go"), version("github.com/dbos-inc/dbos-transact-golang"), postgres,
			version("modernc.org/sqlite"), runtime.Version()),
		"**Again**: " + b.of.again,
	}
}

var modelName = regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`)

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	if m := modelName.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return runtime.GOARCH
}

func gigabytes() float64 {
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) != nil {
		return 0
	}
	return float64(info.Totalram) * float64(info.Unit) / 1e9
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return "Linux " + strings.TrimSpace(string(text))
}

// fileSystem names that of a directory. One in memory makes commits cost nothing.
func fileSystem(dir string) string {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return "an unknown file system"
	}
	names := map[int64]string{0xef53: "ext4", 0x58465342: "XFS", 0x9123683e: "Btrfs", 0x2fc12fc1: "ZFS",
		0x794c7630: "overlayfs", 0x01021994: "a file system in memory (**commits cost nothing there: use -dir**)"}
	if name := names[int64(fs.Type)]; name != "" {
		return name
	}
	return fmt.Sprintf("a file system of type %#x", fs.Type)
}
