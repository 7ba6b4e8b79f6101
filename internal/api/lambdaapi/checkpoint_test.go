package lambdaapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

const checkpointPath = "/2025-12-01/durable-executions/" + testARN + "/checkpoint"

// checkpointed collects the requests that get as far as the engine.
func checkpointed(got *[]*engine.CheckpointRequest) *fakeEngine {
	return &fakeEngine{checkpoint: func(req *engine.CheckpointRequest) (*engine.CheckpointReply, error) {
		*got = append(*got, req)
		return &engine.CheckpointReply{Token: "bmV4dA=="}, nil
	}}
}

func TestCheckpointAnswer(t *testing.T) {
	var got []*engine.CheckpointRequest
	url, _ := serve(t, checkpointed(&got), nil)
	a := request(t, url, "POST", checkpointPath, `{"CheckpointToken":"dG9rZW4="}`)
	checkAnswer(t, a, 200, "", "")
	if want := `{"CheckpointToken":"bmV4dA==","NewExecutionState":{"Operations":[],"NextMarker":""}}`; a.body != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("Content-Length") != fmt.Sprint(len(a.body)) {
		t.Errorf("got headers %v", a.header)
	}
}

// A function that asks for a minimal reply is told what it cannot know, and nothing that it just sent. Others get all.
func TestCheckpointMinimal(t *testing.T) {
	large := "large"
	ops := []*protocol.Operation{
		{ID: "1", Type: protocol.TypeStep, Status: protocol.StatusSucceeded, Payload: &large},
		{ID: "2", Type: protocol.TypeStep, Status: protocol.StatusFailed},
		{ID: "3", Type: protocol.TypeStep, Status: protocol.StatusStarted},
		{ID: "4", Type: protocol.TypeStep, Status: protocol.StatusPending},
		{ID: "5", Type: protocol.TypeStep, Status: protocol.StatusReady},
		{ID: "6", Type: protocol.TypeContext, Status: protocol.StatusSucceeded, Payload: &large},
		{ID: "7", Type: protocol.TypeWait, Status: protocol.StatusStarted},
		{ID: "8", Type: protocol.TypeWait, Status: protocol.StatusSucceeded},
		{ID: "9", Type: protocol.TypeCallback, Status: protocol.StatusStarted},
		{ID: "10", Type: protocol.TypeChainedInvoke, Status: protocol.StatusSucceeded, Payload: &large},
	}
	url, _ := serve(t, &fakeEngine{checkpoint: func(*engine.CheckpointRequest) (*engine.CheckpointReply, error) {
		return &engine.CheckpointReply{Token: "bmV4dA==", Operations: ops}, nil
	}}, nil)
	for prefer, want := range map[string]string{
		"":                    "1 2 3 4 5 6 7 8 9 10",
		protocol.MinimalValue: "4 5 7 8 9 10",
		"respond-async":       "1 2 3 4 5 6 7 8 9 10",
	} {
		a := request(t, url, "POST", checkpointPath, `{"CheckpointToken":"dG9rZW4="}`, protocol.MinimalHeader, prefer)
		var reply struct {
			NewExecutionState struct{ Operations []struct{ Id string } }
		}
		if err := json.Unmarshal([]byte(a.body), &reply); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, op := range reply.NewExecutionState.Operations {
			got = append(got, op.Id)
		}
		if ids := strings.Join(got, " "); ids != want {
			t.Errorf("%q: got operations %s, want %s", prefer, ids, want)
		}
	}
	if ops[0].ID != "1" || len(ops) != 10 {
		t.Error("the engine's operations were changed")
	}
}

