package runtimeapi

import (
	"net"
	"testing"
)

func TestPeerIsOurs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if !peerIsOurs(conn.RemoteAddr(), conn.LocalAddr()) {
		t.Error("our own socket is not ours")
	}
	stranger := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	if peerIsOurs(stranger, conn.LocalAddr()) {
		t.Error("a socket that does not exist is ours")
	}
	if peerIsOurs(&net.UnixAddr{Name: "x"}, conn.LocalAddr()) {
		t.Error("an address of another network is ours")
	}
}

// A socket for both versions of IP, as Java's are, is in the table of IPv6.
func TestSocketUserByIPv6(t *testing.T) {
	const table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000100007F:9C40 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 52 1 0 20 4 30 10 -1
`
	const mapped = "0000000000000000FFFF0000"
	if uid, ok := socketUser([]byte(table), mapped+"0100007F:9C40", mapped+"0100007F:1F90"); !ok || uid != 1001 {
		t.Errorf("got user %d, %v, want 1001", uid, ok)
	}
	if uid, ok := socketUser([]byte(table), mapped+"0100007F:1F90", mapped+"0100007F:9C40"); ok {
		t.Errorf("got user %d for the other end, want nobody", uid)
	}
}
