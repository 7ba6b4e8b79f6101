// Package victims holds correct workflows, which Explore finds nothing wrong with unless the SDK has a bug. Package
// seeded builds them with a bug in it. It is tests only.
package victims
