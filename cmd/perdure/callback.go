package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

var callbackCommand = &command{
	name:    "callback",
	args:    "succeed|fail|heartbeat ID | EXECUTION [CALLBACK] | FILTER",
	summary: "answer a callback that an execution waits for",
	help: `
The callback is named by its id, or by its execution and its name, which may be
left out if the execution waits for one callback only. "perdure explain" shows
what an execution waits for.

succeed takes the answer from --result, or from a file with --result-file; -
reads stdin. Whether text or JSON is wanted, the function says. fail takes
--error-type, --error-message and --error-data. heartbeat keeps the callback from
timing out.

A filter, as "perdure help pause" has it, completes all callbacks of all
executions that it selects, or those of --operation.
`,
	verb: func() verb { return &callbackVerb{} },
}

type callbackVerb struct {
	bulkFlags
	operation     string
	result        cli.Text
	resultFile    string
	kind          string
	message, data cli.Text
}

func (v *callbackVerb) define(fs *flag.FlagSet) {
	v.bulkFlags.define(fs)
	fs.StringVar(&v.operation, "operation", "", "of many: only callbacks with this `OPERATION` name or id")
	fs.Var(&v.result, "result", "`TEXT` that the callback succeeds with")
	fs.StringVar(&v.resultFile, "result-file", "", "`FILE` with what the callback succeeds with")
	fs.StringVar(&v.kind, "error-type", "", "`TYPE` of the error that the callback fails with")
	fs.Var(&v.message, "error-message", "`TEXT` of the error")
	fs.Var(&v.data, "error-data", "`TEXT` that goes with the error")
}

// answers are the answers to a callback, each with its past form.
var answers = map[string]string{"succeed": "succeeded", "fail": "failed", "heartbeat": "kept alive"}

func (v *callbackVerb) run(ctx context.Context, std *stdio, args []string) error {
	result, err := v.check(ctx, std, args)
	if err != nil {
		return err
	}
	if v.isMany(args[1:]) {
		return v.completeMany(ctx, std, args[0], result)
	}
	if v.operation != "" || len(v.values) > 0 {
		return cli.Usagef("a filter says which callbacks are meant, in place of ID or EXECUTION: give one of them")
	}
	r, err := v.dial()
	if err != nil {
		return err
	}
	cb, err := v.find(ctx, r, args[1:])
	if err != nil {
		return err
	}
	switch args[0] {
	case "succeed":
		err = r.SucceedCallback(ctx, cb.CallbackId, result)
	case "fail":
		err = r.FailCallback(ctx, cb.CallbackId, v.errorObject())
	case "heartbeat":
		err = r.HeartbeatCallback(ctx, cb.CallbackId)
	}
	if err != nil {
		return r.fault(ctx, err)
	}
	if v.json {
		return json.NewEncoder(std.out).Encode(map[string]string{"CallbackId": cb.CallbackId,
			"Status": answers[args[0]]})
	}
	fmt.Fprintf(std.out, "%s\t%s\n", cb.Name, answers[args[0]])
	return nil
}

// check checks the flags and arguments before anybody is asked, and returns the result.
func (v *callbackVerb) check(ctx context.Context, std *stdio, args []string) (result []byte, err error) {
	switch {
	case len(args) == 0 || answers[args[0]] == "":
		return nil, cli.Usagef("perdure callback needs succeed, fail or heartbeat first").Hintf("perdure help callback")
	case len(args) < 2 && args[0] == "heartbeat", len(args) < 2 && !v.isMany(nil):
		return nil, cli.Usagef("perdure callback %s needs a callback", args[0]).Hintf("perdure help callback")
	case len(args) > 3:
		return nil, cli.Usagef("perdure callback: unexpected argument %q", args[3]).Hintf("perdure help callback")
	case args[0] != "succeed" && (v.result.Value != nil || v.resultFile != ""):
		return nil, cli.Usagef("--result is for: perdure callback succeed")
	case args[0] != "fail" && (v.kind != "" || v.message.Value != nil || v.data.Value != nil):
		return nil, cli.Usagef("--error-type and its like are for: perdure callback fail")
	case v.result.Value != nil && v.resultFile != "":
		return nil, cli.Usagef("--result and --result-file are two results for one callback")
	case v.resultFile == "":
		return []byte(v.result.String()), nil
	case v.resultFile == "-":
		result, err = interruptibleRead(ctx, func() ([]byte, error) {
			return io.ReadAll(io.LimitReader(std.in, protocol.MaxPayload+1))
		})
	default:
		result, err = os.ReadFile(v.resultFile)
	}
	if err != nil && !interrupted(ctx) {
		err = cli.Usagef("cannot read the result: %v", err)
	}
	return result, err
}

// completeMany completes the callbacks of all executions that the filter selects.
func (v *callbackVerb) completeMany(ctx context.Context, std *stdio, how string, result []byte) error {
	req := &adminapi.JobRequest{Action: engine.JobFail, Operation: v.operation}
	if how == "succeed" {
		req.Action = engine.JobSucceed
		req.Result = new(string(result))
	} else {
		req.Error = v.errorObject()
	}
	return v.many(ctx, std, req)
}

func (v *callbackVerb) errorObject() *protocol.ErrorObject {
	return &protocol.ErrorObject{ErrorType: v.kind, ErrorMessage: v.message.String(), ErrorData: v.data.String()}
}

// find returns the callback that words name: its id, or its execution with or without its name.
func (v *callbackVerb) find(ctx context.Context, r *remote, words []string) (*adminapi.Reason, error) {
	if len(words) == 1 && looksLikeCallbackID(words[0]) {
		return &adminapi.Reason{Name: words[0], CallbackId: words[0]}, nil
	}
	arn, err := r.resolve(ctx, words[0], v.function)
	if err != nil {
		return nil, err
	}
	x, err := r.Explain(ctx, arn)
	if err != nil {
		return nil, r.fault(ctx, err)
	}
	var open []*adminapi.Reason
	var names []string
	for i := range x.Reasons {
		reason := &x.Reasons[i]
		if reason.CallbackId == "" {
			continue
		}
		names = append(names, reason.Name)
		if len(words) == 1 || words[1] == reason.Name || words[1] == reason.OperationId {
			open = append(open, reason)
		}
	}
	if len(open) == 1 {
		return open[0], nil
	}
	return nil, callbackProblem(x, arn, names, len(open))
}

// callbackProblem says why there is not exactly one callback.
func callbackProblem(x *adminapi.Explanation, arn string, names []string, found int) error {
	name := nameInARN(arn)
	switch {
	case len(names) == 0:
		return cli.Faultf("execution %s waits for no callback", name).Hintf("its state: %s", x.Text)
	case found == 0:
		return cli.Faultf("execution %s waits for no callback of that name", name).Hintf("it waits for %s",
			strings.Join(names, ", "))
	}
	return cli.Faultf("execution %s waits for %d callbacks like that", name, found).
		Hintf("perdure explain shows their ids; give the id of one")
}

// looksLikeCallbackID tells an id from the name of an execution, which is shorter, and from its ARN, which has
// other characters.
func looksLikeCallbackID(s string) bool {
	const shortest = 44
	_, err := base64.StdEncoding.DecodeString(s)
	return err == nil && len(s) >= shortest
}
