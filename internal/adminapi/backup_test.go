package adminapi_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/adminapi"
	"github.com/perdure/perdure/internal/wire"
)

func TestBackup(t *testing.T) {
	began, finish := make(chan bool), make(chan error)
	backups := &adminapi.Backups{
		Dir: filepath.Join(t.TempDir(), "backup"),
		Make: func(_ context.Context, path string) error {
			began <- true
			return errors.Join(<-finish, os.WriteFile(path, []byte("data"), 0o600))
		},
	}
	server := httptest.NewServer(adminapi.New(nil, &adminapi.Options{Backups: backups}))
	defer server.Close()
	client := &adminapi.Client{Endpoint: server.URL}

	answers := make(chan string)
	for _, outcome := range []error{nil, errors.New("no space"), nil} {
		go func() {
			var b bytes.Buffer
			size, err := client.Backup(t.Context(), &b)
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- b.String()[:size]
		}()
		<-began
		if _, err := client.Backup(t.Context(), new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "A backup is being made already.") {
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
		if _, err := os.Stat(backups.Dir); err == nil {
			t.Error("the copy was left behind")
		}
	}
}

func TestBackupThatArrivesDamaged(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Perdure-Sha256", "00")
		_, _ = w.Write([]byte("data"))
	}))
	defer server.Close()
	_, err := (&adminapi.Client{Endpoint: server.URL}).Backup(t.Context(), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), "the backup arrived damaged") {
		t.Errorf("got %v", err)
	}
}

func TestBackupOfMemory(t *testing.T) {
	_, err := newWorld(t).client.Backup(t.Context(), new(bytes.Buffer))
	if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != wire.CodeInvalidParameter {
		t.Errorf("got %v, want a refusal", err)
	}
}
