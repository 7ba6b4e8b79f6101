//go:build unix

package runtimes_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/function/runtimes"
)

const nodeSeen = `
export const handler = async (event, context) => ({
  Event: event, RequestID: context.awsRequestId, Name: context.functionName, ARN: context.invokedFunctionArn,
  Memory: context.memoryLimitInMB, Remaining: context.getRemainingTimeInMillis(), Tenant: context.tenantId,
  Trace: process.env._X_AMZN_TRACE_ID, Env: process.env, Cwd: process.cwd(),
});
`

func TestNodeSeesWhatLambdaShows(t *testing.T) {
	need(t, "node")
	code := runtimes.Code{Runtime: "nodejs22.x", Handler: "src/app.handler", Dir: t.TempDir()}
	f := start(t, code, options(t, false), map[string]string{"package.json": `{"type":"module"}`, "src/app.js": nodeSeen})
	var got seen
	inv := f.answer(`{"item":"böok"}`, &got)
	got.check(t, inv, code)
	if diff := cmp.Diff(map[string]any{"item": "böok"}, got.Event); diff != "" {
		t.Error(diff)
	}
	if got.Tenant != "blue" {
		t.Errorf("tenant: got %q, want blue", got.Tenant)
	}
	f.answer(`{}`, &got) // the same process again
}

func TestNodeTakesHandlersInEveryForm(t *testing.T) {
	need(t, "node")
	for name, c := range map[string]struct{ file, source, handler string }{
		"CommonJS":  {"index.js", `exports.handler = async (n) => n * 2;`, "index.handler"},
		"module":    {"index.mjs", `export const handler = async (n) => n * 2;`, "index.handler"},
		"default":   {"index.mjs", `export default { api: { handler: async (n) => n * 2 } };`, "index.api.handler"},
		"callback":  {"index.js", `exports.handler = (n, _, done) => { setTimeout(() => done(null, n * 2), 1); };`, "index.handler"},
		"immediate": {"index.cjs", `exports.handler = (n, context, done) => { context.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1e6); done(null, n * 2); };`, "index.handler"},
		"sync":      {"index.js", `exports.handler = (n) => n * 2;`, "index.handler"},
		"directory": {"app/index.js", `exports.handler = async (n) => n * 2;`, "app.handler"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, runtimes.Code{Runtime: "nodejs22.x", Handler: c.handler}, options(t, false), map[string]string{c.file: c.source})
			var got int
			if f.answer(`21`, &got); got != 42 {
				t.Errorf("got %d, want 42", got)
			}
		})
	}
}

func TestNodeSaysHowItFailed(t *testing.T) {
	need(t, "node")
	for name, c := range map[string]struct{ source, handler, errorType, message string }{
		"throw": {`exports.handler = async () => { throw new TypeError("no stock"); };`, "index.handler", "TypeError",
			"no stock"},
		"callback error": {`exports.handler = (e, c, done) => done(new RangeError("no stock"));`, "index.handler", "RangeError",
			"no stock"},
		"throw no error": {`exports.handler = async () => { throw "no stock"; };`, "index.handler", "string", "no stock"},
		"never settled":  {`exports.handler = () => new Promise(() => {});`, "index.handler", "Runtime.NodeJsExit", "never settles"},
		"rejection": {`exports.handler = () => { Promise.reject(new Error("lost")); return new Promise(() => {}); };`,
			"index.handler", "Runtime.UnhandledPromiseRejection", "lost"},
		"uncaught": {`exports.handler = () => { setTimeout(() => { throw new Error("lost"); }); return new Promise(() => {}); };`,
			"index.handler", "Error", "lost"},
		"exit":           {`exports.handler = async () => process.exit(3);`, "index.handler", "Runtime.ExitError", "exit status 3"},
		"no module":      {``, "other.handler", "Runtime.ImportModuleError", "other"},
		"no dependency":  {`require("not-there");`, "index.handler", "Runtime.ImportModuleError", "not-there"},
		"syntax":         {`exports.handler = async () => {`, "index.handler", "Runtime.UserCodeSyntaxError", ""},
		"throws at load": {`throw new Error("no config");`, "index.handler", "Error", "no config"},
		"no such export": {`exports.other = 1;`, "index.handler", "Runtime.HandlerNotFound", "index.handler"},
		"streams": {`exports.handler = awslambda.streamifyResponse(async () => {});`, "index.handler",
			"Runtime.StreamingUnsupported", "streams"},
		"exits while alone": {`process.exit(4);`, "index.handler", "Runtime.ExitError", "exit status 4"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, runtimes.Code{Runtime: "nodejs22.x", Handler: c.handler}, options(t, false),
				map[string]string{"index.js": c.source})
			out := f.fails(`{}`, c.errorType)
			if !strings.Contains(out.Error.ErrorMessage, c.message) {
				t.Errorf("got message %q, want one with %q", out.Error.ErrorMessage, c.message)
			}
		})
	}
}

func TestNodeLogsInLambdasFormats(t *testing.T) {
	need(t, "node")
	source := map[string]string{"index.js": `exports.handler = async () => { console.warn("low on %s", "books"); return null; };`}
	f := start(t, runtimes.Code{Runtime: "nodejs22.x", Handler: "index.handler"}, options(t, false), source)
	_, inv := f.invoke(`{}`)
	if got, want := f.output(), "\t"+inv.RequestID+"\tWARN\tlow on books"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end with %q", got, want)
	}
}

// What aws-lambda-ric 4 does with AWS_LAMBDA_RUNTIME_API, without its native part.
const nodeRIC = `
import { createRequire } from "node:module";
const { request } = createRequire(import.meta.url)("node:http");
const parts = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
if (parts.length !== 2 || String(Number(parts[1])) !== parts[1]) throw new Error("Invalid hostnamePort: " + parts);
const call = (method, path, body) => new Promise((resolve, reject) => {
  const r = request({ hostname: parts[0], port: Number(parts[1]), path: "/2018-06-01/runtime/invocation/" + path, method }, (response) => {
    response.resume().on("end", () => resolve(response.headers));
  });
  r.on("error", reject).end(body);
});
for (;;) {
  const { "lambda-runtime-aws-request-id": id } = await call("GET", "next");
  await call("POST", id + "/response", JSON.stringify("by AWS's client"));
}
`

func TestNodeRunsAWSClientWhereverItsVersionHasIt(t *testing.T) {
	need(t, "node")
	for version, files := range map[string]struct{ program, native string }{
		"3": {"bin/index.mjs", "dist/rapid-client.node"},
		"4": {"index.mjs", "rapid-client.node"},
	} {
		t.Run(version, func(t *testing.T) {
			ric := "node_modules/aws-lambda-ric/"
			f := start(t, runtimes.Code{Runtime: "nodejs24.x", Handler: "index.handler"}, options(t, false), map[string]string{
				"index.js": ``, ric + files.program: nodeRIC, ric + files.native: `built`,
			})
			var got string
			if f.answer(`{}`, &got); got != "by AWS's client" {
				t.Errorf("got %q, want an answer by AWS's client", got)
			}
		})
	}
}