// TestCheckpointShapes sends requests of the wrong shape and expects AWS's
// words. None may reach the engine.
func TestCheckpointShapes(t *testing.T) {
	const (
		one    = "1 validation error detected: "
		failed = " failed to satisfy constraint: "
	)
	update := func(members string) string {
		return `{"CheckpointToken":"dG9rZW4=","Updates":[{"Id":"1","Type":"WAIT","Action":"START"},{` + members + `}]}`
	}
	with := func(members string) string { return update(`"Id":"2","Type":"STEP","Action":"START",` + members) }
	for _, test := range []struct {
		name, body, code, message string
	}{
		{"no body", ``, "ValidationException", one + "Value null at 'checkpointToken'" + failed + "Member must not be null"},
		{"null body", `null`, "ValidationException", one + "Value null at 'checkpointToken'" + failed + "Member must not be null"},
		{"empty token", `{"CheckpointToken":""}`, "ValidationException", "2 validation errors detected: " +
			"Value '' at 'checkpointToken'" + failed + "Member must have length greater than or equal to 1; " +
			"Value '' at 'checkpointToken'" + failed + "Member must satisfy regular expression pattern: [A-Za-z0-9+/]+={0,2}"},
		{"token's alphabet", `{"CheckpointToken":"a-b="}`, "ValidationException", one + "Value 'a-b=' at 'checkpointToken'" + failed +
			"Member must satisfy regular expression pattern: [A-Za-z0-9+/]+={0,2}"},
		{"long client token", `{"CheckpointToken":"dG9rZW4=","ClientToken":"` + strings.Repeat("c", 65) + `"}`, "ValidationException",
			one + "Value '" + strings.Repeat("c", 65) + "' at 'clientToken'" + failed + "Member must have length less than or equal to 64"},
		{"required members", update(``), "ValidationException", "3 validation errors detected: " +
			"Value null at 'updates.2.member.id'" + failed + "Member must not be null; " +
			"Value null at 'updates.2.member.type'" + failed + "Member must not be null; " +
			"Value null at 'updates.2.member.action'" + failed + "Member must not be null"},
		{"null update", `{"CheckpointToken":"dG9rZW4=","Updates":[null]}`, "ValidationException", "3 validation errors detected: " +
			"Value null at 'updates.1.member.id'" + failed + "Member must not be null; " +
			"Value null at 'updates.1.member.type'" + failed + "Member must not be null; " +
			"Value null at 'updates.1.member.action'" + failed + "Member must not be null"},
		{"words", update(`"Id":"2","Type":"Step","Action":""`), "ValidationException", "2 validation errors detected: " +
			"Value 'Step' at 'updates.2.member.type'" + failed +
			"Member must satisfy enum value set: [EXECUTION, CONTEXT, STEP, WAIT, CALLBACK, CHAINED_INVOKE]; " +
			"Value '' at 'updates.2.member.action'" + failed + "Member must satisfy enum value set: [START, SUCCEED, FAIL, RETRY, CANCEL]"},
		{"long subtype", with(`"SubType":"` + strings.Repeat("s", 33) + `"`), "ValidationException",
			one + "Value '" + strings.Repeat("s", 33) + "' at 'updates.2.member.subType'" + failed +
				"Member must have length less than or equal to 32"},
		{"name's alphabet", with(`"Name":"caf\u00e9"`), "ValidationException",
			one + "Value 'café' at 'updates.2.member.name'" + failed + `Member must satisfy regular expression pattern: [\x20-\x7E]+`},
		{"empty name", with(`"Name":""`), "ValidationException", "2 validation errors detected: " +
			"Value '' at 'updates.2.member.name'" + failed + "Member must have length greater than or equal to 1; " +
			"Value '' at 'updates.2.member.name'" + failed + `Member must satisfy regular expression pattern: [\x20-\x7E]+`},
		{"parent", with(`"ParentId":"a/b"`), "ValidationException",
			one + "Value 'a/b' at 'updates.2.member.parentId'" + failed + "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+"},
		{"wait too short", with(`"WaitOptions":{"WaitSeconds":0}`), "ValidationException",
			one + "Value '0' at 'updates.2.member.waitOptions.waitSeconds'" + failed + "Member must have value greater than or equal to 1"},
		{"delay too long", with(`"StepOptions":{"NextAttemptDelaySeconds":31622401}`), "ValidationException",
			one + "Value '31622401' at 'updates.2.member.stepOptions.nextAttemptDelaySeconds'" + failed +
				"Member must have value less than or equal to 31622400"},
		{"callback", with(`"CallbackOptions":{"TimeoutSeconds":100000000,"HeartbeatTimeoutSeconds":-1}`), "ValidationException",
			"2 validation errors detected: " +
				"Value '100000000' at 'updates.2.member.callbackOptions.timeoutSeconds'" + failed +
				"Member must have value less than or equal to 99999999; " +
				"Value '-1' at 'updates.2.member.callbackOptions.heartbeatTimeoutSeconds'" + failed +
				"Member must have value greater than or equal to 0"},
		{"invoke without function", with(`"ChainedInvokeOptions":{}`), "ValidationException",
			one + "Value null at 'updates.2.member.chainedInvokeOptions.functionName'" + failed + "Member must not be null"},
		{"sensitive payload", with(`"Payload":"` + strings.Repeat("s", protocol.MaxSyncPayload+1) + `"`), "ValidationException",
			one + "Value at 'updates.2.member.payload'" + failed + "Member must have length less than or equal to 6291456"},

		{"type before constraint", update(`"Id":5,"Type":"x"`), "SerializationException", "NUMBER_VALUE can not be converted to a String"},
		{"string for a number", with(`"WaitOptions":{"WaitSeconds":"5"}`), "SerializationException",
			"STRING_VALUE can not be converted to an Integer"},
		{"huge number", with(`"WaitOptions":{"WaitSeconds":1e99}`), "SerializationException",
			"NUMBER_VALUE can not be converted to an Integer"},
		{"string for a boolean", with(`"ContextOptions":{"ReplayChildren":"true"}`), "SerializationException",
			"STRING_VALUE can not be converted to a Boolean"},
		{"list for a string", with(`"Name":[]`), "SerializationException", "Start of list found where not expected."},
		{"object for a list", `{"Updates":{}}`, "SerializationException", "Start of structure or map found where not expected."},
		{"number for an object", with(`"Error":1`), "SerializationException", "Unexpected field type"},
		{"list as body", `[]`, "SerializationException", "Start of list found where not expected."},

		{"cut off", `{"CheckpointToken":"dG9r`, "SerializationException", "The request body is not valid JSON at byte 24."},
		{"trailing garbage", `{"CheckpointToken":"dG9rZW4="}}`, "SerializationException", "The request body is not valid JSON at byte 30."},
		{"trailing zero byte", `{"CheckpointToken":"dG9rZW4="}` + "\x00", "SerializationException",
			"The request body is not valid JSON at byte 30."},
		{"trailing comma", `{"CheckpointToken":"dG9rZW4=",}`, "SerializationException", "The request body is not valid JSON at byte 30."},
		{"raw newline", "{\"CheckpointToken\":\"a\nb\"}", "SerializationException", "The request body is not valid JSON at byte 21."},
		{"half an escape", `{"CheckpointToken":"\u00`, "SerializationException", "The request body is not valid JSON at byte 20."},
		{"not UTF-8", "{\"X\":\"\xff\"}", "SerializationException", "The request body is not valid UTF-8."},
		{"deep", `{"X":` + strings.Repeat("[", 1_000_000), "SerializationException", "The request body nests too deep."},
		{"too many updates", `{"CheckpointToken":"dG9rZW4=","Updates":[` +
			strings.Repeat(`{"Id":"1","Type":"WAIT","Action":"START"},`, 6000) + `{}]}`,
			"ValidationException", one + "Value at 'updates'" + failed + "Member must have length less than or equal to 6000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []*engine.CheckpointRequest
			url, _ := serve(t, checkpointed(&got), nil)
			checkAnswer(t, request(t, url, "POST", checkpointPath, test.body), 400, test.code, test.message)
			if len(got) != 0 {
				t.Errorf("the engine got %+v", got[0])
			}
		})
	}
}

