// Package e2e drives the page in Chromium: real engines, which are `perdure serve`, with a real function, and a browser
// that clicks and types as people do.
//
// It is a module of its own, because the driver is nothing that Perdure needs. `make e2e` runs it: it needs Chromium
// and axe-core, which .ci/run installs. Pictures of every page go to bin/e2e/screens. Nothing sleeps: a test waits
// until the page is as it wants.
//
//	main_test.go        what is built and started once
//	browser_test.go     a tab: open, find, click, type, and what went wrong in it
//	engine_test.go      an engine, its client, and stores that are empty, busy or full
//	pages_test.go       every page in every state: no error, no violation of accessibility, fits a phone; pictures
//	actions_test.go     each button, and what it did
//	access_test.go      all that a key may not do which may only read
//	live_test.go        pages that change while they are looked at, and engines that go away
//	hostile_test.go     what functions say to harm whoever looks
//	keyboard_test.go    without a pointer
//	noscript_test.go    without JavaScript
//	size_test.go        10,000 operations, and a million executions
//	shop/               the function
package e2e
