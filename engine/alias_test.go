package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

func TestAliases(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		m.build("order", "blue", saying("blue"))
		f.publish("order")
		one, latest, text := "1", protocol.LatestVersion, "for customers"
		a, err := f.Functions().CreateAlias(t.Context(),
			&engine.AliasChange{Function: "order", Name: "live", Version: &one, Description: &text})
		want := &engine.Alias{Function: "order", Name: "live",
			ARN: "arn:aws:lambda:us-east-1:000000000000:function:order:live", Version: "1", Description: text}
		if err != nil || a.Revision == "" {
			t.Fatalf("got %+v, %v", a, err)
		}
		want.Revision = a.Revision
		m.reopen()
		got, err := f.Functions().Alias(t.Context(), "order", "live")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("after a restart: error %v (-want +got):\n%s", err, diff)
		}
		moved, err := f.Functions().UpdateAlias(t.Context(),
			&engine.AliasChange{Function: "order", Name: "live", Version: &latest, Revision: a.Revision})
		if err != nil || moved.Version != latest || moved.Description != text || moved.Revision == a.Revision {
			t.Errorf("got %+v, %v, want it moved with its description", moved, err)
		}
		f.alias("order", "beta", "2", nil)
		names := func(version string) (names []string) {
			all, err := f.Functions().Aliases(t.Context(), "order", version)
			if err != nil {
				t.Error(err)
			}
			for _, a := range all {
				names = append(names, a.Name)
			}
			return names
		}
		if got := fmt.Sprint(names(""), names("2"), names("1")); got != "[beta live] [beta] []" {
			t.Errorf("got %s", got)
		}
		for range 2 { // an unknown alias is not an error
			if err := f.Functions().DeleteAlias(t.Context(), "order", "live"); err != nil {
				t.Fatal(err)
			}
		}
		m.reopen()
		_, err = f.Functions().Alias(t.Context(), "order", "live")
		wantCode(t, "deleted", err, protocol.CodeNotFound,
			"Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:order:live")
		_, err = f.Start(t.Context(), &engine.InvokeRequest{Function: "order", Qualifier: "live"})
		wantCode(t, "start", err, protocol.CodeNotFound, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:order:live")
	})
}

func TestAliasRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		f.alias("order", "live", "1", nil)
		half := map[string]float64{"1": 0.5}
		for _, test := range []struct {
			name, function, alias, version string
			weights                        map[string]float64
			code                           protocol.Code
			text                           string
		}{
			{"exists", "order", "live", "1", nil, protocol.CodeConflict,
				"Alias already exists: arn:aws:lambda:us-east-1:000000000000:function:order:live"},
			{"no version", "order", "a", "7", nil, protocol.CodeNotFound,
				"Function not found: arn:aws:lambda:us-east-1:000000000000:function:order:7"},
			{"no function", "nobody", "a", "1", nil, protocol.CodeNotFound, "function:nobody:1"},
			{"an alias of an alias", "order", "a", "live", nil, protocol.CodeNotFound, "function:order:live"},
			{"a number", "order", "12", "1", nil, protocol.CodeInvalidParameter, "cannot be an alias"},
			{"$LATEST", "order", "$LATEST", "1", nil, protocol.CodeInvalidParameter, "cannot be an alias"},
			{"qualified", "order:1", "a", "1", nil, protocol.CodeInvalidParameter, "must not be qualified"},
			{"the same twice", "order", "a", "1", half, protocol.CodeInvalidParameter, "already included"},
			{"weighted $LATEST", "order", "a", "$LATEST", half, protocol.CodeInvalidParameter, "$LATEST is not supported"},
			{"weight beyond", "order", "a", "1", map[string]float64{"2": 2}, protocol.CodeNotFound, "function:order:2"},
			{"too many", "order", "a", "1", map[string]float64{"1": 0.1, "$LATEST": 0.2}, protocol.CodeInvalidParameter,
				"cannot be greater than 1"},
		} {
			_, err := f.Functions().CreateAlias(t.Context(),
				&engine.AliasChange{Function: test.function, Name: test.alias, Version: &test.version, Weights: &test.weights})
			wantCode(t, test.name, err, test.code, test.text)
		}
		m.build("order", "blue", saying("blue"))
		f.publish("order")
		_, err := f.Functions().CreateAlias(t.Context(),
			&engine.AliasChange{Function: "order", Name: "a", Version: new("1"), Weights: &map[string]float64{"2": 2}})
		wantCode(t, "weight", err, protocol.CodeInvalidParameter, "between 0 and 1")
		_, err = f.Functions().UpdateAlias(t.Context(), &engine.AliasChange{Function: "order", Name: "a", Version: new("1")})
		wantCode(t, "unknown", err, protocol.CodeNotFound, "Cannot find alias")
		_, err = f.Functions().UpdateAlias(t.Context(),
			&engine.AliasChange{Function: "order", Name: "live", Version: new("2"), Revision: "old"})
		wantCode(t, "revision", err, protocol.CodePrecondition, "GetAlias")
	})
}

