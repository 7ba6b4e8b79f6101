//go:build unix

package sandbox_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/function/sandbox"
)

// pidFor is pid for a tenant.
func (f *fixture) pidFor(tenant string) int {
	f.t.Helper()
	inv := invocation(nil)
	inv.TenantID = tenant
	out := f.Invoke(f.t.Context(), inv)
	if out.Error != nil {
		f.t.Fatalf("got error %+v, want a payload", out.Error)
	}
	pid, err := strconv.Atoi(string(out.Payload))
	if err != nil {
		f.t.Fatal(err)
	}
	f.until("every process is idle", func(all, idle int) bool { return all == idle })
	return pid
}

// until waits for the processes to be as they should.
func (f *fixture) until(what string, ok func(all, idle int) bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		n := f.Processes()
		all, idle := n.All(), n.Idle
		if ok(all, idle) {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("got %d processes, %d of them idle; want that %s", all, idle, what)
		}
	}
}

// A process serves one tenant, again and again, and no other.
func TestTenantsAreKeptApart(t *testing.T) {
	f := newFixture(t, "pid", func(c *sandbox.Config) { c.PerTenant = true })
	processes := map[string]int{}
	for range 5 {
		for _, tenant := range []string{"red", "green", "blue"} {
			pid := f.pidFor(tenant)
			if before, ok := processes[tenant]; ok && before != pid {
				t.Errorf("tenant %s went from process %d to %d", tenant, before, pid)
			}
			processes[tenant] = pid
		}
	}
	if processes["red"] == processes["green"] || processes["red"] == processes["blue"] || processes["green"] == processes["blue"] {
		t.Errorf("tenants share a process: %v", processes)
	}
}

// Tenants that ask for nothing give way: the one that waits the longest first.
func TestTenantsGiveWay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "pid", func(c *sandbox.Config) { c.PerTenant, c.MaxProcesses = true, 3 })
	first := f.pidFor("tenant 1")
	last := 0
	for i := range 8 {
		last = f.pidFor(fmt.Sprint("tenant ", i+1))
	}
	f.until("there are 3", func(all, _ int) bool { return all == 3 })
	if f.pidFor("tenant 8") != last {
		t.Error("the tenant that came last had to give way")
	}
	if f.pidFor("tenant 1") == first {
		t.Error("the tenant that came first did not give way")
	}
}

// Other functions have nothing to do with it.
func TestTenantsMayShare(t *testing.T) {
	f := newFixture(t, "pid", nil)
	if red, blue := f.pidFor("red"), f.pidFor("blue"); red != blue {
		t.Errorf("got processes %d and %d, want one", red, blue)
	}
}
