package verify_test

import (
	"fmt"
	"testing"

	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/internal/core/verify"
)

// BenchmarkStore measures looking at executions that wait for a callback.
func BenchmarkStore(b *testing.B) {
	st, err := sqlitestore.Open(b.Context(), b.TempDir(), &sqlitestore.Options{Durability: sqlitestore.None})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	const executions = 10_000
	for i := range executions {
		e := newExecution(fmt.Sprintf("%08d", i), "", "")
		e.run(b, waits, "")
		e.write(b, st, e.row())
	}

	for b.Loop() {
		if _, err := verify.Store(b.Context(), st, verify.Options{}, func(p verify.Problem) { b.Error(p) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(executions*float64(b.N)/b.Elapsed().Seconds(), "executions/s")
}
