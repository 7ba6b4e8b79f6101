package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/host"
)

// storeVariable is the environment's place for what --store says.
const storeVariable = "PERDURE_STORE"

const (
	storeUsage = "`URL` of the PostgreSQL that keeps executions, or @FILE with it in a file"
	storeForm  = "the address of a PostgreSQL looks like postgres://USER@HOST:5432/DATABASE?sslmode=verify-full"
)

// storageFlags name the storage of engines, for verbs that use it themselves.
type storageFlags struct {
	data, store string
	environment bool // counts if nothing was given
}

func (f *storageFlags) define(fs *flag.FlagSet, data string) {
	fs.StringVar(&f.data, "data", "", data)
	fs.StringVar(&f.store, "store", "", storeUsage)
}

// named reports whether a storage was named.
func (f *storageFlags) named() bool {
	return f.data != "" || f.store != "" || f.environment && os.Getenv(storeVariable) != ""
}

// storage is the one that was named.
func (f *storageFlags) storage(std *stdio) (host.Storage, error) {
	if f.data != "" && f.store != "" {
		return host.Storage{}, cli.Usagef("--data names a directory, and --store a PostgreSQL: give one of them")
	}
	if f.data != "" {
		return host.Storage{Dir: f.data}, checkDirectory(f.data)
	}
	value, from := orEnvironment(f.store)
	u, err := readStore(std, from, value)
	return host.Storage{URL: u}, err
}

// checkDirectory refuses the address of a database where the name of a directory belongs. It does not repeat the
// address, which may hold a password.
func checkDirectory(data string) error {
	if !host.IsURL(data) {
		return nil
	}
	return cli.Usagef("--data names a directory, and this is the address of a database").
		Hintf("give the address with --store")
}

// maxStoreFile bounds the file of @FILE, in bytes.
const maxStoreFile = 4 << 10

// readStore reads the value of a flag, or of the variable, that gives the address of a PostgreSQL.
func readStore(std *stdio, from, value string) (string, error) {
	path, isFile := strings.CutPrefix(value, "@")
	if isFile {
		text, err := readStoreFile(path)
		if err != nil {
			return "", cli.Usagef("%s: the address cannot be read: %v", from, err)
		}
		value, from = text, path
	}
	if !host.IsURL(value) {
		p := cli.Usagef("%s does not give the address of a PostgreSQL", from).Hintf("%s", storeForm)
		if info, err := os.Stat(value); err == nil && info.IsDir() {
			p.Hintf("a directory goes with --data")
		}
		return "", p
	}
	if u, err := url.Parse(value); err == nil && strings.HasPrefix(from, "--") && hasPassword(u) {
		fmt.Fprintf(std.err, "perdure: the password in %s is seen by everybody who lists the processes here\n"+
			"  instead   %s @FILE, or %s, or PGPASSWORD, or ~/.pgpass\n", from, from, storeVariable)
	}
	return value, nil
}

func hasPassword(u *url.URL) bool {
	_, there := u.User.Password()
	return there || u.Query().Has("password")
}

func readStoreFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxStoreFile+1))
	if err == nil && len(text) > maxStoreFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxStoreFile)
	}
	return string(bytes.TrimSpace(text)), err
}

// orEnvironment is the value of a --store that was given, or that of the variable, and which of them.
func orEnvironment(store string) (value, from string) {
	if store != "" {
		return store, "--store"
	}
	return os.Getenv(storeVariable), storeVariable
}

// storageOf is the storage that a word names: a directory, the address of a PostgreSQL, or @FILE with that in a file.
func storageOf(std *stdio, flag, word string) (host.Storage, error) {
	if !host.IsURL(word) && !strings.HasPrefix(word, "@") {
		return host.Storage{Dir: word}, nil
	}
	u, err := readStore(std, flag, word)
	return host.Storage{URL: u}, err
}
