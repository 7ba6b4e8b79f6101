package adminapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/protocol"
)

func TestBackup(t *testing.T) {
	began, finish := make(chan bool), make(chan error)
	// What others have in the same directory stays, whatever it is called.
	dir := t.TempDir()
	theirs := []string{"backup", "backup-mine", "backup-" + strings.Repeat("A", 26)}
	for _, name := range theirs {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	backups := &adminapi.Backups{
		Dir: dir,
		Make: func(_ context.Context, dir string) (func(context.Context, io.Writer) error, error) {
			began <- true
			err := errors.Join(<-finish, os.WriteFile(filepath.Join(dir, "copy"), []byte("data"), 0o600))
			return func(_ context.Context, w io.Writer) error {
				data, err := os.ReadFile(filepath.Join(dir, "copy"))
				_, failed := w.Write(data)
				return errors.Join(err, failed)
			}, err
		},
	}
	server := httptest.NewServer(adminapi.New(nil, nil, &adminapi.Options{Backups: backups}))
	defer server.Close()
	c := &client.Client{Endpoint: server.URL}

	answers := make(chan string)
	for _, outcome := range []error{nil, errors.New("no space"), nil} {
		go func() {
			var b bytes.Buffer
			size, err := c.Backup(t.Context(), &b)
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- b.String()[:size]
		}()
		<-began
		if _, err := c.Backup(t.Context(), new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "A backup is being made already.") {
			t.Errorf("beside another one: got %v", err)
		}
		finish <- outcome
		want := "data"
		if outcome != nil {
			want = "ServiceException: Service encountered an unexpected error."
		}
		if got := <-answers; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		var left []string
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			left = append(left, e.Name())
		}
		slices.Sort(theirs)
		if !slices.Equal(left, theirs) {
			t.Errorf("left behind: %q, want %q", left, theirs)
		}
	}
}

func TestBackupThatArrivesDamaged(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Perdure-Sha256", "00")
		_, _ = w.Write([]byte("data"))
	}))
	defer server.Close()
	_, err := (&client.Client{Endpoint: server.URL}).Backup(t.Context(), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), "the backup arrived damaged") {
		t.Errorf("got %v", err)
	}
}

func TestBackupOfMemory(t *testing.T) {
	_, err := newWorld(t).client.Backup(t.Context(), new(bytes.Buffer))
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeInvalidParameter {
		t.Errorf("got %v, want a refusal", err)
	}
}
