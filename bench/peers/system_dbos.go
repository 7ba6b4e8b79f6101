package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// dbosPostgres has 20 connections, as DBOS makes them by default: 64 gained nothing that could be repeated.
var dbosPostgres = system{
	Key: "dbos-postgres", Name: "DBOS on PostgreSQL",
	Durability: "power-safe: fsync=on, synchronous_commit=on",
	start:      agentOnPostgres("dbos"),
}

// agentOnPostgres starts a program of ours as an agent on a PostgreSQL of its own.
func agentOnPostgres(program string) func(context.Context, *lab) (*instance, error) {
	return func(ctx context.Context, l *lab) (*instance, error) {
		db, err := startPostgres(ctx, l)
		if err != nil {
			return nil, err
		}
		a, err := startAgent(ctx, l, program, db.url(""))
		if err != nil {
			db.stop(syscall.SIGINT)
			return nil, err
		}
		return &instance{load: a.load, engine: []group{{db.pid(), whole}}, functions: []group{{a.pid(), whole}},
			stop: func() {
				a.stop(nil)
				db.stop(syscall.SIGINT)
			}}, nil
	}
}

var dbosSQLite = system{
	Key: "dbos-sqlite", Name: "DBOS on SQLite",
	Durability: "not power-safe: WAL, synchronous=NORMAL: a crash of the machine loses the last commits",
	start: func(ctx context.Context, l *lab) (*instance, error) {
		a, err := startAgent(ctx, l, "dbos", "sqlite:"+l.file("dbos.db"))
		if err != nil {
			return nil, err
		}
		return &instance{load: a.load, engine: []group{{a.pid(), whole}}, stop: func() { a.stop(nil) }}, nil
	},
}

// postgres is a cluster of one's own, with the defaults, on a Unix socket.
type postgres struct {
	*process
	dir string
}

// url is its address, with further parameters such as &pool_max_conns=9.
func (p *postgres) url(more string) string {
	return "postgres:///postgres?" + url.Values{"host": {p.dir}, "user": {"postgres"}}.Encode() + more
}

// startPostgres makes a cluster and starts it. PostgreSQL refuses to run as root, so then it gets its own user.
func startPostgres(ctx context.Context, l *lab) (*postgres, error) {
	if l.postgres == "" {
		return nil, errNotInstalled("PostgreSQL")
	}
	dir := l.file("postgres")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	attr := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	initdb := exec.CommandContext(ctx, filepath.Join(l.postgres, "initdb"),
		"--pgdata", filepath.Join(dir, "data"), "--username", "postgres", "--auth", "trust", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if text, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, text)
	}
	p, err := start(command{path: filepath.Join(l.postgres, "postgres"), dir: dir, user: attr.Credential,
		log:  l.file("postgres.log"),
		args: []string{"-D", filepath.Join(dir, "data"), "-k", dir, "-c", "listen_addresses="}})
	if err != nil {
		return nil, err
	}
	err = p.until(ctx, func() bool {
		return exec.CommandContext(ctx, filepath.Join(l.postgres, "pg_isready"), "--quiet", "--host", dir).Run() == nil
	})
	if err != nil {
		p.stop(syscall.SIGINT)
		return nil, err
	}
	return &postgres{p, dir}, nil
}
