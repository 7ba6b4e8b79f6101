package main

import "testing"

// A function that is in two suites, or a requirement that is served and still
// called a gap, would hide the other.
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
	for name, reason := range gaps() {
		if seen[name] {
			t.Errorf("%s has a function and is a gap: %s", name, reason)
		}
	}
}
