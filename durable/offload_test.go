package durable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durable/offload"
	"github.com/perdure/perdure/durable/retry"
	"github.com/perdure/perdure/protocol"
)

// storing is a handler with a step and a child context of the given size.
func storing(svc *service, size int, opts ...durable.HandlerOption) *durable.Handler {
	return durable.NewHandler(func(ctx durable.Context, _ any) (int, error) {
		s, err := durable.Step(ctx, "s", func(context.Context) (string, error) { return strings.Repeat("s", size), nil }, durable.WithRetry(retry.None()))
		if err != nil {
			return 0, err
		}
		c, err := durable.RunInChildContext(ctx, "c", func(durable.Context) (string, error) { return strings.Repeat("c", size), nil })
		if err != nil {
			return 0, err
		}
		return len(s) + len(c), durable.Wait(ctx, "w", time.Second)
	}, append(opts, durable.WithClient(svc))...)
}

func TestOffload(t *testing.T) {
	for name, test := range map[string]struct {
		size, over int
		stored     int
	}{
		"small":            {100, 0, 0},
		"large":            {2 << 20, 0, 2},
		"over the user's":  {100, 50, 2},
		"under the user's": {300 << 10, 400 << 10, 0},
		"always":           {0, -1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				store := new(cupboard)
				out := svc.run(storing(svc, test.size, durable.WithSerdes(offload.Values{Store: store, Over: test.over})))
				if out.result() != fmt.Sprint(2*test.size) || len(store.values) != test.stored || svc.invocations != 2 {
					t.Errorf("got %s %s, %d values stored, %d invocations; want %d, %d, 2", out.result(), out.errorText(), len(store.values), svc.invocations, 2*test.size, test.stored)
				}
				for _, op := range svc.ops[:2] {
					if stored := strings.HasPrefix(*op.Payload, "perdure:value:1 "); stored != (test.stored > 0) || op.ReplayChildren && stored {
						t.Errorf("recorded of %s: %.60s", op.Name, *op.Payload)
					}
				}
			})
		})
	}
}

// What people see of a stored value stands in the history; replay reads the value.
func TestOffloadPreview(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, "{}")
		offload := offload.Values{Store: new(cupboard), Over: 100, Preview: func(v any) string {
			return fmt.Sprintf("%.1s × %d\n%s", v, len(v.(string)), strings.Repeat("!", 5000))
		}}
		out := svc.run(storing(svc, 1000, durable.WithSerdes(offload)))
		if out.result() != "2000" {
			t.Fatalf("got %+v, want 2000", out)
		}
		reference, preview, _ := strings.Cut(*svc.ops[0].Payload, "\n")
		if !strings.HasPrefix(reference, "perdure:value:1 ") || !strings.HasPrefix(preview, "s × 1000\n!") || len(preview) > 4<<10 {
			t.Errorf("recorded: %.40q and a preview of %d bytes, %.20q", reference, len(preview), preview)
		}
	})
}

// A store that is out of reach costs invocations, not the execution.
func TestOffloadUnavailable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		store := &cupboard{down: fmt.Errorf("%w: no route", durable.ErrUnavailable)}
		h := storing(svc, 100, durable.WithSerdes(offload.Values{Store: store, Over: 10}))
		for range 3 {
			if _, err := svc.invoke(h); err == nil || !errors.Is(err, durable.ErrUnavailable) || !strings.Contains(err.Error(), `the result of durable.Step "s"`) {
				t.Errorf("got %v, want a fault that names the operation", err)
			}
		}
		store.down = nil
		if out := svc.run(h); out.result() != "200" {
			t.Errorf("got %s %s, want 200", out.result(), out.errorText())
		}
	})
}

// Any other error of the store fails the operation.
func TestOffloadFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		svc := newService(t, `{}`)
		store := &cupboard{down: errors.New("forbidden")}
		out := svc.run(storing(svc, 100, durable.WithSerdes(offload.Values{Store: store, Over: 10})))
		if want := `SerdesError: step "s" failed: perdure: cannot encode or decode the result of durable.Step "s": storing `; !strings.HasPrefix(out.errorText(), want) || !strings.HasSuffix(out.errorText(), "forbidden") {
			t.Errorf("got %s", out.errorText())
		}
	})
}

