package main

import "testing"

// A function that is in two suites would hide the other.
func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range suites {
		for name := range s {
			if seen[name] {
				t.Errorf("%s is in two suites", name)
			}
			seen[name] = true
		}
	}
}
