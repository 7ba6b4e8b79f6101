// A client of the Lambda Runtime API: polls for invocations, calls the handler
// that the command line names, answers. It gives functions what Lambda's own
// client for Node.js gives them, response streaming apart.
import { createRequire } from "node:module";
import { existsSync, statSync } from "node:fs";
import { format } from "node:util";
import { pathToFileURL } from "node:url";
import http from "node:http";
import path from "node:path";

const env = process.env;
const root = env.LAMBDA_TASK_ROOT ?? process.cwd();
const [address, ...prefix] = env.AWS_LAMBDA_RUNTIME_API.split("/");
const [hostname, port] = address.split(":");
const base = ["", ...prefix, "2018-06-01", "runtime"].join("/");
const agent = new http.Agent({ keepAlive: true });

let requestId; // of the invocation under way

// --- The Runtime API ---

function call(method, route, body, headers = {}) {
  return new Promise((resolve, reject) => {
    if (body !== undefined) {
      headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body), ...headers };
    }
    const request = http.request({ hostname, port, path: base + route, method, headers, agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode, headers: response.headers, text });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

const respond = (id, body) => call("POST", `/invocation/${id}/response`, body);

const fail = (id, error) => call("POST", `/invocation/${id}/error`, JSON.stringify(describe(error)), typeHeader(error));

const failInit = (error) => call("POST", "/init/error", JSON.stringify(describe(error)), typeHeader(error));

// --- Errors ---

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
    this.stack = `${name}: ${message}`;
  }
}

function describe(error) {
  if (error instanceof Error || (error && typeof error === "object" && "message" in error && "stack" in error)) {
    return {
      errorType: String(error.name ?? "Error"),
      errorMessage: String(error.message),
      trace: String(error.stack ?? "").split("\n"),
    };
  }
  return { errorType: typeof error, errorMessage: typeof error === "string" ? error : format(error), trace: [] };
}

// A header holds printable ASCII only.
const typeHeader = (error) => ({
  "Lambda-Runtime-Function-Error-Type": describe(error).errorType.replace(/[^\x21-\x7e]/g, "?"),
});

// --- The log: what the console writes, in the format that Lambda gives it ---

const asJSON = env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const threshold = asJSON ? Math.max(levels.indexOf((env.AWS_LAMBDA_LOG_LEVEL ?? "").toUpperCase()), 0) : 0;

function log(level, args) {
  if (levels.indexOf(level) < threshold) return;
  const timestamp = new Date().toISOString();
  if (!asJSON) {
    process.stdout.write(`${timestamp}\t${requestId ?? "undefined"}\t${level}\t${format(...args)}\n`);
    return;
  }
  const line = { timestamp, level, requestId };
  const error = args.find((arg) => arg instanceof Error);
  line.message = args.length === 1 && !error ? args[0] : format(...args);
  if (error) {
    const { errorType, errorMessage, trace } = describe(error);
    Object.assign(line, { errorType, errorMessage, stackTrace: trace });
  }
  process.stdout.write(stringify(line) + "\n");
}

function stringify(line) {
  try {
    return JSON.stringify(line);
  } catch {
    return JSON.stringify({ ...line, message: format(line.message) });
  }
}

for (const [method, level] of Object.entries({
  trace: "TRACE", debug: "DEBUG", log: "INFO", info: "INFO", warn: "WARN", error: "ERROR",
})) {
  console[method] = (...args) => log(level, args);
}

// --- The handler ---

const streaming = Symbol("streaming");

globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [streaming]: true }),
  HttpResponseStream: { from: (stream) => stream },
};

const extensions = ["", ".js", ".mjs", ".cjs"];
if (process.features.typescript) extensions.push(".ts", ".mts", ".cts");

