// Package guides runs the guides: what they show of Go is compiled, every test in it is run, and every command that they
// show gives what stands below it. A guide is a session in the directory of a module, from its first block to its last:
//
//   - Go that begins with the name of a file, as in "// main.go", is that file.
//   - Other Go belongs to the test file of its section, which gets a package clause and the imports that it needs.
//     Statements are the body of a test.
//   - A diff changes the file in which its lines stand.
//   - Another language with the name of a file in its first line, as in "# ci.sh" or "-- a.sql", is that file.
//   - A block without a language is lines for a shell, each behind "$ ", and what they print. There "…" stands for
//     anything, a line of it for any lines; how long tests took does not count, nor what is said only while something
//     is slow. A command has to fail if a line of what it prints begins with FAIL, and otherwise to succeed. One that
//     ends with & goes on beside the others, as a job with a number; the next one is run when something listens at the
//     address in its line, or in the file that it names. kill %1 and wait %1 are for jobs, and a job that is waited for
//     has to end well. export NAME=VALUE is for all lines behind. perdure list and perdure nodes are asked again until
//     they show what the guide shows.
//   - A block behind a comment <!-- not run: and the reason --> is only read. No other block may be left over.
package guides
