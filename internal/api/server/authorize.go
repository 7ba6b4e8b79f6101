package server

import (
	"net/http"
	"strings"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/protocol"
)

// authorize refuses what a caller may not do. Whatever changes something has
// another method than GET, on every face.
func authorize(caller *credentials.Credential, r *http.Request) error {
	allowed := false
	switch caller.Access {
	case credentials.Full:
		allowed = true
	case credentials.Read:
		allowed = r.Method == http.MethodGet || r.Method == http.MethodHead
	case credentials.Function:
		allowed = forFunctions(r) || forWorkers(r.URL.EscapedPath())
	}
	if !allowed {
		return denied("user/"+caller.Name, r)
	}
	return nil
}

// functionOperations are those of the Lambda API that a function may use. It
// knows executions by their tokens and ids, or reads them.
var functionOperations = map[string]bool{
	"CheckpointDurableExecution": true, "GetDurableExecutionState": true, "Invoke": true,
	"SendDurableExecutionCallbackSuccess": true, "SendDurableExecutionCallbackFailure": true, "SendDurableExecutionCallbackHeartbeat": true,
	"GetDurableExecution": true, "GetDurableExecutionHistory": true, "ListDurableExecutionsByFunction": true,
}

// forFunctions reports whether r is what functions do.
func forFunctions(r *http.Request) bool { return functionOperations[lambdaapi.OperationName(r)] }

// forWorkers reports whether a path of our own API is for workers that run
// functions on other machines.
func forWorkers(path string) bool {
	function, isFunction := strings.CutPrefix(path, "/perdure/functions/")
	return strings.HasPrefix(path, "/perdure/workers/") || isFunction && strings.HasSuffix(function, "/workers")
}

// denied is AWS's refusal of somebody who is known.
func denied(who string, r *http.Request) error {
	action := actionOf(r)
	return protocol.Errorf(protocol.CodeAccessDenied, "User: arn:aws:iam::000000000000:%s is not authorized to perform: %s "+
		"because no identity-based policy allows the %[2]s action", who, action)
}

// actionOf names what r asks for, as policies do.
func actionOf(r *http.Request) string {
	switch name := lambdaapi.OperationName(r); name {
	case "":
		return "perdure:" + clip(r.Method+" "+r.URL.EscapedPath())
	case "Invoke":
		return "lambda:InvokeFunction"
	default:
		return "lambda:" + name
	}
}
