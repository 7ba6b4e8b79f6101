package main

import (
	"archive/zip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/internal/freeport"
	"github.com/perdure/perdure/protocol"
)

var update = flag.Bool("update", false, "rewrite the expectations in the scripts")

func TestMain(m *testing.M) {
	// Scripts mostly wait. Their number at one time is that of processors, if
	// nobody says another.
	if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"perdure": func() {
		release = os.Getenv(releaseVariable)
		main()
	}})
}

// releaseVariable makes the test binary, as the command, one of a release.
const releaseVariable = "PERDURE_TEST_RELEASE"

// TestScripts runs testdata/script: each is a session at a shell, with the
// test binary as the command perdure.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := buildFunctions(t)
	server := sync.OnceValue(func() *pgtest.Cluster { return pgtest.New(t) })
	cache := goEnv(t, "GOCACHE")
	modules := goEnv(t, "GOMODCACHE")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root)
			env.Setenv("FUNCTIONS", filepath.Join(root, "cmd/perdure/testdata/functions"))
			env.Setenv("BIN", bin)
			env.Setenv("GOCACHE", cache)
			env.Setenv("GOMODCACHE", modules)
			env.Setenv("TZ", "UTC")
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition != "postgres" {
				return false, fmt.Errorf("no condition is called %q", condition)
			}
			return pgtest.Missing() == "", nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport": freePort,
			"postgres": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv(args[0], server().Database(t)) // a new database
			},
			"await":       await,
			"balancer":    startBalancer,
			"collector":   startCollector,
			"families":    checkFamilies,
			"fetch":       fetch,
			"certificate": writeCertificate,
			"plain":       plain,
			"lines":       countLines,
			"settled":     settled,
			"says":        says,
			"shows":       shows,
			"pack":        pack,
		},
	})
}

// buildFunctions builds the functions of the scripts once, and two builds of
// paint that differ.
func buildFunctions(t *testing.T) string {
	bin := t.TempDir()
	goBuild(t, "-o", bin, "./testdata/functions/behave", "./testdata/functions/raw")
	goBuild(t, "-o", filepath.Join(bin, "red", "paint"), "-ldflags", "-X main.color=red", "./testdata/functions/paint")
	goBuild(t, "-o", filepath.Join(bin, "blue", "paint"), "-ldflags", "-X main.color=blue", "./testdata/functions/paint")
	return bin
}

func goBuild(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command("go", append([]string{"build", "-tags", "lambda.norpc"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("building the functions: %v\n%s", err, out)
	}
}

func goEnv(t *testing.T, name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// freePort sets an environment variable to a loopback address that is the script's until its end.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	port, err := freeport.Take()
	ts.Check(err)
	ts.Defer(port.Free)
	ts.Setenv(args[0], port.Address())
}

// pack makes a zip archive of files: pack ARCHIVE NAME=FILE…
func pack(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	z := zip.NewWriter(f)
	for _, arg := range args[1:] {
		name, path, _ := strings.Cut(arg, "=")
		data, err := os.ReadFile(ts.MkAbs(path))
		ts.Check(err)
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		w, err := z.CreateHeader(h)
		ts.Check(err)
		_, err = w.Write(data)
		ts.Check(err)
	}
	ts.Check(z.Close())
	ts.Check(f.Close())
}

// writeCertificate writes a certificate for loopback, and its key.
func writeCertificate(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// fetch gets a URL, and writes what it answers to a file.
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Logf("%s: %s", args[0], resp.Status)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o644))
}

// longEnough is how long scripts wait for what has to come. It is never reached where all is well, however slow the
// machine: a script that can fail by chance is worse than one that takes its time to fail.
const longEnough = 3 * time.Minute

// until waits until something is so.
func until(ts *testscript.TestScript, what string, isSo func() bool) {
	for end := time.Now().Add(longEnough); !isSo(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("waited too long for %s", what)
		}
	}
}

// await waits until a file exists, or until something listens at an address.
func await(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, args[0], func() bool {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return true
		}
		c, err := net.DialTimeout("tcp", args[0], longEnough)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

// shows waits until a line of a file matches a pattern.
func shows(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var data []byte
	defer func() {
		if !pattern.Match(data) {
			ts.Logf("%s:\n%s", args[0], data)
		}
	}()
	until(ts, strconv.Quote(args[1])+" in "+args[0], func() bool {
		data, err = os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && pattern.Match(data)
	})
}

// says runs a command again and again until a line of its output matches a pattern: says PATTERN COMMAND…
func says(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	until(ts, strconv.Quote(args[0]), func() bool {
		ts.Check(ts.Exec(args[1], args[2:]...))
		return pattern.MatchString(ts.ReadFile("stdout"))
	})
}

// plain fails if the output of the last command could steer a terminal.
func plain(ts *testscript.TestScript, _ bool, _ []string) {
	for _, name := range []string{"stdout", "stderr"} {
		for i, r := range ts.ReadFile(name) {
			if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 {
				ts.Fatalf("%s has the control character %q at byte %d", name, r, i)
			}
		}
	}
}

// countLines fails unless a file has the given number of lines.
func countLines(ts *testscript.TestScript, _ bool, args []string) {
	if got := strings.Count(ts.ReadFile(args[1]), "\n"); strconv.Itoa(got) != args[0] {
		ts.Fatalf("%s has %d lines, want %s", args[1], got, args[0])
	}
}

// settled waits until an execution of the engine at $URL does what is wanted,
// and no invocation is in flight.
func settled(ts *testscript.TestScript, _ bool, args []string) {
	c := &client.Client{Endpoint: ts.Getenv("URL")}
	filter := engine.Filter{Name: args[0]}
	if status := protocol.ExecutionStatus(args[1]); status.Closed() {
		filter.Statuses = append(filter.Statuses, status)
	} else {
		filter.Doing = append(filter.Doing, engine.Activity(args[1]))
	}
	until(ts, args[0]+" to be "+args[1], func() bool {
		for e, err := range c.Find(context.Background(), engine.ListRequest{Filter: filter}) {
			ts.Check(err)
			if !slices.Contains(e.Doing, engine.Running) && !slices.Contains(e.Doing, engine.Queued) {
				return true
			}
		}
		return false
	})
}
