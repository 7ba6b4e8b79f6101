// Package rules holds the rules that the repository as a whole keeps: which
// package may import which, how long a file may grow, that documents point at
// files that exist. It is tests only.
package rules
