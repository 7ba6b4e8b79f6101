// Package sandbox runs a function as processes of this machine.
//
// A [Pool] holds the processes of one version of a function and is an [engine.Invoker]. A process runs one
// invocation at a time, as on Lambda, or as many as [Config].Concurrency says, as on Lambda's Managed Instances; when
// all places are taken the pool starts another, up to a limit. A process is filled before the next is used. Idle
// processes are stopped after a while.
//
// # The process
//
// The command runs in a process group of its own, with the environment that Lambda gives a function and little else
// (see [Config].Env), its output read line by line. It polls the Runtime API of package runtimeapi. Whatever ends
// it, its whole group is killed with it. When the engine dies, on Linux the kernel kills the process, and a shell
// that stands by kills its group: a function may be a script that started the polling program.
//
// A process gets only what the engine gives it: no descriptors, and on Linux neither the engine's memory nor its
// environment, see [Shelter].
//
// # How an invocation ends
//
//	the function answers               its payload
//	the function reports an error      its error document
//	the process exits, or is killed    Runtime.ExitError; the next invocation gets a new process
//	the deadline passes                the process is killed if it is alone there; Sandbox.Timedout
//	the caller's context is cancelled  likewise; Sandbox.Failure
//	the process uses too much memory   it is killed; Runtime.OutOfMemory
//	the process cannot initialise      Runtime.ExitError, or what it reported
//	the command cannot be executed     Runtime.InvalidEntrypoint, saying why
//	no process is free in time         Sandbox.Failure; Unstarted
//	the pool was closed                Sandbox.Failure; Unstarted
//
// No deadline holds while a debugger is at the process or at one that it started, which we see on Linux only. A
// process with a debugger is told of a far deadline when it gets an invocation; if the debugger comes later, the
// process knows its deadline, and may end its work by that.
//
// An initialisation has a time limit of its own, and the function's timeout runs from the moment at which a process
// has the invocation. After a failed initialisation, invocations fail in the same way, without another process, for
// a time that grows up to five seconds.
//
// # Several invocations in one process
//
// With a Concurrency over 1 the process learns it as AWS_LAMBDA_MAX_CONCURRENCY, and its runtime client polls so many
// times at once. All is as Managed Instances have it, where that is documented:
//
//   - An invocation that runs out of time, or is cancelled, has failed, and the others go on; a late answer is refused
//     with 410 InvokeTimeout. AWS leaves the code running. Here the process gets no more invocations until the late
//     code has ended and its client polls again, and is killed when the others have ended and it has not.
//   - When the process ends all invocations in it have failed, each with Runtime.ExitError. AWS's clients for Python
//     and Node.js have a process or a thread for each place below the one that we start: when one of these ends we do
//     not hear of it, and its invocation runs out of time.
//   - Memory, processes, threads and the temporary directory are shared; a tenant's process is that tenant's alone.
//   - The log format is JSON. A line of JSON is of the invocation that its member requestId, or AWSRequestId, names.
//     Any other is of the one that has been alone in the process since that was idle, or else of none: it reaches
//     Config.Output with no invocation.
//
// # Memory
//
// A process and its descendants together may use the function's memory. On Linux we look ten times a second and
// kill those above it, so a process can be over it for a moment; elsewhere the limit is only told. The kernel's own
// means do not fit: control groups are the machine owner's to give, and limits of the address space do not go with
// runtimes that reserve far more than they use, such as Go's.
//
// # Processes and threads
//
// A process, with all in its group, may have 1,024 processes and threads, as on Lambda; beyond that the group is
// killed. On Linux we look ten times a second, and in between the kernel keeps it from taking the last processes of
// its user, which are the engine's, too. Root is not bound by that.
//
// # Replacing a build
//
// A pool never looks at its command again once a process runs it. For a new build make a new pool, register it, and
// close the old one: Close lets invocations under way end.
package sandbox
