package postgres_test

import (
	"log/slog"
	"testing"

	"github.com/perdure/perdure/engine/postgres"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestOpen(t *testing.T) {
	st, err := postgres.Open(t.Context(), pgtest.Schema(t), &postgres.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	if st, err := postgres.Open(t.Context(), "sqlite:perdure.db", nil); err == nil || st != nil {
		t.Errorf("got %v, %v, want an error and no store", st, err)
	}
}