async function load(name) {
  const dot = name.indexOf(".", name.lastIndexOf("/") + 1);
  if (dot < 0 || name.split("/").includes("..")) {
    throw new RuntimeError("Runtime.MalformedHandlerName", `"${name}" is not FILE.FUNCTION`);
  }
  const module = await importModule(name.slice(0, dot));
  const handler = lookup(module, name.slice(dot + 1));
  if (handler === undefined) {
    throw new RuntimeError("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  }
  if (typeof handler !== "function") {
    throw new RuntimeError("Runtime.HandlerNotFound", `${name} is not a function`);
  }
  if (handler[streaming]) {
    throw new RuntimeError("Runtime.StreamingUnsupported", `${name} streams its response, which is not supported here`);
  }
  return handler;
}

async function importModule(file) {
  for (const extension of extensions) {
    const full = path.resolve(root, file + extension);
    if (!existsSync(full) || !statSync(full).isFile()) continue;
    try {
      return await import(pathToFileURL(full));
    } catch (error) {
      if (error instanceof SyntaxError) throw rename("Runtime.UserCodeSyntaxError", error);
      if (error?.code?.endsWith("MODULE_NOT_FOUND")) throw rename("Runtime.ImportModuleError", error);
      throw error;
    }
  }
  try {
    return createRequire(path.join(root, "index.js"))(file); // a directory, or a package
  } catch (error) {
    const reason = error?.code === "MODULE_NOT_FOUND" ? `Cannot find module '${file}' in ${root}` : String(error);
    throw new RuntimeError("Runtime.ImportModuleError", `Error: ${reason}`);
  }
}

function rename(name, error) {
  const renamed = new RuntimeError(name, `${error.name}: ${error.message}`);
  renamed.stack = `${name}: ${error.stack}`;
  return renamed;
}

function lookup(module, name) {
  const find = (from) => name.split(".").reduce((value, key) => value?.[key], from);
  return find(module) ?? find(module.default);
}

// invoke calls the handler, whichever of its two forms it has: the one that
// returns a promise, or the one that takes a callback.
function invoke(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => {
      const settle = () => (error === undefined || error === null ? resolve(result) : reject(error));
      if (context.callbackWaitsForEmptyEventLoop) whenEmpty = settle;
      else settle();
    };
    Object.assign(context, {
      done: callback,
      succeed: (result) => resolve(result),
      fail: (error) => reject(error ?? "handled"),
    });
    const returned = handler(event, context, callback);
    if (typeof returned?.then === "function") returned.then(resolve, reject);
    else if (handler.length < 3 && returned !== undefined) resolve(returned);
  });
}

function newContext(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const json = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    clientContext: json("lambda-runtime-client-context"),
    identity: json("lambda-runtime-cognito-identity"),
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  const tenant = headers["lambda-runtime-aws-tenant-id"];
  if (tenant !== undefined) context.tenantId = tenant;
  return context;
}

// --- The life of the process ---

let whenEmpty; // what is left to do when nothing else is left to run

async function die(status, what, error) {
  console.error(what, describe(error));
  const report = requestId === undefined ? failInit(error) : fail(requestId, error);
  await report.catch(() => {});
  process.exit(status);
}

process.on("uncaughtException", (error) => die(129, "Uncaught Exception", error));
process.on("unhandledRejection", (reason) => {
  const message = reason instanceof Error ? `${reason.name}: ${reason.message}` : format(reason);
  const error = new RuntimeError("Runtime.UnhandledPromiseRejection", message);
  if (reason instanceof Error) error.stack = `${error.name}: ${reason.stack}`;
  die(128, "Unhandled Promise Rejection", error);
});
process.on("beforeExit", () => {
  if (requestId === undefined) return;
  if (whenEmpty) {
    const settle = whenEmpty;
    whenEmpty = undefined;
    settle();
    return;
  }
  die(1, "Invoke Error", new RuntimeError("Runtime.NodeJsExit",
    "nothing is left to run and the handler has not answered: it may wait for a promise that never settles"));
});

async function answer(handler, next) {
  const context = newContext(next.headers);
  const trace = next.headers["lambda-runtime-trace-id"];
  if (trace) env._X_AMZN_TRACE_ID = trace;
  else delete env._X_AMZN_TRACE_ID;
  let body;
  try {
    const result = await invoke(handler, JSON.parse(next.text), context);
    body = JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch (error) {
    console.error("Invoke Error", describe(error));
    return fail(requestId, error);
  }
  return respond(requestId, body);
}

let handler;
try {
  handler = await load(process.argv[2] ?? env._HANDLER ?? "");
} catch (error) {
  console.error("Init Error", describe(error));
  await failInit(error);
  process.exit(1);
}
for (;;) {
  const next = await call("GET", "/invocation/next");
  if (next.status !== 200) {
    console.error(`the Runtime API answered ${next.status}: ${next.text}`);
    process.exit(1);
  }
  requestId = next.headers["lambda-runtime-aws-request-id"];
  const accepted = await answer(handler, next);
  if (accepted.status >= 400) console.error(`the Runtime API refused the answer (${accepted.status}): ${accepted.text}`);
  requestId = whenEmpty = undefined;
}
