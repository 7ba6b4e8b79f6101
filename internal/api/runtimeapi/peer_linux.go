package runtimeapi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
)

// peerIsOurs reports whether the other end of a loopback connection belongs to a process of our own user, by the
// kernel's table of sockets. A socket that is no longer there is nobody's.
func peerIsOurs(peer, local net.Addr) bool {
	p, ok1 := peer.(*net.TCPAddr)
	l, ok2 := local.(*net.TCPAddr)
	if !ok1 || !ok2 {
		return false
	}
	for _, table := range []struct{ file, format string }{
		{"/proc/self/net/tcp", "%s:%04X"},
		{"/proc/self/net/tcp6", "0000000000000000FFFF0000%s:%04X"}, // sockets for both protocols use IPv6
	} {
		data, err := os.ReadFile(table.file)
		if err != nil {
			continue
		}
		here := fmt.Sprintf(table.format, hexIP(p.IP), p.Port)
		there := fmt.Sprintf(table.format, hexIP(l.IP), l.Port)
		if uid, ok := socketUser(data, here, there); ok {
			return uid == os.Geteuid()
		}
	}
	return false
}

// socketUser finds a socket by both its ends, and returns its user.
func socketUser(table []byte, here, there string) (uid int, ok bool) {
	for line := range bytes.Lines(table) {
		fields := bytes.Fields(line)
		if len(fields) > 7 && string(fields[1]) == here && string(fields[2]) == there {
			uid, err := strconv.Atoi(string(fields[7]))
			return uid, err == nil
		}
	}
	return 0, false
}

// hexIP writes an address as the kernel does: a number in this machine's byte order.
func hexIP(ip net.IP) string {
	ip = ip.To4()
	if ip == nil {
		return "-"
	}
	return fmt.Sprintf("%08X", binary.NativeEndian.Uint32(ip))
}
