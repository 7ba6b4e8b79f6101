package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestConsoleThatNobodyReads: whoever writes goes on, what fits comes later, and
// the rest is counted.
func TestConsoleThatNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	c := NewConsole(w)
	const lines = 30_000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range lines { // three times what may wait
			fmt.Fprintf(c, "%06d %s\n", i, strings.Repeat("x", 92))
		}
		c.Flush()
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal("the writer is held up")
	}
	if c.mu.Lock(); len(c.waiting) > maxConsole {
		t.Errorf("%d bytes wait", len(c.waiting))
	}
	c.mu.Unlock()

	shown, left := 0, 0
	for scanner := bufio.NewScanner(r); shown+left < lines; {
		if !scanner.Scan() {
			t.Fatal("the lines end early")
		}
		if n, _ := fmt.Sscanf(scanner.Text(), "perdure: %d lines were left out", &left); n == 1 {
			continue
		}
		if want := fmt.Sprintf("%06d ", shown); left == 0 && !strings.HasPrefix(scanner.Text(), want) {
			t.Fatalf("got line %.10q, want %s", scanner.Text(), want)
		}
		shown++
	}
	if left == 0 || shown < maxConsole/100 {
		t.Errorf("%d lines were shown and %d left out", shown, left)
	}
	fmt.Fprintln(c, "again")
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || line != "again\n" {
		t.Errorf("afterwards: got %q, %v", line, err)
	}
}

// TestConsoleKeepsOrder: what was written is shown when Write returns.
func TestConsoleKeepsOrder(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := NewConsole(f)
	for i := range 100 {
		fmt.Fprintf(c, "%d\n", i)
		fmt.Fprintf(f, "%d\n", i)
	}
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 100 {
		fmt.Fprintf(&want, "%d\n%d\n", i, i)
	}
	if string(data) != want.String() {
		t.Errorf("got %q", data)
	}
}