// TestCheckpointAccepts sends requests that are odd but right.
func TestCheckpointAccepts(t *testing.T) {
	const step = `"Id":"1","Type":"STEP","Action":"START"`
	start := protocol.Update{ID: "1", Type: protocol.TypeStep, Action: protocol.ActionStart}
	for _, test := range []struct {
		name, body string
		want       func(*engine.CheckpointRequest)
	}{
		{"null members", `{"Updates":null,"ClientToken":null}`, func(*engine.CheckpointRequest) {}},
		{"no updates", `{"Updates":[]}`, func(*engine.CheckpointRequest) {}},
		{"unknown members", `{"X":{"a":[1,-2.5e+3,true,false,null,"\ud83d\ude00"]},"Updates":[{` + step + `,"Y":{}}]}`,
			func(r *engine.CheckpointRequest) { r.Updates = []protocol.Update{start} }},
		{"members' case counts", `{"clienttoken":"x","Updates":[{` + step + `,"name":"x"}]}`,
			func(r *engine.CheckpointRequest) { r.Updates = []protocol.Update{start} }},
		{"last duplicate wins", `{"Updates":[{` + step + `}],"ClientToken":"a","ClientToken":"b","Updates":null}`,
			func(r *engine.CheckpointRequest) { r.ClientToken = "b" }},
		{"fraction", `{"Updates":[{` + step + `,"WaitOptions":{"WaitSeconds":5.9}}]}`,
			func(r *engine.CheckpointRequest) {
				r.Updates = []protocol.Update{start}
				r.Updates[0].WaitOptions = &protocol.WaitOptions{WaitSeconds: 5}
			}},
		{"options present and null", `{"Updates":[{` + step + `,"WaitOptions":{},"StepOptions":null,"Error":{},"Payload":""}]}`,
			func(r *engine.CheckpointRequest) {
				r.Updates = []protocol.Update{start}
				r.Updates[0].WaitOptions, r.Updates[0].Error, r.Updates[0].Payload = &protocol.WaitOptions{},
					&protocol.ErrorObject{}, new("")
			}},
		{"escapes", ` { "Updates" : [ { ` + step + ` , "Payload" : "\"\\\/\b\f\n\r\t\u0041\ud834\udd1e\ud834x\udd1e" } ] } `,
			func(r *engine.CheckpointRequest) {
				r.Updates = []protocol.Update{start}
				r.Updates[0].Payload = new("\"\\/\b\f\n\r\tA𝄞\ufffdx\ufffd")
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := `{"CheckpointToken":"dG9rZW4=",` + strings.TrimLeft(test.body, " {")
			got, err := decodeCheckpoint(testARN, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			want := &engine.CheckpointRequest{ARN: testARN, Token: testToken}
			test.want(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCheckpointBodies sends bodies in ways that HTTP allows.
func TestCheckpointBodies(t *testing.T) {
	var got []*engine.CheckpointRequest
	url, _ := serve(t, checkpointed(&got), nil)
	const body = `{"CheckpointToken":"dG9rZW4="}`
	t.Run("wrong content type", func(t *testing.T) {
		checkAnswer(t, request(t, url, "POST", checkpointPath, body, "Content-Type", "text/plain"), 200, "", "")
	})
	t.Run("chunked", func(t *testing.T) {
		resp, err := http.Post(url+checkpointPath, "", io.MultiReader(strings.NewReader(body[:9]), strings.NewReader(body[9:])))
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("got %v, %v", resp, err)
		}
		resp.Body.Close()
	})
	t.Run("too large", func(t *testing.T) {
		checkAnswer(t, request(t, url, "POST", checkpointPath, strings.Repeat(" ", maxCheckpointBody+1)), 413,
			"RequestTooLargeException", "Request must be smaller than 13631488 bytes for the CheckpointDurableExecution operation")
	})
	t.Run("too large and chunked", func(t *testing.T) {
		resp, err := http.Post(url+checkpointPath, "", io.LimitReader(zeros{}, maxCheckpointBody+1))
		if err != nil || resp.StatusCode != 413 {
			t.Errorf("got %v, %v", resp, err)
		}
		resp.Body.Close()
	})
	if len(got) != 2 {
		t.Errorf("the engine got %d requests, want 2", len(got))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestCheckpointKeepsNothing: the body's buffer is used again.
func TestCheckpointKeepsNothing(t *testing.T) {
	body := []byte(`{"CheckpointToken":"dG9rZW4=","ClientToken":"c","Updates":[{"Id":"1","Type":"STEP","Action":"START","Name":"n","SubType":"Own","ParentId":"p","Payload":"pay\n","Error":{"ErrorMessage":"m","StackTrace":["s"]}}]}`)
	got, err := decodeCheckpoint(testARN, body)
	if err != nil {
		t.Fatal(err)
	}
	clear(body)
	want := &engine.CheckpointRequest{ARN: testARN, Token: testToken, ClientToken: "c", Updates: []protocol.Update{{
		ID: "1", Type: protocol.TypeStep, Action: protocol.ActionStart, Name: "n", SubType: "Own", ParentID: "p", Payload: new("pay\n"),
		Error: &protocol.ErrorObject{ErrorMessage: "m", StackTrace: []string{"s"}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestViolationsAreListedWithinReason(t *testing.T) {
	body := `{"CheckpointToken":"dG9rZW4=","Updates":[` + strings.TrimSuffix(strings.Repeat(`{},`, 5000), ",") + `]}`
	_, err := decodeCheckpoint(testARN, []byte(body))
	if err == nil || !strings.Contains(err.Error(), "15000 validation errors detected") || len(err.Error()) > 10_000 {
		t.Errorf("got %.200v", err)
	}
}
