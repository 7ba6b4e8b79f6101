// Package survival holds the test that kills the engine and its functions at
// random moments and then holds every promise against what happened. It has no
// code of its own; victim is the function that is killed.
package survival
