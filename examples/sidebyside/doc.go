// Package sidebyside holds the ten programs of docs/side-by-side.md, which
// quotes them: one durable function a file, in the order of the page's
// sections.
//
// Each is a method of what it talks to, so that its tests can put a fake in
// that place; main would call durable.Start(shop.Pay).
package sidebyside
