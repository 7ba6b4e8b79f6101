package lambdaapi

import (
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// documentedErrors are those of AWS's API model, November 2026, but for errors
// of services that are not here: KMS, EC2, EFS, S3, SnapStart, code artifacts
// and managed runtimes.
var documentedErrors = map[string][]protocol.Code{
	"CheckpointDurableExecution": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests},
	"GetDurableExecutionState":   {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests},
	"GetDurableExecution": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound},
	"GetDurableExecutionHistory": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound},
	"ListDurableExecutionsByFunction": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound},
	"StopDurableExecution": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound},
	"PauseDurableExecution": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound, protocol.CodeConflict},
	"ResumeDurableExecution": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound, protocol.CodeConflict},
	"DeleteDurableExecution": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound, protocol.CodeConflict},
	"SendDurableExecutionCallbackSuccess": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound, protocol.CodeCallbackTimeout},
	"SendDurableExecutionCallbackFailure": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound, protocol.CodeCallbackTimeout},
	"SendDurableExecutionCallbackHeartbeat": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests,
		protocol.CodeNotFound, protocol.CodeCallbackTimeout},
	"Invoke": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound,
		protocol.CodeConflict, protocol.CodeNotReady,
		protocol.CodeAlreadyStarted, protocol.CodeInvalidContent, protocol.CodeRequestTooLarge, protocol.CodeUnsupportedMedia},

	"ListFunctions":            {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests},
	"GetFunction":              {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound},
	"GetFunctionConfiguration": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound},
	"DeleteFunction": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound,
		protocol.CodeConflict},
	"ListVersionsByFunction": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound},
	"PublishVersion": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound,
		protocol.CodeConflict, protocol.CodePrecondition},
	"ListAliases": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound},
	"GetAlias":    {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound},
	"CreateAlias": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound,
		protocol.CodeConflict},
	"UpdateAlias": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound,
		protocol.CodeConflict, protocol.CodePrecondition},
	"DeleteAlias": {protocol.CodeInvalidParameter, protocol.CodeService, protocol.CodeTooManyRequests, protocol.CodeNotFound,
		protocol.CodeConflict},
}

// Why some documented errors never come up.
const (
	noRates  = "there are no rates to exceed"
	inMemory = "it is answered from memory, which does not fail"
	badShape = "a malformed ARN is a ValidationException, and nothing else can be wrong"
	noRivals = "changes take turns"
	anyType  = "AWS's own clients send several types, so none is refused"
)

// The subjects of most operations on executions.

func aClosedOne(w *world) *subject { h := w.closed(); return &subject{arn: h.arn, token: h.token} }
func anOpenOne(w *world) *subject  { h := w.hold(); return &subject{arn: h.arn, token: h.token} }
func aLostOne(w *world) *subject   { s := aClosedOne(w); w.lose(); return s }
func nobody(*world) *subject       { return &subject{arn: testARN} }
func theShop(*world) *subject      { return &subject{function: "shop"} }
func noShop(*world) *subject       { return &subject{function: "nobody"} }

func aPausedOne(w *world) *subject {
	s := anOpenOne(w)
	w.must((&caller{w.t, w.url}).raw("POST", s.execution("/pause"), ""))
	return s
}

func aCallback(w *world) *subject { id, arn := w.callback(); return &subject{callback: id, arn: arn} }

func aLostCallback(w *world) *subject { s := aCallback(w); w.lose(); return s }

func aClosedCallback(w *world) *subject {
	s := aCallback(w)
	w.must(w.engine.SucceedCallback(w.t.Context(), s.callback, nil))
	return s
}

func aDeletedCallback(w *world) *subject {
	s := aCallback(w)
	_, err := w.engine.Stop(w.t.Context(), &engine.StopRequest{ARN: s.arn})
	w.must(err)
	_, err = w.engine.Delete(w.t.Context(), s.arn)
	w.must(err)
	return s
}

func aForgedCallback(*world) *subject { return &subject{callback: testID} }

// withMarker adds a marker to a subject.
func withMarker(of func(*world) *subject) func(*world) *subject {
	return func(w *world) *subject { s := of(w); s.marker = "elsewhere"; return s }
}

