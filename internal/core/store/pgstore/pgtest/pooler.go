package pgtest

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/perdure/perdure/internal/freeport"
)

// Pooler starts pgbouncer before the server, in transaction mode, and returns the address of a database through it. The
// test is skipped where pgbouncer is not installed.
func (c *Cluster) Pooler(t testing.TB, database string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !isThere(program) {
			t.Skip("pgbouncer is not installed: apt-get install pgbouncer")
		}
	}
	port, err := freeport.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.Free)
	dir, err := os.MkdirTemp(c.dir, "pooler")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n%s = host=127.0.0.1 port=%d user=postgres\n", database, c.port.Number) +
		fmt.Sprintf("[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n", port.Number) +
		"auth_type = any\npool_mode = transaction\nmax_client_conn = 100\ndefault_pool_size = 5\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.as.own(dir); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, config)
	cmd.Dir, cmd.SysProcAttr = dir, c.as.attributes()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	_, err = startBound(cmd)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	log := readLog(r, "process up")
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-log.ended
	})
	select {
	case <-log.ready:
	case <-log.ended:
		t.Fatalf("pgbouncer ended: %s", log)
	}
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: port.Address(), Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
