// Package cli holds what the verbs of the command line share and what can be
// tested without a process: problems and how they are told, flags, event
// files, and reading the Lambda API's answers. Package progress, below it,
// shows an execution while it runs.
//
// The rules for output: the result goes to stdout and nothing else does.
// Everything for people goes to stderr. A problem is one line that starts with
// "perdure: ", then lines that start with "hint: " and say what to do.
package cli
