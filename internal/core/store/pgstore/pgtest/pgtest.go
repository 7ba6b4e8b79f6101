// Package pgtest starts real servers of PostgreSQL for tests: one that all tests of a process share ([Database]), and
// servers of one's own ([New]) that can be killed, restarted, replicated and promoted.
//
// A server lives in a temporary directory, under an unprivileged user, on a port of the loopback of its own. It keeps
// what it acknowledged when it is killed, but not over a loss of power: see [New].
//
// Without PostgreSQL a test is skipped, and says what to install. Where [Variable] is "required", it fails.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable is the environment variable that says where PostgreSQL's programs are, or that they are required.
const Variable = "PERDURE_POSTGRES"

const required = "required"

// shared is the server for all tests of the process.
var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// Main runs the tests of a package that uses [Database], and stops the server behind it. TestMain calls it.
func Main(m *testing.M) {
	code := m.Run()
	if c := shared.cluster; c != nil {
		c.remove()
	}
	os.Exit(code)
}

// Shared returns the server that all tests of the process use. Nobody may stop it. Its package needs [Main].
func Shared(t testing.TB) *Cluster {
	t.Helper()
	bin := programs(t)
	shared.once.Do(func() { shared.cluster, shared.err = start(bin, "fsync=off", "full_page_writes=off") })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

// Database returns the address of a new and empty database of the shared server.
func Database(t testing.TB) string {
	t.Helper()
	return Shared(t).Database(t)
}

// New starts a server for one test, which ends with it. Settings are such as "max_connections=20". Unless they say
// otherwise, it is fsync=off, so a loss of power would destroy the data; nothing that a test can do is one.
func New(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := start(programs(t), append([]string{"fsync=off"}, settings...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.remove)
	return c
}

var databases atomic.Int64

// Database makes a new database, and returns its address.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	c.Exec(t, "postgres", "CREATE DATABASE "+name)
	return c.URL(name)
}

// Schema returns the address of a new schema, in a database of the shared server that is full of others. It is there
// sooner than a database.
func Schema(t testing.TB) string {
	t.Helper()
	return Shared(t).URL("postgres") + fmt.Sprintf("&schema=test%d", databases.Add(1))
}

// URL is the address of a database as user postgres, who may do everything.
func (c *Cluster) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: c.Address(), Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

// Exec runs statements in a database as user postgres.
func (c *Cluster) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	conn := c.connect(t, database)
	defer conn.Close(context.Background())
	for _, statement := range statements {
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Value returns the only value of a query, as text.
func (c *Cluster) Value(t testing.TB, database, query string) (value string) {
	t.Helper()
	conn := c.connect(t, database)
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), query, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		value = string(rows.RawValues()[0])
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func (c *Cluster) connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// patience is how long a server may take for whatever it is asked.
const patience = time.Minute

// programs returns the directory of PostgreSQL's programs, the newest version's where there are several.
func programs(t testing.TB) string {
	t.Helper()
	bin, missing := find()
	switch {
	case missing == "":
	case os.Getenv(Variable) == required && !testing.Short():
		t.Fatal(missing)
	default:
		t.Skip(missing)
	}
	return bin
}

// Missing says why no server can be started; empty if one can.
func Missing() string {
	_, missing := find()
	return missing
}

func find() (bin, missing string) {
	wanted := os.Getenv(Variable)
	if testing.Short() {
		return "", "a server takes long to start"
	}
	if wanted != "" && wanted != required {
		return wanted, ""
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian's
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), ""
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), ""
	}
	return "", "PostgreSQL is not installed: apt-get install postgresql, or set " + Variable +
		" to the directory of its programs"
}

// version is the version in the path of a program as Debian places it.
func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, string(filepath.Separator))[4])
	return n
}
