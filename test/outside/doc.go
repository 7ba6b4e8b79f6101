// Package outside tests what a module outside of the repository can do with the
// public packages.
package outside
