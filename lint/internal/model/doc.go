// Package model is what the linter knows of package durable, in one place: its functions and their arguments
// ([Lookup], [CallOf]), and which code of a package is workflow code, which runs again on each replay, and which is
// the body of a step, which may do anything ([Code]).
package model