func TestWeightsDivideStarts(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		m.build("order", "blue", saying("blue"))
		f.publish("order")
		f.alias("order", "live", "1", map[string]float64{"2": 0.25})
		const starts = 400
		onTwo := 0
		for i := range starts {
			name := ""
			if i%2 == 0 {
				name = fmt.Sprint("n", i)
			}
			req := &engine.InvokeRequest{Function: "order:live", Name: name}
			s, err := f.Start(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if s.Version == "2" {
				onTwo++
			}
			if name == "" {
				continue
			}
			if again, err := f.Start(t.Context(), req); err != nil || again.ARN != s.ARN || !again.Existing {
				t.Fatalf("repeating %s: got %+v, %v, want %s", name, again, err, s.ARN)
			}
		}
		if onTwo < starts/8 || onTwo > starts*3/8 { // six standard deviations
			t.Errorf("%d of %d starts went to version 2, want about a quarter", onTwo, starts)
		}
		if fn, _, err := f.Functions().Lookup(t.Context(), "order:live", ""); err != nil || fn.Version != "1" {
			t.Errorf("Lookup: got version %s, %v, want 1", fn.Version, err)
		}
	})
}

// Who starts through an alias does not choose the version, so a repeat after a
// deployment must find what was started before it.
func TestRepeatedStartAfterTheAliasMoved(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("order", "red", saying("red"))
		f.publish("order")
		f.alias("order", "live", "1", nil)
		arn := f.start("order:live", "o-1", "1")
		m.build("order", "blue", saying("blue"))
		f.publish("order")
		f.alias("order", "live", "2", nil)
		if again := f.start("order:live", "o-1", "1"); again != arn {
			t.Errorf("got %s, want %s", again, arn)
		}
		_, err := f.Start(t.Context(), &engine.InvokeRequest{Function: "order:2", Name: "o-1", Payload: []byte("1")})
		wantCode(t, "another version by its number", err, protocol.CodeAlreadyStarted, arn)
		items, _, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "order", Qualifier: "live"}})
		if err != nil || len(items) != 0 {
			t.Errorf("executions of what live is now: got %v, %v, want none", items, err)
		}
	})
}

func TestChainedInvokesFollowAliases(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		m := newMuseum(f)
		m.run()
		m.build("child", "red", saying(`"red"`))
		f.publish("child")
		f.alias("child", "live", "1", nil)
		plain := func(word string) engine.Function {
			return engine.Function{Name: "plain", Version: "1", Invoker: invoker{f, func(c *call) engine.Outcome {
				return engine.Outcome{Payload: fmt.Appendf(nil, "%q", word+" "+c.FunctionARN[strings.LastIndex(c.FunctionARN, ":"):])}
			}}}
		}
		f.register(plain("plain"))
		f.alias("plain", "live", "1", nil)
		f.durable("parent", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(invokeUpdate("1", "child:live", `1`), invokeUpdate("2", "plain:live", `1`),
					invokeUpdate("3", "child:dead", `1`))
			}
			if c.op("1").Status != protocol.StatusSucceeded || c.op("2").Status != protocol.StatusSucceeded {
				return pending()
			}
			return succeed(*c.op("1").Payload + *c.op("2").Payload + c.op("3").Error.ErrorType)
		})
		arn := f.start("parent", "", "")
		synctest.Wait()
		m.build("child", "blue", saying(`"blue"`))
		f.alias("child", "live", "$LATEST", nil)
		f.wantResult(arn, `"red""plain :1"ResourceNotFoundException`)
		items, _, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "child"}})
		if err != nil || len(items) != 1 || !strings.HasSuffix(items[0].FunctionARN, ":child:1") {
			t.Errorf("got %v, %v, want one child on version 1", items, err)
		}
	})
}
