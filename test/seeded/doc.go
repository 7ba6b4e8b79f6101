// Package seeded holds the tools for tests against bugs that were put there: in workflows, which Explore, Replay or the
// linter has to find, and in the SDK itself, which the exploration of correct workflows has to find. It is tests only;
// docs/guides/test.md has the table.
package seeded
