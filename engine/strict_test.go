package engine_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// strictly runs a test with a strict engine, and with one that is not.
func strictly(t *testing.T, test func(t *testing.T, f *fixture, strict bool)) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprint("strict ", strict), func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.opts.Strict = strict
				f.restart()
				test(t, f, strict)
			})
		})
	}
}

// An execution of a strict engine ends with its 3,000th operation, which the
// function learns by a reply without a token.
func TestStrictQuota(t *testing.T) {
	strictly(t, func(t *testing.T, f *fixture, strict bool) {
		f.durable("greedy", func(c *call) engine.Outcome {
			for batch := range 4 {
				updates := make([]protocol.Update, 1000)
				for i := range updates {
					updates[i] = protocol.Update{ID: fmt.Sprint(batch, "-", i), Type: protocol.TypeContext, Action: protocol.ActionStart}
				}
				if !c.checkpoint(updates...) {
					t.Errorf("batch %d: %v", batch, c.err)
				}
				if c.token == "" {
					return pending()
				}
			}
			return succeed("1")
		})
		r := f.result(f.start("greedy", "", ""))
		if !strict {
			if r.Status != protocol.ExecutionSucceeded {
				t.Errorf("got %s %+v", r.Status, r.Error)
			}
			return
		}
		want := "The durable execution exceeded its limit of 3000 operations."
		if r.Status != protocol.ExecutionFailed || r.Error.ErrorMessage != want ||
			r.Error.ErrorType != "ServiceQuotaExceededException" {
			t.Errorf("got %s %+v, want %s", r.Status, r.Error, want)
		}
	})
}

// Nobody waits for what an asynchronous start returns, so AWS keeps only 1 MB.
func TestStrictAsyncResult(t *testing.T) {
	strictly(t, func(t *testing.T, f *fixture, strict bool) {
		large := strings.Repeat("x", protocol.MaxPayload+1)
		f.durable("large", func(*call) engine.Outcome { return succeed(large) })
		for _, async := range []bool{false, true} {
			s, err := f.Start(t.Context(), &engine.InvokeRequest{Function: "large", Async: async})
			if err != nil {
				t.Fatal(err)
			}
			want := protocol.ExecutionSucceeded
			if strict && async {
				want = protocol.ExecutionFailed
			}
			if r := f.result(s.ARN); r.Status != want {
				t.Errorf("async %t: got %s, want %s", async, r.Status, want)
			}
		}
	})
}

func TestStrictFunctionTimeout(t *testing.T) {
	strictly(t, func(t *testing.T, f *fixture, strict bool) {
		err := f.Functions().Register(engine.Function{Name: "slow", Invoker: invoker{f, order}, Timeout: 901 * time.Second})
		if (err != nil) != strict {
			t.Errorf("got error %v", err)
		}
	})
}

func TestTenants(t *testing.T) {
	const (
		without = "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
		with    = "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again."
	)
	strictly(t, func(t *testing.T, f *fixture, strict bool) {
		tell := func(c *call) engine.Outcome { return succeed(c.TenantID) }
		durable := &engine.DurableConfig{ExecutionTimeout: time.Hour}
		f.register(engine.Function{Name: "apart", Invoker: invoker{f, tell}, Durable: durable, PerTenant: true})
		f.register(engine.Function{Name: "together", Invoker: invoker{f, tell}, Durable: durable})
		f.register(engine.Function{Name: "plain", Invoker: invoker{f, tell}, PerTenant: true})
		f.durable("caller", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				blue, none := invokeUpdate("1", "apart:$LATEST", "1"), invokeUpdate("2", "apart:$LATEST", "1")
				blue.ChainedInvokeOptions.TenantID = "blue"
				c.checkpoint(blue, none)
			}
			if !c.op("1").Status.Closed() {
				return pending()
			}
			return succeed(fmt.Sprintln(*c.op("1").Payload, c.op("2").Error.ErrorMessage))
		})
		for _, test := range []struct{ function, tenant, refusal string }{
			{"apart", "blue", ""}, {"apart", "", without},
			{"together", "", ""}, {"together", "blue", with},
		} {
			s, err := f.Start(t.Context(), &engine.InvokeRequest{Function: test.function, TenantID: test.tenant})
			if test.refusal == without || strict && test.refusal != "" {
				wantRefusal(t, err, "InvalidParameterValueException: "+test.refusal)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if r := f.result(s.ARN); *r.Payload != test.tenant {
				t.Errorf("%s for %q: the function saw %q", test.function, test.tenant, *r.Payload)
			}
		}
		_, err := f.Call(t.Context(), &engine.InvokeRequest{Function: "plain"})
		wantRefusal(t, err, without)
		if r := f.result(f.start("caller", "", "")); *r.Payload != "blue "+without+"\n" {
			t.Errorf("chained invokes: got %s", *r.Payload)
		}
	})
}

// Every execution belongs to a trace, and keeps to it. Only a strict engine
// stands between the caller and the function, as Lambda does.
func TestTraces(t *testing.T) {
	strictly(t, func(t *testing.T, f *fixture, strict bool) {
		seen := make(chan string, 10)
		f.durable("traced", func(c *call) engine.Outcome {
			seen <- c.TraceID
			if !c.wait("1", 5) {
				return pending()
			}
			return succeed("1")
		})
		f.register(engine.Function{Name: "plain", Invoker: invoker{f,
			func(c *call) engine.Outcome { seen <- c.TraceID; return succeed("1") }}})
		const (
			root   = `Root=1-386d43[0-9a-f]{2}-[0-9a-f]{24}` // the bubble begins with the year 2000
			parent = `;Parent=[0-9a-f]{16};Sampled=`
			given  = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
		)
		for _, test := range []struct{ header, recorded, told, strictlyTold string }{
			{"", root, root, root + parent + "0"},
			{given, given, given, given[:40] + parent + "1"},
			{"Root=1-5759e988-bd862e3fe1be46a994272793", given[:40], given[:40], given[:40] + parent + "0"},
			{"00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", "00-.*-01", "00-.*-01", "00-.*-01"},
		} {
			told := test.told
			if strict {
				told = test.strictlyTold
			}
			s, err := f.Start(t.Context(), &engine.InvokeRequest{Function: "traced", TraceHeader: test.header})
			if err != nil {
				t.Fatal(err)
			}
			f.result(s.ARN)
			if _, err := f.Call(t.Context(), &engine.InvokeRequest{Function: "plain", TraceHeader: test.header}); err != nil {
				t.Fatal(err)
			}
			d, err := f.Describe(t.Context(), s.ARN)
			if err != nil {
				t.Fatal(err)
			}
			first, second, plain := <-seen, <-seen, <-seen
			for what, got := range map[string]string{"first": first, "second": second, "plain": plain} {
				wantMatch(t, fmt.Sprintf("header %q: what the %s invocation was told", test.header, what), got, told)
			}
			wantMatch(t, fmt.Sprintf("header %q: what was recorded", test.header), d.TraceHeader, test.recorded)
			if first[:40] != second[:40] || strict != (first != second) && strings.HasPrefix(first, "Root") {
				t.Errorf("strict %t: two invocations of one execution were told %q and %q", strict, first, second)
			}
		}
	})
}

func wantMatch(t *testing.T, what, got, pattern string) {
	t.Helper()
	if !regexp.MustCompile("^" + pattern + "$").MatchString(got) {
		t.Errorf("%s: got %q, want %s", what, got, pattern)
	}
}
