// Loaded before aws-lambda-ric. AWS_LAMBDA_RUNTIME_API is HOST:PORT/SECRET here.
// Its native part reads that when it is loaded, and puts URLs together from it,
// which is fine. Its JavaScript takes the value apart: it refuses anything but
// HOST:PORT since version 4, and loses the secret before.
"use strict";
const http = require("node:http");
const whole = process.env.AWS_LAMBDA_RUNTIME_API;
const [address, secret] = whole.split("/");
const [host, port] = address.split(":");

process.env.AWS_LAMBDA_RUNTIME_API = address;
const dlopen = process.dlopen;
process.dlopen = function (module, file, ...rest) {
  if (!String(file).endsWith("rapid-client.node")) return dlopen.call(this, module, file, ...rest);
  process.env.AWS_LAMBDA_RUNTIME_API = whole;
  try {
    return dlopen.call(this, module, file, ...rest);
  } finally {
    process.env.AWS_LAMBDA_RUNTIME_API = address;
  }
};

const request = http.request;
http.request = function (options, ...rest) {
  const toRuntime = options && options.hostname === host && String(options.port) === port;
  if (secret && toRuntime && String(options.path).startsWith("/2018-06-01/")) {
    options = { ...options, path: `/${secret}${options.path}` };
  }
  return request.call(this, options, ...rest);
};