// What the store gives back is checked, and what is lost stays lost: no number
// of invocations brings it back.
func TestOffloadDamage(t *testing.T) {
	for want, damage := range map[string]func(c *cupboard){
		"the store has something else under": func(c *cupboard) {
			for k := range c.values {
				c.values[k] = []byte(`"x"`)
			}
		},
		"no such value": func(c *cupboard) { c.values = nil },
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				svc := newService(t, `{}`)
				store := new(cupboard)
				h := storing(svc, 100, durable.WithSerdes(offload.Values{Store: store, Over: 10}))
				if _, err := svc.invoke(h); err != nil {
					t.Fatal(err)
				}
				damage(store)
				out, err := svc.invoke(h)
				if what := `SerdesError: perdure: cannot encode or decode the result of durable.Step "s": `; err != nil || out.Status != protocol.InvocationFailed ||
					!strings.HasPrefix(out.errorText(), what) || !strings.Contains(out.errorText(), want) {
					t.Errorf("got %s %s %v, want a failure with %q", out.Status, out.errorText(), err, want)
				}
			})
		})
	}
}

// Values that look like references are none, and the zero Offload says what it
// lacks.
func TestOffloadOddities(t *testing.T) {
	ctx := t.Context()
	store := new(cupboard)
	o := offload.Values{Store: store, Serdes: upper{}}
	odd := "PERDURE:VALUE:1 X"
	data, err := offload.Values{Store: store, Serdes: verbatim{}}.Marshal(ctx, "perdure:value:1 x")
	var got string
	if err == nil {
		err = offload.Values{Store: store, Serdes: verbatim{}}.Unmarshal(ctx, data, &got)
	}
	if err != nil || got != "perdure:value:1 x" || len(store.values) != 1 {
		t.Errorf("got %q, %v and %d values; want the text back, stored", got, err, len(store.values))
	}
	if data, err := o.Marshal(ctx, odd); string(data) != odd || err != nil {
		t.Errorf("got %s, %v, want it as it is", data, err)
	}
	for _, damaged := range []string{"perdure:value:1 ", "perdure:value:1 a b c d", "perdure:value:1 a b c"} {
		if err := o.Unmarshal(ctx, []byte(damaged), &got); err == nil {
			t.Errorf("%q was read", damaged)
		}
	}
	if _, err := (offload.Values{}).Marshal(ctx, 1); err == nil || !strings.Contains(err.Error(), "Store is nil") {
		t.Errorf("got %v without a store", err)
	}
}

// verbatim is a Serdes of strings.
type verbatim struct{}

func (verbatim) Marshal(_ context.Context, v any) ([]byte, error) { return []byte(v.(string)), nil }

func (verbatim) Unmarshal(_ context.Context, data []byte, v any) error {
	*v.(*string) = string(data)
	return nil
}

func TestDirStore(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	store := offload.Dir(filepath.Join(dir, "values"))
	for range 2 {
		if err := store.Put(ctx, "a/b-1", []byte("data")); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := store.Get(ctx, "a/b-1"); string(data) != "data" || err != nil {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := store.Get(ctx, "a/c"); !errors.Is(err, os.ErrNotExist) || errors.Is(err, durable.ErrUnavailable) {
		t.Errorf("an absent value: got %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "values", "a", "*"))
	if hidden, _ := filepath.Glob(filepath.Join(dir, "values", "a", ".*")); len(files) != 1 || len(hidden) != 0 {
		t.Errorf("the directory holds %v %v", files, hidden)
	}
	for _, key := range []string{"../x", "/etc/passwd", "", "a/../../x"} {
		if err := store.Put(ctx, key, nil); err == nil {
			t.Errorf("Put with key %q went well", key)
		}
		if _, err := store.Get(ctx, key); err == nil {
			t.Errorf("Get with key %q went well", key)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := offload.Dir(filepath.Join(dir, "not-mounted")).Get(ctx, "a/b-1"); !errors.Is(err, durable.ErrUnavailable) {
		t.Errorf("a directory that is absent: got %v, want ErrUnavailable", err)
	}
	if err := offload.Dir(file).Put(ctx, "k/v", []byte("x")); !errors.Is(err, durable.ErrUnavailable) {
		t.Errorf("a directory that is a file: got %v, want ErrUnavailable", err)
	}
}

// A report of any size, in a handler's default Serdes.
func ExampleWithSerdes_offload() {
	dir, err := os.MkdirTemp("", "values")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	svc := simulated(`{}`)
	handler := func(ctx durable.Context, _ struct{}) (int, error) {
		report, err := durable.Step(ctx, "report", func(context.Context) ([]byte, error) {
			return bytes.Repeat([]byte("all is well. "), 1_000_000), nil
		})
		if err != nil {
			return 0, err
		}
		return len(report), durable.Wait(ctx, "a-day", 24*time.Hour)
	}
	h := durable.NewHandler(handler, durable.WithClient(svc), durable.WithSerdes(offload.Values{Store: offload.Dir(dir)}))
	simulate(h, svc)
	fmt.Println("recorded:", len(*svc.ops[0].Payload) < 256)
	// Output:
	// succeeded: 13000000
	// recorded: true
}
