// Package page is the page for people: the list of executions, and for each one what it did, what it waits for and
// why, with the buttons that take it on.
//
// Pages are rendered here, from templates and assets in the program; nothing is loaded from elsewhere, and without
// JavaScript all but the live updates works. With it, an open page asks for itself once a second, and gets a full
// answer only if something has changed.
//
//	ui.go          the engine it needs, the routes, the headers of every page
//	list.go        the list of executions
//	execution.go   the page of one execution
//	operations.go  its operations, folded from the history, as a tree with bars
//	log.go         the end of its log
//	actions.go     what the buttons do
//	words.go       how moments, durations and payloads are written
package page
