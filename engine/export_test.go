package engine_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// export returns an execution as a file.
func (f *fixture) export(arn string) []byte {
	f.t.Helper()
	var b bytes.Buffer
	if err := f.Export(f.t.Context(), arn, &b); err != nil {
		f.t.Fatal(err)
	}
	return b.Bytes()
}

// elsewhere is another engine, with a store of its own.
func (f *fixture) elsewhere(opts engine.Options) *fixture {
	f.t.Helper()
	other := &fixture{t: f.t, store: memstore.New(), opts: opts}
	other.open()
	return other
}

func TestExportAndImport(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "order-7", `{"order":7}`)
		want := f.result(arn)
		history := f.history(arn)
		file := f.export(arn)

		other := f.elsewhere(engine.Options{})
		defer other.close()
		s, err := other.Import(t.Context(), bytes.NewReader(file), &engine.ImportRequest{})
		if err != nil || s.ARN != arn {
			t.Fatalf("got %+v, %v", s, err)
		}
		if got := other.result(arn); got.Status != want.Status || *got.Payload != *want.Payload || other.history(arn) != history {
			t.Errorf("got %+v, history %s", got, other.history(arn))
		}
		if got := other.names(&engine.ListRequest{Filter: engine.Filter{Name: "order-7",
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionSucceeded}}}); got != "order-7" {
			t.Errorf("the list has %q", got)
		}
		if _, err := other.Import(t.Context(), bytes.NewReader(file), &engine.ImportRequest{}); !refusedWith(err,
			protocol.CodeAlreadyStarted, "is here already") {
			t.Errorf("a second time: got %v", err)
		}
		time.Sleep(8 * 24 * time.Hour) // its retention is a week
		if _, err := other.Describe(t.Context(), arn); err == nil {
			t.Error("the imported execution is kept beyond its retention")
		}
		if _, err := other.Import(t.Context(), bytes.NewReader(file), &engine.ImportRequest{}); !refusedWith(err,
			protocol.CodeConflict, "retention of execution order-7 is over") {
			t.Errorf("after its retention: got %v", err)
		}
	})
}

func refusedWith(err error, code protocol.Code, message string) bool {
	refused, ok := errors.AsType[*protocol.Error](err)
	return ok && refused.Code == code && strings.Contains(refused.Message, message)
}

func TestImportOfAnOpenExecution(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order) // waits for five seconds
		arn := f.start("order", "order-7", "")
		synctest.Wait()
		file := f.export(arn)
		other := f.elsewhere(engine.Options{Region: "eu-central-1"})
		defer other.close()
		if _, err := other.Import(t.Context(), bytes.NewReader(file), &engine.ImportRequest{}); !refusedWith(err,
			protocol.CodeConflict, "order-7 has not ended") {
			t.Errorf("got %v", err)
		}
		if _, err := other.Import(t.Context(), bytes.NewReader(file),
			&engine.ImportRequest{Fork: true}); !refusedWith(err, protocol.CodeNotFound, "Function not found") {
			t.Errorf("without its function: got %v", err)
		}
		other.durable("order", order)
		s, err := other.Import(t.Context(), bytes.NewReader(file), &engine.ImportRequest{Fork: true, Name: "mine"})
		if err != nil {
			t.Fatal(err)
		}
		if r := other.result(s.ARN); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("got %s", r.Status)
		}
		f.result(arn)
	})
}

func TestImportRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "order-7", "")
		f.result(arn)
		file := f.export(arn)
		abroad := f.elsewhere(engine.Options{Region: "eu-central-1"})
		defer abroad.close()
		if _, err := abroad.Import(t.Context(), bytes.NewReader(file), &engine.ImportRequest{}); !refusedWith(err,
			protocol.CodeInvalidParameter, "belongs to region us-east-1") {
			t.Errorf("abroad: got %v", err)
		}
		for name, test := range map[string]struct {
			file string
			req  engine.ImportRequest
			want string
		}{
			"text":     {"hello\n", engine.ImportRequest{}, "The file cannot be imported: it is no exported execution."},
			"cut":      {string(file[:len(file)-1]), engine.ImportRequest{}, "The file cannot be imported: it is cut off."},
			"renaming": {string(file), engine.ImportRequest{Name: "n"}, "keeps its name"},
		} {
			if _, err := f.Import(t.Context(), strings.NewReader(test.file), &test.req); !refusedWith(err,
				protocol.CodeInvalidParameter, test.want) {
				t.Errorf("%s: got %v, want %q", name, err, test.want)
			}
		}
		var b bytes.Buffer
		if err := f.Export(t.Context(), arn+"0", &b); !refusedWith(err, protocol.CodeNotFound, "") || b.Len() > 0 {
			t.Errorf("export of what is not there: got %v and %d bytes", err, b.Len())
		}
	})
}
