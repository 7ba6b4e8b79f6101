package lambdaapi

import (
	"net/http"
	"net/url"
	"strings"
)

// maxURL bounds the path and query of a request. The longest that clients
// send carry an execution ARN, a checkpoint token and a marker, percent-encoded.
const maxURL = 16 << 10

// resource is one path of the API: a prefix, a subject that may contain
// slashes (an execution ARN, a callback id, a function name), and a suffix.
type resource struct {
	prefix, suffix string
	operations     []operation
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
)

// resources are matched in this order, so the bare execution comes after all
// that have a suffix.
var resources = []resource{
	{executions, "/checkpoint", []operation{{"POST", "CheckpointDurableExecution", (*api).checkpoint}}},
	{executions, "/state", []operation{{"GET", "GetDurableExecutionState", (*api).state}}},
	{executions, "/history", []operation{{"GET", "GetDurableExecutionHistory", (*api).history}}},
	{executions, "/stop", []operation{{"POST", "StopDurableExecution", (*api).stop}}},
	{executions, "/pause", []operation{{"POST", "PauseDurableExecution", (*api).pause}}},
	{executions, "/resume", []operation{{"POST", "ResumeDurableExecution", (*api).resume}}},
	{executions, "", []operation{
		{"GET", "GetDurableExecution", (*api).describe},
		{"DELETE", "DeleteDurableExecution", (*api).delete},
	}},
	{callbacks, "/succeed", []operation{{"POST", "SendDurableExecutionCallbackSuccess", (*api).succeedCallback}}},
	{callbacks, "/fail", []operation{{"POST", "SendDurableExecutionCallbackFailure", (*api).failCallback}}},
	{callbacks, "/heartbeat", []operation{{"POST", "SendDurableExecutionCallbackHeartbeat", (*api).heartbeatCallback}}},
	{"/2015-03-31/functions/", "/invocations", []operation{{"POST", "Invoke", (*api).invoke}}},
	{"/2015-03-31/functions", "", []operation{
		{"GET", "ListFunctions", (*api).functions},
		{"POST", "CreateFunction", nil},
	}},
	{"/2015-03-31/functions", "/", []operation{{"GET", "ListFunctions", (*api).functions}}},
	{"/2025-12-01/functions/", "/durable-executions", []operation{{"GET", "ListDurableExecutionsByFunction", (*api).list}}},
	{"/health", "", []operation{{"GET", "health", (*api).health}}},
}

// route finds the operation that r names, and its subject.
func route(r *http.Request) (*operation, string, error) {
	path := r.URL.EscapedPath()
	if len(path)+len(r.URL.RawQuery) > maxURL {
		return nil, "", refusal(codeURITooLong, "The path and query of a request must be shorter than %d bytes.", maxURL)
	}
	res, escaped := findResource(path)
	if res == nil {
		return nil, "", notServed(clip(r.Method, maxQuoted) + " " + clip(path, maxQuoted))
	}
	op := res.operation(r.Method)
	switch {
	case op == nil:
		return nil, "", refusal(codeMethodNotAllowed, "%s is not allowed on this path.", clip(r.Method, maxQuoted))
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
		if ok && (res.hasSubject() || subject == "") {
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
		"of the Lambda API this endpoint serves ListFunctions, Invoke, durable executions and their callbacks.", what)
}
