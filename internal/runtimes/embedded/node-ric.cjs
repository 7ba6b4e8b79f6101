// Loaded before aws-lambda-ric. AWS_LAMBDA_RUNTIME_API is HOST:PORT/SECRET here.
// aws-lambda-ric polls and answers through URLs, which is fine, but takes the
// value apart where it reports a failed initialisation, and loses the secret.
"use strict";
const http = require("node:http");
const [address, secret] = process.env.AWS_LAMBDA_RUNTIME_API.split("/");
const [host, port] = address.split(":");
const request = http.request;
http.request = function (options, ...rest) {
  const toRuntime = options && options.hostname === host && String(options.port) === port;
  if (secret && toRuntime && String(options.path).startsWith("/2018-06-01/")) {
    options = { ...options, path: `/${secret}${options.path}` };
  }
  return request.call(this, options, ...rest);
};