// lostShop is a function of an engine without a store.
func lostShop(change func(*subject)) func(*world) *subject {
	return func(w *world) *subject {
		w.lose()
		s := &subject{function: "shop", name: "n", alias: "live", version: "1"}
		change(s)
		return s
	}
}

func unchanged(*subject) {}

// text is an optional member of a request.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// contracts has one for every operation of the route table.
var contracts = map[string]contract{
	"CheckpointDurableExecution": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().CheckpointDurableExecution(c.t.Context(), &lambda.CheckpointDurableExecutionInput{
				DurableExecutionArn: &s.arn, CheckpointToken: &s.token,
				Updates: []types.OperationUpdate{{Id: aws.String("1"), Type: types.OperationTypeStep, Action: types.OperationActionStart}},
			})
			return err
		},
		subject: anOpenOne,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {protocol.StaleTokenMessage, aClosedOne},
			protocol.CodeService:          {"unexpected error", aLostOne},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"GetDurableExecutionState": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().GetDurableExecutionState(c.t.Context(), &lambda.GetDurableExecutionStateInput{
				DurableExecutionArn: &s.arn, CheckpointToken: &s.token, Marker: text(s.marker),
			})
			return err
		},
		subject: anOpenOne,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"Invalid marker", withMarker(anOpenOne)},
			protocol.CodeService:          {"unexpected error", aLostOne},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"GetDurableExecution": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().GetDurableExecution(c.t.Context(), &lambda.GetDurableExecutionInput{DurableExecutionArn: &s.arn})
			return err
		},
		subject: anOpenOne,
		refused: map[protocol.Code]refused{
			protocol.CodeNotFound: {"Durable Execution does not exist", nobody},
			protocol.CodeService:  {"unexpected error", aLostOne},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeInvalidParameter: badShape},
	},
	"GetDurableExecutionHistory": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().GetDurableExecutionHistory(c.t.Context(),
				&lambda.GetDurableExecutionHistoryInput{DurableExecutionArn: &s.arn, Marker: text(s.marker)})
			return err
		},
		subject: aClosedOne,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"Invalid Marker", withMarker(aClosedOne)},
			protocol.CodeNotFound:         {"Durable Execution does not exist", nobody},
			protocol.CodeService:          {"unexpected error", aLostOne},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"ListDurableExecutionsByFunction": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().ListDurableExecutionsByFunction(c.t.Context(),
				&lambda.ListDurableExecutionsByFunctionInput{FunctionName: &s.function, Marker: text(s.marker)})
			return err
		},
		subject: theShop,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"Invalid Marker", withMarker(theShop)},
			protocol.CodeNotFound:         {"Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody", noShop},
			protocol.CodeService:          {"unexpected error", lostShop(unchanged)},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"StopDurableExecution": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().StopDurableExecution(c.t.Context(), &lambda.StopDurableExecutionInput{
				DurableExecutionArn: &s.arn, Error: &types.ErrorObject{ErrorMessage: text(s.reason)},
			})
			return err
		},
		subject: anOpenOne,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"Error object size must be less than or equal to 1048576 bytes.", func(w *world) *subject {
				s := anOpenOne(w)
				s.reason = strings.Repeat("x", protocol.MaxPayload)
				return s
			}},
			protocol.CodeNotFound: {"Durable Execution does not exist", nobody},
			protocol.CodeService:  {"unexpected error", aLostOne},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"PauseDurableExecution": {
		call:    func(c *caller, s *subject) error { return c.raw("POST", s.execution("/pause"), `{"Reason":"to test"}`) },
		subject: anOpenOne,
		refused: map[protocol.Code]refused{
			protocol.CodeConflict: {"Cannot pause a durable execution with status SUCCEEDED.", aClosedOne},
			protocol.CodeNotFound: {"Durable Execution does not exist", nobody},
			protocol.CodeService:  {"unexpected error", aLostOne},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeInvalidParameter: badShape},
	},
	"ResumeDurableExecution": {
		call: func(c *caller, s *subject) error {
			return c.raw("POST", s.execution("/resume"), `{"ClientToken":"once"}`)
		},
		subject: aPausedOne,
		refused: map[protocol.Code]refused{
			protocol.CodeConflict: {"Cannot resume a durable execution with status RUNNING.", anOpenOne},
			protocol.CodeNotFound: {"Durable Execution does not exist", nobody},
			protocol.CodeService:  {"unexpected error", aLostOne},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeInvalidParameter: badShape},
	},
	"DeleteDurableExecution": {
		call:    func(c *caller, s *subject) error { return c.raw("DELETE", s.execution(""), "") },
		subject: aClosedOne,
		refused: map[protocol.Code]refused{
			protocol.CodeConflict: {"Cannot delete a durable execution with status PAUSING.", aPausedOne},
			protocol.CodeNotFound: {"Durable Execution does not exist", nobody},
			protocol.CodeService:  {"unexpected error", aLostOne},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeInvalidParameter: badShape},
	},
	"SendDurableExecutionCallbackSuccess": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().SendDurableExecutionCallbackSuccess(c.t.Context(),
				&lambda.SendDurableExecutionCallbackSuccessInput{CallbackId: &s.callback, Result: []byte("1")})
			return err
		},
		subject: aCallback,
		refused: refusedCallbacks,
		never:   map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"SendDurableExecutionCallbackFailure": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().SendDurableExecutionCallbackFailure(c.t.Context(),
				&lambda.SendDurableExecutionCallbackFailureInput{CallbackId: &s.callback})
			return err
		},
		subject: aCallback,
		refused: refusedCallbacks,
		never:   map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"SendDurableExecutionCallbackHeartbeat": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().SendDurableExecutionCallbackHeartbeat(c.t.Context(),
				&lambda.SendDurableExecutionCallbackHeartbeatInput{CallbackId: &s.callback})
			return err
		},
		subject: aCallback,
		refused: refusedCallbacks,
		never:   map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"Invoke": {
		call:    callInvoke,
		subject: func(*world) *subject { return &subject{function: "shop", qualifier: "live", payload: "{}"} },
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"The derived qualifier from the function name does not match the specified qualifier.",
				func(*world) *subject { return &subject{function: "shop:1", qualifier: "live"} }},
			protocol.CodeNotFound: {"Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody", noShop},
			protocol.CodeAlreadyStarted: {"Execution already started: arn:", func(w *world) *subject {
				s := &subject{function: "shop", name: "taken", payload: "1"}
				w.must(callInvoke(w.caller(), s))
				return &subject{function: "shop", name: "taken", payload: "2"}
			}},
			protocol.CodeInvalidContent: {"Could not parse request body into json",
				func(*world) *subject { return &subject{function: "shop", payload: "{"} }},
			protocol.CodeRequestTooLarge: {"Request must be smaller than 6291456 bytes", func(*world) *subject {
				return &subject{function: "shop", payload: strings.Repeat("1", protocol.MaxSyncPayload+1)}
			}},
			protocol.CodeService: {"unexpected error", lostShop(unchanged)},
			protocol.CodeConflict: {"The function is currently in the following state: Deleting", func(w *world) *subject {
				return drainingShop(w)
			}},
			protocol.CodeNotReady: {"Version 1 of function shop cannot be run:", func(w *world) *subject {
				w.reopen(false)
				return &subject{function: "shop", qualifier: "1"}
			}},
			protocol.CodeTooManyRequests: {"Rate Exceeded", func(w *world) *subject {
				crowd(w)
				return &subject{function: "slow", kind: types.InvocationTypeEvent}
			}},
		},
		never: map[protocol.Code]string{protocol.CodeUnsupportedMedia: anyType},
	},
	"ListFunctions": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().ListFunctions(c.t.Context(), &lambda.ListFunctionsInput{Marker: text(s.marker)})
			return err
		},
		subject: theShop,
		refused: map[protocol.Code]refused{protocol.CodeInvalidParameter: {"Invalid Marker", withMarker(theShop)}},
		never:   map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeService: inMemory},
	},
	"GetFunction": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().GetFunction(c.t.Context(), &lambda.GetFunctionInput{FunctionName: &s.function, Qualifier: text(s.qualifier)})
			return err
		},
		subject: theShop,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"The derived qualifier",
				func(*world) *subject { return &subject{function: "shop:1", qualifier: "live"} }},
			protocol.CodeNotFound: {"Function not found: ", noShop},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeService: inMemory},
	},
	"GetFunctionConfiguration": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().GetFunctionConfiguration(c.t.Context(),
				&lambda.GetFunctionConfigurationInput{FunctionName: &s.function, Qualifier: text(s.qualifier)})
			return err
		},
		subject: theShop,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"The derived qualifier",
				func(*world) *subject { return &subject{function: "shop:1", qualifier: "live"} }},
			protocol.CodeNotFound: {"Function not found: ", noShop},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeService: inMemory},
	},
	"DeleteFunction": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().DeleteFunction(c.t.Context(),
				&lambda.DeleteFunctionInput{FunctionName: &s.function, Qualifier: text(s.qualifier)})
			return err
		},
		subject: theShop,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"$LATEST version cannot be deleted",
				func(*world) *subject { return &subject{function: "shop", qualifier: "$LATEST"} }},
			protocol.CodeNotFound: {"Function not found: ", noShop},
			protocol.CodeConflict: {"the following aliases reference it: [live]",
				func(*world) *subject { return &subject{function: "shop", qualifier: "1"} }},
			protocol.CodeService: {"unexpected error", lostShop(unchanged)},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"ListVersionsByFunction": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().ListVersionsByFunction(c.t.Context(),
				&lambda.ListVersionsByFunctionInput{FunctionName: &s.function, Marker: text(s.marker)})
			return err
		},
		subject: theShop,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"Invalid Marker", withMarker(theShop)},
			protocol.CodeNotFound:         {"Function not found: ", noShop},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeService: inMemory},
	},
	"PublishVersion": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().PublishVersion(c.t.Context(),
				&lambda.PublishVersionInput{FunctionName: &s.function, RevisionId: text(s.revision)})
			return err
		},
		subject: theShop,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"Function manual has no code that could be kept",
				func(*world) *subject { return &subject{function: "manual"} }},
			protocol.CodeNotFound: {"Function not found: ", noShop},
			protocol.CodePrecondition: {"The Revision Id provided does not match",
				func(*world) *subject { return &subject{function: "shop", revision: "x"} }},
			protocol.CodeService: {"unexpected error", func(w *world) *subject {
				w.made.made["red"] = release{name: "blue"} // another release than that of version 1
				w.made.made["blue"] = release{name: "blue"}
				return lostShop(unchanged)(w)
			}},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeConflict: noRivals},
	},
	"ListAliases": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().ListAliases(c.t.Context(), &lambda.ListAliasesInput{FunctionName: &s.function, Marker: text(s.marker)})
			return err
		},
		subject: theShop,
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"Invalid Marker", withMarker(theShop)},
			protocol.CodeNotFound:         {"Function not found", noShop},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeService: inMemory},
	},
	"GetAlias": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().GetAlias(c.t.Context(), &lambda.GetAliasInput{FunctionName: &s.function, Name: &s.alias})
			return err
		},
		subject: func(*world) *subject { return &subject{function: "shop", alias: "live"} },
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"The function name must not be qualified: shop:1",
				func(*world) *subject { return &subject{function: "shop:1", alias: "live"} }},
			protocol.CodeNotFound: {"Cannot find alias arn: ",
				func(*world) *subject { return &subject{function: "shop", alias: "none"} }},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeService: inMemory},
	},
	"CreateAlias": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().CreateAlias(c.t.Context(),
				&lambda.CreateAliasInput{FunctionName: &s.function, Name: &s.alias, FunctionVersion: &s.version})
			return err
		},
		subject: func(*world) *subject { return &subject{function: "shop", alias: "next", version: "1"} },
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"The function name must not be qualified",
				func(*world) *subject { return &subject{function: "shop:1", alias: "next", version: "1"} }},
			protocol.CodeNotFound: {"Function not found: ",
				func(*world) *subject { return &subject{function: "shop", alias: "next", version: "7"} }},
			protocol.CodeConflict: {"Alias already exists: ",
				func(*world) *subject { return &subject{function: "shop", alias: "live", version: "1"} }},
			protocol.CodeService: {"unexpected error", lostShop(func(s *subject) { s.alias = "next" })},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates},
	},
	"UpdateAlias": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().UpdateAlias(c.t.Context(),
				&lambda.UpdateAliasInput{FunctionName: &s.function, Name: &s.alias, FunctionVersion: text(s.version),
					RevisionId: text(s.revision)})
			return err
		},
		subject: func(*world) *subject { return &subject{function: "shop", alias: "live", version: "$LATEST"} },
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"The function name must not be qualified",
				func(*world) *subject { return &subject{function: "shop:1", alias: "live"} }},
			protocol.CodeNotFound: {"Cannot find alias arn: ",
				func(*world) *subject { return &subject{function: "shop", alias: "none"} }},
			protocol.CodePrecondition: {"The Revision Id provided does not match",
				func(*world) *subject { return &subject{function: "shop", alias: "live", revision: "x"} }},
			protocol.CodeService: {"unexpected error", lostShop(func(s *subject) { s.version = "$LATEST" })},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeConflict: noRivals},
	},
	"DeleteAlias": {
		call: func(c *caller, s *subject) error {
			_, err := c.sdk().DeleteAlias(c.t.Context(), &lambda.DeleteAliasInput{FunctionName: &s.function, Name: &s.alias})
			return err
		},
		subject: func(*world) *subject { return &subject{function: "shop", alias: "live"} },
		refused: map[protocol.Code]refused{
			protocol.CodeInvalidParameter: {"The function name must not be qualified",
				func(*world) *subject { return &subject{function: "shop:1", alias: "live"} }},
			protocol.CodeNotFound: {"Function not found: ",
				func(*world) *subject { return &subject{function: "nobody", alias: "live"} }},
			protocol.CodeService: {"unexpected error", lostShop(unchanged)},
		},
		never: map[protocol.Code]string{protocol.CodeTooManyRequests: noRates, protocol.CodeConflict: noRivals},
	},

	// What the route table names only to say where else it is done.
	"CreateFunction":              notHere("POST", functions, "CreateFunction"),
	"UpdateFunctionConfiguration": notHere("PUT", functions+"/shop/configuration", "UpdateFunctionConfiguration"),
	"UpdateFunctionCode":          notHere("PUT", functions+"/shop/code", "UpdateFunctionCode"),

	// Ours.
	"ListDurableExecutions": {
		call: func(c *caller, _ *subject) error {
			return c.raw("GET", "/2025-12-01/durable-executions?MaxItems=1", "")
		},
		subject: theShop,
	},
	"health": {call: func(c *caller, _ *subject) error { return c.raw("GET", "/health", "") }, subject: theShop},
}

