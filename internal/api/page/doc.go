// Package page is the page for people: what executions there are, and for each one what it did, what it waits for and
// why, with the buttons that take it on; functions, nodes and the engine.
//
// Pages are rendered here, from templates and assets in the program; nothing is loaded from elsewhere, and without
// JavaScript all but the live updates works. An address says all that a page shows. With JavaScript an open page hears
// when something has changed, asks for itself, and puts in place what differs.
//
// What all pages have:
//
//	site.go       the engine it needs, the routes, the headers of every page
//	frame.go      what is around a page: navigation, who looks at it, refusals
//	live.go       the streams that say when a page has changed
//	forms.go      the tokens of forms
//	assets.go     style sheets, scripts, templates
//	words.go      how moments, sizes and names are written
//	functions.go, engine.go, chart.go  the pages of those, and pictures of figures
//
// The list of executions, and what is done to many of them:
//
//	list.go       rows and pages; what its address says
//	facets.go     what is counted beside it; failures.go groups what failed
//	soon.go       what takes too long for a page to wait for it
//	act.go        plans of actions; jobs.go shows what became of them
//	start.go      the form that starts an execution, and the events that people keep
//
// The page of an execution:
//
//	execution.go  what it shows
//	place.go      what its address says
//	record.go     the fold of a history; shelf.go keeps those that people look at
//	timeline.go   rows, folded and a window at a time, and their bars
//	axis.go       where a moment is, and which idle stretches are cut
//	details.go    the selected operation
//	story.go      history and log
//	payload.go    payloads for people; decoder.go asks a service to make them readable
//	actions.go    what the buttons do; commands.go says it for a terminal
package page
