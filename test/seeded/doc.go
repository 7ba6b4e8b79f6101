// Package seeded holds the tools for tests against bugs that were put there: in workflows, which Explore, Replay or the
// linter has to find, and in the SDK and the engine, which the exploration of correct workflows has to find. It is tests
// only; docs/seeded-bugs.md tells who finds what.
package seeded
