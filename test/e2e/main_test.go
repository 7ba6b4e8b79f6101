package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/perdure/perdure/test/survival/survivaltest"
)

var (
	axeFile  = flag.String("axe", os.Getenv("PERDURE_AXE"), "axe.min.js of axe-core; without it nobody looks for violations")
	rows     = flag.Int("rows", 20_000, "executions that stand for a million")
	pictures = flag.String("screens", "", "directory for pictures of every page; none without it")
)

// root is that of the repository.
const root = "../.."

// chromium is the browser: one process, with a profile for each tab.
var chromium context.Context

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	path, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e needs Chromium: apt-get install chromium")
		return 1
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.WindowSize(width, height), chromedp.Flag("lang", "en-US"), chromedp.Env("TZ=UTC"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, end := chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "starting Chromium:", err)
		return 1
	}
	chromium = ctx
	return m.Run()
}

var binaries struct {
	once          sync.Once
	perdure, shop string
}

// build returns the command and the function, built once.
func build(t *testing.T) (perdure, shop string) {
	t.Helper()
	binaries.once.Do(func() {
		dir, err := filepath.Abs(filepath.Join(root, "bin", "e2e"))
		if err != nil {
			t.Fatal(err)
		}
		binaries.perdure, binaries.shop = filepath.Join(dir, "perdure"), filepath.Join(dir, "shop")
		survivaltest.Build(t, root, binaries.perdure, "cmd/perdure")
		survivaltest.Build(t, ".", binaries.shop, "shop")
	})
	return binaries.perdure, binaries.shop
}
