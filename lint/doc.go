// Package lint finds what breaks durable functions, and what no test sees: code that does something else when it
// runs again. Its analyzers are those of golang.org/x/tools/go/analysis.
package lint
