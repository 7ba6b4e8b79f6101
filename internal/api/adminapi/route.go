package adminapi

import (
	"net/http"

	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// routes are those of the API. A path that ends with its subject comes after those that go on.
func (a *api) routes() []route.Route {
	const (
		execution = Prefix + "executions/" + route.Subject
		function  = Prefix + "functions/" + route.Subject
		worker    = Prefix + "workers/" + route.Subject
		job       = Prefix + "jobs/" + route.Subject
	)
	return []route.Route{
		{Method: "GET", Path: Prefix + "about", Operation: "About", Access: route.Readers, Serve: a.about},
		{Method: "GET", Path: Prefix + "nodes", Operation: "ListNodes", Access: route.Readers, Serve: a.nodes},
		{Method: "GET", Path: Prefix + "status", Operation: "GetStatus", Access: route.Readers, Serve: a.status},
		{Method: "POST", Path: Prefix + "verify", Operation: "Verify", Access: route.Operators, Serve: a.verify},
		{Method: "POST", Path: Prefix + "backup", Operation: "Backup", Access: route.Operators, Serve: a.backup},
		{Method: "POST", Path: Prefix + "import", Operation: "ImportExecution", Access: route.Operators,
			Serve: a.importFile},

		{Method: "GET", Path: Prefix + "executions", Operation: "FindExecutions", Access: route.Readers,
			Serve: a.executions},
		{Method: "GET", Path: Prefix + "counts", Operation: "CountExecutions", Access: route.Readers, Serve: a.counts},
		{Method: "GET", Path: execution + "/explain", Operation: "ExplainExecution", Access: route.Readers,
			Serve: a.explain},
		{Method: "GET", Path: execution + "/export", Operation: "ExportExecution", Access: route.Readers,
			Serve: a.export},
		{Method: "GET", Path: execution + "/logs", Operation: "GetExecutionLogs", Access: route.Readers, Serve: a.log},
		{Method: "POST", Path: execution + "/fork", Operation: "ForkExecution", Access: route.Operators,
			Serve: a.forkWhole},
		{Method: "POST", Path: execution + "/redrive", Operation: "RedriveExecution", Access: route.Operators,
			Serve: a.redrive},
		{Method: "POST", Path: execution + "/skip", Operation: "SkipOperation", Access: route.Operators, Serve: a.skip},
		{Method: "POST", Path: execution + "/stop", Operation: "StopExecution", Access: route.Operators, Serve: a.stop},

		{Method: "GET", Path: Prefix + "plan", Operation: "PlanJob", Access: route.Readers, Serve: a.planJob},
		{Method: "POST", Path: Prefix + "jobs", Operation: "StartJob", Access: route.Operators, Serve: a.startJob},
		{Method: "GET", Path: Prefix + "jobs", Operation: "ListJobs", Access: route.Readers, Serve: a.jobs},
		{Method: "GET", Path: job + "/results", Operation: "GetJobResults", Access: route.Readers, Serve: a.jobResults},
		{Method: "POST", Path: job + "/cancel", Operation: "CancelJob", Access: route.Operators, Serve: a.cancelJob},
		{Method: "GET", Path: job, Operation: "GetJob", Access: route.Readers, Serve: a.job},

		{Method: "GET", Path: Prefix + "functions", Operation: "FindFunctions", Access: route.Readers,
			Serve: a.functions},
		{Method: "GET", Path: function + "/events", Operation: "ListSavedEvents", Access: route.Readers,
			Serve: a.savedEvents},
		{Method: "POST", Path: function + "/events", Operation: "SaveEvent", Access: route.Operators,
			Serve: a.saveEvent},
		{Method: "DELETE", Path: function + "/events", Operation: "DeleteSavedEvent", Access: route.Operators,
			Serve: a.forgetEvent},
		{Method: "POST", Path: function + "/workers", Operation: "JoinWorker", Access: route.Functions, Serve: a.join},
		{Method: "GET", Path: function, Operation: "DescribeFunction", Access: route.Readers, Serve: a.function},
		{Method: "POST", Path: worker + "/next", Operation: "NextInvocation", Access: route.Functions,
			Serve: a.forWorker(a.next)},
		{Method: "POST", Path: worker + "/outcome", Operation: "InvocationOutcome", Access: route.Functions,
			Serve: a.forWorker(a.outcome)},
		{Method: "POST", Path: worker + "/beat", Operation: "WorkerBeat", Access: route.Functions,
			Serve: a.forWorker(a.beat)},
		{Method: "POST", Path: worker + "/leave", Operation: "LeaveWorker", Access: route.Functions,
			Serve: a.forWorker(a.leave)},
	}
}

// refuse words why a request has no route.
func refuse(r *http.Request, why route.Reason) error {
	switch why {
	case route.TooLong:
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"The path and query of a request must be shorter than %d bytes.", route.MaxURL)
	case route.NotMethod:
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"%s is not for this path, or is this engine older than the client?", protocol.Clip(r.Method, 20))
	case route.NotEscaped:
		return protocol.Errorf(protocol.CodeInvalidParameter, "The path is not correctly percent-encoded.")
	default:
		return protocol.Errorf(protocol.CodeNotFound,
			"This engine serves no such path below %s; is it older than the client?", Prefix)
	}
}
