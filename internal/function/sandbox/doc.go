// Package sandbox runs a function as processes of this machine.
//
// A [Pool] holds the processes of one version of a function and is an [engine.Invoker]. A process runs one
// invocation at a time, as on Lambda; when all are busy the pool starts another, up to a limit. Idle processes are
// used newest first and stopped after a while.
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
//	the process exits                  Runtime.ExitError; the next invocation gets a new process
//	the deadline passes                the process is killed; Sandbox.Timedout
//	the caller's context is cancelled  the process is killed; Sandbox.Failure
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
