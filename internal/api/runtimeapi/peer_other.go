//go:build !linux

package runtimeapi

import "net"

// peerIsOurs cannot know here.
func peerIsOurs(_, _ net.Addr) bool { return true }
