//go:build !linux

package runtimeapi

import "net"

// peerIsOurs cannot be told here.
func peerIsOurs(_, _ net.Addr) bool { return true }
