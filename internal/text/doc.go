// Package text words things for people: durations, and what somebody meant.
package text
