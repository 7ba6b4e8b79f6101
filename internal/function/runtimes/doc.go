// Package runtimes turns a SAM template's description of code — a runtime identifier, a handler, a directory — into
// the command and the environment of a process that polls the Runtime API.
//
//	p, err := runtimes.Resolve(ctx, runtimes.Code{Runtime: "python3.13", Handler: "app.handler", Dir: dir}, opts)
//	pool, err := sandbox.New(sandbox.Config{Command: p.Command, Handler: p.Handler, Dir: p.Dir, RuntimeEnv: p.Env, …})
//
// # Programs
//
//	provided.*  the executable bootstrap in the directory: Go, Rust, anything
//	nodejs*     aws-lambda-ric if the function's node_modules have it, and
//	            otherwise a client of our own, which needs nothing installed
//	python*     awslambdaric, the function's own or else one that is installed
//	            once, from PyPI, into the cache
//	java*       aws-lambda-java-runtime-interface-client, the function's own or
//	            else one that is installed once, with Maven, into the cache
//
// The interpreter is the machine's: python3.13 if it is on the PATH, or else python3; [Process].Note then tells its
// version.
//
// # Clients and the path of the Runtime API
//
// AWS_LAMBDA_RUNTIME_API has an unguessable path behind host and port here. Most clients build URLs from it and
// need not know: Go's, Java's, our own. awslambdaric takes it apart when it reports a failed initialisation, so a
// few lines of ours start it. Others refuse it: aws-lambda-ric, and lambda_runtime for Rust. For them, and for
// unknown executables, [Process].OwnPort asks for a port without a path.
//
// # Adding a language
//
// Here it is a file, and a case each in code.go and detect.go. In package build it is a file, and a case in source.go.
// Code inside of templates is in package template, function.go. The doctor lists the tools that languages need.
package runtimes
