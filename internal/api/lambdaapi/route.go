package lambdaapi

import (
	"net/http"
	"strings"

	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

const (
	executions = "/2025-12-01/durable-executions/"
	callbacks  = "/2025-12-01/durable-execution-callbacks/"
	functions  = "/2015-03-31/functions"
)

// routes are the operations that are served. The bare execution comes after all paths with a suffix, and an alias,
// whose name may look like one, before. Functions may use the routes that know executions by their tokens and ids,
// or read them.
func (a *api) routes() []route.Route {
	const (
		read      = route.Readers
		work      = route.Functions
		both      = route.Readers | route.Functions
		change    = route.Operators
		execution = executions + route.Subject
		callback  = callbacks + route.Subject
		function  = functions + "/" + route.Subject
	)
	isAlias := func(subject string) bool { return strings.Contains(subject, aliasSeparator) }
	isName := func(subject string) bool { return !strings.Contains(subject, "/") }
	return []route.Route{
		{Method: "POST", Path: execution + "/checkpoint", Operation: "CheckpointDurableExecution", Access: work,
			Serve: a.checkpoint},
		{Method: "GET", Path: execution + "/state", Operation: "GetDurableExecutionState", Access: both,
			Serve: a.state},
		{Method: "GET", Path: execution + "/history", Operation: "GetDurableExecutionHistory", Access: both,
			Serve: a.history},
		{Method: "POST", Path: execution + "/stop", Operation: "StopDurableExecution", Access: change, Serve: a.stop},
		{Method: "POST", Path: execution + "/pause", Operation: "PauseDurableExecution", Access: change,
			Serve: a.pause},
		{Method: "POST", Path: execution + "/resume", Operation: "ResumeDurableExecution", Access: change,
			Serve: a.resume},
		{Method: "GET", Path: execution, Operation: "GetDurableExecution", Access: both, Serve: a.describe},
		{Method: "DELETE", Path: execution, Operation: "DeleteDurableExecution", Access: change, Serve: a.delete},

		{Method: "POST", Path: callback + "/succeed", Operation: "SendDurableExecutionCallbackSuccess", Access: work,
			Serve: a.succeedCallback},
		{Method: "POST", Path: callback + "/fail", Operation: "SendDurableExecutionCallbackFailure", Access: work,
			Serve: a.failCallback},
		{Method: "POST", Path: callback + "/heartbeat", Operation: "SendDurableExecutionCallbackHeartbeat",
			Access: work, Serve: a.heartbeatCallback},

		{Method: "GET", Path: function, Only: isAlias, Operation: "GetAlias", Access: read, Serve: a.getAlias},
		{Method: "PUT", Path: function, Only: isAlias, Operation: "UpdateAlias", Access: change, Serve: a.updateAlias},
		{Method: "DELETE", Path: function, Only: isAlias, Operation: "DeleteAlias", Access: change,
			Serve: a.deleteAlias},

		{Method: "POST", Path: function + "/invocations", Operation: "Invoke", Action: "InvokeFunction", Access: work,
			Serve: a.invoke},
		{Method: "GET", Path: function + "/configuration", Operation: "GetFunctionConfiguration", Access: read,
			Serve: a.getConfiguration},
		{Method: "PUT", Path: function + "/configuration", Operation: "UpdateFunctionConfiguration", Access: change,
			Serve: elsewhere("UpdateFunctionConfiguration",
				"settings come from the engine's command line or from the project's template, and hold after "+
					"the next start")},
		{Method: "PUT", Path: function + "/code", Operation: "UpdateFunctionCode", Access: change,
			Serve: elsewhere("UpdateFunctionCode",
				"code is what stands in the function's directory: start the engine again, or let "+
					"perdure dev watch it")},
		{Method: "GET", Path: function + "/versions", Operation: "ListVersionsByFunction", Access: read,
			Serve: a.versions},
		{Method: "POST", Path: function + "/versions", Operation: "PublishVersion", Access: change, Serve: a.publish},
		{Method: "GET", Path: function + "/aliases", Operation: "ListAliases", Access: read, Serve: a.aliases},
		{Method: "POST", Path: function + "/aliases", Operation: "CreateAlias", Access: change, Serve: a.createAlias},
		{Method: "GET", Path: functions, Operation: "ListFunctions", Access: read, Serve: a.functions},
		{Method: "POST", Path: functions, Operation: "CreateFunction", Access: change,
			Serve: elsewhere("CreateFunction", "a function is a directory or a program that the engine is started "+
				"with: perdure serve --function NAME=PATH")},
		{Method: "GET", Path: functions + "/", Operation: "ListFunctions", Access: read, Serve: a.functions},
		{Method: "GET", Path: function, Only: isName, Operation: "GetFunction", Access: read, Serve: a.getFunction},
		{Method: "DELETE", Path: function, Only: isName, Operation: "DeleteFunction", Access: change,
			Serve: a.deleteFunction},

		{Method: "GET", Path: strings.TrimSuffix(executions, "/"), Operation: "ListDurableExecutions", Access: read,
			Serve: a.listAll},
		{Method: "GET", Path: "/2025-12-01/functions/" + route.Subject + "/durable-executions",
			Operation: "ListDurableExecutionsByFunction", Access: both, Serve: a.list},
		{Method: "GET", Path: "/health", Operation: "health", Access: route.Everybody, Quiet: true, Serve: a.health},
		{Method: "HEAD", Path: "/health", Operation: "health", Access: route.Everybody, Quiet: true, Serve: a.health},
	}
}

// Refuse words why a request has no route.
func Refuse(r *http.Request, why route.Reason) error {
	switch why {
	case route.TooLong:
		return refusal(codeURITooLong, "The path and query of a request must be shorter than %d bytes.", route.MaxURL)
	case route.NotMethod:
		return refusal(codeMethodNotAllowed, "%s is not allowed on this path.", protocol.Clip(r.Method, maxQuoted))
	case route.NotEscaped:
		return refusal(codeUnknownOperation, "The path is not correctly percent-encoded.")
	default:
		return refusal(codeUnknownOperation,
			"%s is not served here: of the Lambda API this endpoint serves functions with their "+
				"versions and aliases, Invoke, durable executions and their callbacks.",
			protocol.Clip(r.Method, maxQuoted)+" "+protocol.Clip(r.URL.EscapedPath(), maxQuoted))
	}
}

// elsewhere refuses an operation that is done otherwise here.
func elsewhere(name, how string) func(http.ResponseWriter, *http.Request, string) error {
	return func(http.ResponseWriter, *http.Request, string) error {
		return refusal(codeUnknownOperation, "%s is not served here: %s.", name, how)
	}
}

// maxQuoted bounds the part of a path in a message.
const maxQuoted = 200
