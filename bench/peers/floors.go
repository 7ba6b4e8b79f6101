package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite"

	"github.com/perdure/perdure/bench/peers/load"
	"github.com/perdure/perdure/internal/freeport"
)

// floor is what something costs that no system can do without.
type floor struct {
	Name    string
	Clients int
	// measure does it with some clients for a time.
	measure func(ctx context.Context, l *lab, clients int, d time.Duration) load.Outcome
}

// floors are measured in every round, each alone on the machine.
var floors = []floor{
	{"write and flush 4 KiB over old data (fdatasync)", 1, flushes(false)},
	{"write and flush 4 KiB at the end of a file (fdatasync)", 1, flushes(true)},
	{"SQLite commits, synchronous=FULL, one row each", 1, sqliteCommits},
	{"SQLite commits, synchronous=FULL, one row each, in one transaction those that wait", 64, sqliteCommits},
	{"PostgreSQL commits, one row each", 1, postgresCommits},
	{"PostgreSQL commits, one row each", 64, postgresCommits},
	{"HTTP round trips over the loopback interface, net/http on both sides, two processes", 1, roundTrips},
	{"HTTP round trips over the loopback interface, net/http on both sides, two processes", 64, roundTrips},
}

// run loads a floor.
func runFloor(ctx context.Context, clients int, d time.Duration, do func(ctx context.Context) error) load.Outcome {
	call := func(ctx context.Context, _ load.Burst) error { return do(ctx) }
	load.Run(ctx, load.Burst{Clients: clients, Time: d / 4, AtMost: mostExecutions}, call)
	return load.Run(ctx, load.Burst{Clients: clients, Time: d, AtMost: mostExecutions}, call)
}

// failed is an outcome without figures.
func failed(err error) load.Outcome { return load.Outcome{Error: err.Error()} }

func flushes(grow bool) func(context.Context, *lab, int, time.Duration) load.Outcome {
	return func(ctx context.Context, l *lab, clients int, d time.Duration) load.Outcome {
		f, err := os.Create(l.file("flushed"))
		if err != nil {
			return failed(err)
		}
		defer f.Close()
		page := make([]byte, 4096)
		size := int64(256 * len(page))
		if _, err := f.Write(make([]byte, size)); err != nil {
			return failed(err)
		}
		if err := f.Sync(); err != nil {
			return failed(err)
		}
		at := int64(0)
		return runFloor(ctx, clients, d, func(context.Context) error {
			where := at % size
			if grow {
				where = size + at
			}
			at += int64(len(page))
			if _, err := f.WriteAt(page, where); err != nil {
				return err
			}
			return syscall.Fdatasync(int(f.Fd()))
		})
	}
}

// sqliteCommits inserts rows. One writer commits all that wait together.
func sqliteCommits(ctx context.Context, l *lab, clients int, d time.Duration) load.Outcome {
	db, err := sql.Open("sqlite", "file:"+l.file("floor.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return failed(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY, value BLOB)"); err != nil {
		return failed(err)
	}
	insert, err := db.Prepare("INSERT INTO t (value) VALUES (?)")
	if err != nil {
		return failed(err)
	}
	row := make([]byte, 100)
	waiting := make(chan chan error, clients)
	var writer sync.WaitGroup
	writer.Go(func() {
		for first := range waiting {
			together := []chan error{first}
			for more := true; more; {
				select {
				case next, ok := <-waiting:
					if more = ok; ok {
						together = append(together, next)
					}
				default:
					more = false
				}
			}
			err := commit(db, insert, row, len(together))
			for _, done := range together {
				done <- err
			}
		}
	})
	out := runFloor(ctx, clients, d, func(context.Context) error {
		done := make(chan error, 1)
		waiting <- done
		return <-done
	})
	close(waiting)
	writer.Wait()
	return out
}

// commit inserts n rows in one transaction.
func commit(db *sql.DB, insert *sql.Stmt, row []byte, n int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for range n {
		if _, err := tx.Stmt(insert).Exec(row); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func postgresCommits(ctx context.Context, l *lab, clients int, d time.Duration) load.Outcome {
	db, err := startPostgres(ctx, l)
	if err != nil {
		return failed(err)
	}
	defer db.stop(syscall.SIGINT)
	pool, err := pgxpool.New(ctx, db.url(fmt.Sprintf("&pool_max_conns=%d", clients)))
	if err != nil {
		return failed(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, "CREATE TABLE t (id bigserial PRIMARY KEY, value bytea)"); err != nil {
		return failed(err)
	}
	var durability string
	err = pool.QueryRow(ctx, "SELECT concat('fsync=', current_setting('fsync'), ', synchronous_commit=',"+
		" current_setting('synchronous_commit'))").Scan(&durability)
	if err == nil && !strings.HasSuffix(dbosPostgres.Durability, durability) {
		err = fmt.Errorf("PostgreSQL has %s by default: correct its durability here", durability)
	}
	if err != nil {
		return failed(err)
	}
	row := make([]byte, 100)
	return runFloor(ctx, clients, d, func(ctx context.Context) error {
		_, err := pool.Exec(ctx, "INSERT INTO t (value) VALUES ($1)", row)
		return err
	})
}

// echoArg makes this program the server of roundTrips.
const echoArg = "echo"

func roundTrips(ctx context.Context, l *lab, clients int, d time.Duration) load.Outcome {
	port, err := freeport.Take()
	if err != nil {
		return failed(err)
	}
	defer port.Free()
	self, err := os.Executable()
	if err != nil {
		return failed(err)
	}
	url := "http://" + port.Address()
	p, err := start(command{path: self, args: []string{echoArg, port.Address()}, log: l.file("echo.log")})
	if err != nil {
		return failed(err)
	}
	defer p.stop(syscall.SIGINT)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	body := []byte(`{"Steps":1}`)
	if err := p.until(ctx, func() bool {
		_, err := post(ctx, client, url, body)
		return err == nil
	}); err != nil {
		return failed(err)
	}
	return runFloor(ctx, clients, d, func(ctx context.Context) error {
		_, err := post(ctx, client, url, body)
		return err
	})
}

// echo answers each request with its body.
func echo(addr string) error {
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	}))
}
