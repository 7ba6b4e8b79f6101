package lambdaapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// maxURL bounds the path and query of a request. The longest that clients
// send carry an execution ARN, a checkpoint token and a marker, percent-encoded.
const maxURL = 16 << 10

// resource is one path of the API: a prefix, a subject that may contain
// slashes (an execution ARN, a callback id, a function name), and a suffix.
type resource struct {
	prefix, suffix string
	operations     []operation
	// narrow says of what form a subject is, where others are something else;
	// nil for any.
	narrow func(subject string) bool
}

// operation is what one method does on a resource. The subject it is given is
// unescaped.
type operation struct {
	method, name string
	serve        func(a *api, w http.ResponseWriter, r *http.Request, subject string) error
}

const (
	executions = "/2025-12-01/durable-executions/"
	callbacks  = "/2025-12-01/durable-execution-callbacks/"
	functions  = "/2015-03-31/functions"
)

// resources are matched in this order, so the bare execution comes after all
// that have a suffix, and an alias, which may be called like one, before.
var resources = []resource{
	{executions, "/checkpoint", []operation{{"POST", "CheckpointDurableExecution", (*api).checkpoint}}, nil},
	{executions, "/state", []operation{{"GET", "GetDurableExecutionState", (*api).state}}, nil},
	{executions, "/history", []operation{{"GET", "GetDurableExecutionHistory", (*api).history}}, nil},
	{executions, "/stop", []operation{{"POST", "StopDurableExecution", (*api).stop}}, nil},
	{executions, "/pause", []operation{{"POST", "PauseDurableExecution", (*api).pause}}, nil},
	{executions, "/resume", []operation{{"POST", "ResumeDurableExecution", (*api).resume}}, nil},
	{executions, "", []operation{
		{"GET", "GetDurableExecution", (*api).describe},
		{"DELETE", "DeleteDurableExecution", (*api).delete},
	}, nil},
	{callbacks, "/succeed", []operation{{"POST", "SendDurableExecutionCallbackSuccess", (*api).succeedCallback}}, nil},
	{callbacks, "/fail", []operation{{"POST", "SendDurableExecutionCallbackFailure", (*api).failCallback}}, nil},
	{callbacks, "/heartbeat", []operation{{"POST", "SendDurableExecutionCallbackHeartbeat", (*api).heartbeatCallback}}, nil},
	{functions + "/", "", []operation{
		{"GET", "GetAlias", (*api).getAlias},
		{"PUT", "UpdateAlias", (*api).updateAlias},
		{"DELETE", "DeleteAlias", (*api).deleteAlias},
	}, func(subject string) bool { return strings.Contains(subject, aliasSeparator) }},
	{functions + "/", "/invocations", []operation{{"POST", "Invoke", (*api).invoke}}, nil},
	{functions + "/", "/configuration", []operation{
		{"GET", "GetFunctionConfiguration", (*api).getConfiguration},
		{"PUT", "UpdateFunctionConfiguration", elsewhere("UpdateFunctionConfiguration", "settings come from the engine's command line or from the project's template, and hold after the next start")},
	}, nil},
	{functions + "/", "/code", []operation{
		{"PUT", "UpdateFunctionCode", elsewhere("UpdateFunctionCode", "code is what stands in the function's directory: start the engine again, or let perdure dev watch it")},
	}, nil},
	{functions + "/", "/versions", []operation{
		{"GET", "ListVersionsByFunction", (*api).versions},
		{"POST", "PublishVersion", (*api).publish},
	}, nil},
	{functions + "/", "/aliases", []operation{
		{"GET", "ListAliases", (*api).aliases},
		{"POST", "CreateAlias", (*api).createAlias},
	}, nil},
	{functions, "", []operation{
		{"GET", "ListFunctions", (*api).functions},
		{"POST", "CreateFunction", elsewhere("CreateFunction", "a function is a directory or a program that the engine is started with: perdure serve --function NAME=PATH")},
	}, nil},
	{functions, "/", []operation{{"GET", "ListFunctions", (*api).functions}}, nil},
	{functions + "/", "", []operation{
		{"GET", "GetFunction", (*api).getFunction},
		{"DELETE", "DeleteFunction", (*api).deleteFunction},
	}, func(subject string) bool { return !strings.Contains(subject, "/") }},
	{strings.TrimSuffix(executions, "/"), "", []operation{{"GET", "ListDurableExecutions", (*api).listAll}}, nil},
	{"/2025-12-01/functions/", "/durable-executions", []operation{{"GET", "ListDurableExecutionsByFunction", (*api).list}}, nil},
	{"/health", "", []operation{{"GET", "health", (*api).health}}, nil},
}

// route finds the operation that r names, and its subject.
func route(r *http.Request) (*operation, string, error) {
	path := r.URL.EscapedPath()
	if len(path)+len(r.URL.RawQuery) > maxURL {
		return nil, "", refusal(codeURITooLong, "The path and query of a request must be shorter than %d bytes.", maxURL)
	}
	res, escaped := findResource(path)
	if res == nil {
		return nil, "", notServed(protocol.Clip(r.Method, maxQuoted) + " " + protocol.Clip(path, maxQuoted))
	}
	op := res.operation(r.Method)
	switch {
	case op == nil:
		return nil, "", refusal(codeMethodNotAllowed, "%s is not allowed on this path.", protocol.Clip(r.Method, maxQuoted))
	case op.serve == nil:
		return nil, "", notServed(op.name)
	}
	subject, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, "", refusal(codeUnknownOperation, "The path is not correctly percent-encoded: %v.", err)
	}
	return op, subject, nil
}

// findResource matches greedily: all between the prefix and the suffix is the
// subject, whether its slashes are escaped or not.
func findResource(path string) (res *resource, subject string) {
	for i := range resources {
		res := &resources[i]
		rest, ok := strings.CutPrefix(path, res.prefix)
		if !ok {
			continue
		}
		subject, ok := strings.CutSuffix(rest, res.suffix)
		if ok && (res.hasSubject() || subject == "") && (res.narrow == nil || res.narrow(subject)) {
			return res, subject
		}
	}
	return nil, ""
}

// hasSubject reports whether something stands between the prefix and the suffix.
func (res *resource) hasSubject() bool { return strings.HasSuffix(res.prefix, "/") }

func (res *resource) operation(method string) *operation {
	for i := range res.operations {
		if res.operations[i].method == method {
			return &res.operations[i]
		}
	}
	return nil
}

func notServed(what string) error {
	return refusal(codeUnknownOperation, "%s is not served here: "+
		"of the Lambda API this endpoint serves functions with their versions and aliases, Invoke, durable executions and their callbacks.", what)
}

// elsewhere is an operation that is done otherwise here.
func elsewhere(name, how string) func(*api, http.ResponseWriter, *http.Request, string) error {
	return func(*api, http.ResponseWriter, *http.Request, string) error {
		return refusal(codeUnknownOperation, "%s is not served here: %s.", name, how)
	}
}

// maxQuoted bounds what a message repeats of a path.
const maxQuoted = 200

// OperationName is the name of the API's operation that r asks for, or "".
func OperationName(r *http.Request) string {
	res, _ := findResource(r.URL.EscapedPath())
	if res == nil {
		return ""
	}
	op := res.operation(r.Method)
	if op == nil {
		return ""
	}
	return op.name
}
