// Package freeport finds ports for servers that tests and benchmarks start, where the server itself cannot choose: it
// must be found again at the same address after its end, or others must know the address before it starts.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports to choose from. Systems give out higher ones by themselves, to clients and to whoever listens on port 0, so
// none of those comes between the end of a server and its next start.
const lowest, highest = 4000, 9999

// Port is a TCP port of the loopback interface on which nobody listens. Until it is freed no other call of [Take] gets
// it, in any process of this machine.
type Port struct {
	Number int
	// hold is the UDP port of that number. The system frees it when the process ends, however it ends.
	hold net.PacketConn
}

// Take returns a port that is free.
func Take() (*Port, error) {
	for range 1000 {
		p := &Port{Number: lowest + rand.IntN(highest-lowest+1)}
		if p.take() == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no port from %d to %d of the loopback interface is free", lowest, highest)
}

func (p *Port) take() error {
	hold, err := net.ListenPacket("udp4", p.Address())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", p.Address())
	if err != nil {
		return errors.Join(err, hold.Close())
	}
	p.hold = hold
	return l.Close()
}

// For takes a port until the end of a test or a benchmark, and returns its address.
func For(t interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}) string {
	t.Helper()
	p, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Free)
	return p.Address()
}

// Address is the port as a server is told it, such as "127.0.0.1:4321".
func (p *Port) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Number)) }

// Free lets others take the port.
func (p *Port) Free() { p.hold.Close() }
