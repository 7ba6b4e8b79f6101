// Package sidebyside holds the ten programs of docs/side-by-side.md, which quotes them: one durable function a
// file, in the order of the page's sections.
//
// Most are methods of what they talk to, so that tests can put a fake in that place; main would call
// durable.Start(till.Pay).
package sidebyside