func callInvoke(c *caller, s *subject) error {
	_, err := c.sdk().Invoke(c.t.Context(), &lambda.InvokeInput{
		FunctionName: &s.function, Qualifier: text(s.qualifier), DurableExecutionName: text(s.name), Payload: []byte(s.payload),
		InvocationType: s.kind,
	})
	return err
}

var refusedCallbacks = map[protocol.Code]refused{
	protocol.CodeInvalidParameter: {"Invalid callback id", aForgedCallback},
	protocol.CodeCallbackTimeout:  {"The callback is either timed out or already completed", aClosedCallback},
	protocol.CodeService:          {"unexpected error", aLostCallback},
	protocol.CodeNotFound:         {"Durable Execution does not exist", aDeletedCallback},
}

// notHere is the contract of an operation that is refused by its name.
func notHere(method, path, name string) contract {
	return contract{
		subject: theShop,
		call: func(c *caller, _ *subject) error {
			got := request(c.t, c.url, method, path, "{}")
			if got.status != 404 || got.header.Get("x-amzn-ErrorType") != string(codeUnknownOperation) ||
				!strings.Contains(got.body, name+" is not served here: ") {
				c.t.Errorf("got %d %s", got.status, got.body)
			}
			return nil
		},
	}
}

// drainingShop is a version that is deleted while an execution of it is open.
func drainingShop(w *world) *subject {
	w.made.mu.Lock()
	w.made.made["red"] = release{"red", make(chan struct{})}
	w.made.mu.Unlock()
	w.reopen(true)
	ctx := w.t.Context()
	w.must(w.engine.Functions().DeleteAlias(ctx, "shop", "live"))
	w.must(callInvoke(w.caller(), &subject{function: "shop", qualifier: "1", kind: types.InvocationTypeEvent}))
	_, err := w.engine.Functions().DeleteFunction(ctx, "shop", "1")
	w.must(err)
	return &subject{function: "shop", qualifier: "1"}
}

// crowd makes as many calls that nobody waits for as there may be.
func crowd(w *world) {
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			for range maxAsyncCalls / 20 {
				request(w.t, w.url, "POST", functions+"/slow/invocations", "", "X-Amz-Invocation-Type", "Event")
			}
		})
	}
	calls.Wait()
}
