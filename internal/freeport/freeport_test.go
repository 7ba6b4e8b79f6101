package freeport

import (
	"net"
	"os"
	"os/exec"
	"testing"
)

// TestTake: a port that is taken is free to listen on, again and again, and nobody else gets it before it is freed: not
// in this process, and not in another.
func TestTake(t *testing.T) {
	if address := os.Getenv("TAKE_PORT"); address != "" {
		if err := at(t, address).take(); err == nil {
			t.Fatalf("%s was taken twice", address)
		}
		return
	}
	p, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l, err := net.Listen("tcp", p.Address())
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	if err := at(t, p.Address()).take(); err == nil {
		t.Errorf("%s was taken twice", p.Address())
	}
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTake$")
	other.Env = append(os.Environ(), "TAKE_PORT="+p.Address())
	if out, err := other.CombinedOutput(); err != nil {
		t.Errorf("another process: %v\n%s", err, out)
	}
	p.Free()
	again := at(t, p.Address())
	if err := again.take(); err != nil {
		t.Fatalf("a port that was freed: %v", err)
	}
	again.Free()
}

// TestListenedOn: a port on which a server listens is not taken, whoever started that.
func TestListenedOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := at(t, l.Addr().String()).take(); err == nil {
		t.Errorf("%s was taken, where a server listens", l.Addr())
	}
}

func at(t *testing.T, address string) *Port {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return &Port{Number: a.Port}
}
