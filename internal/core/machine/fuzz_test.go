package machine_test

import (
	"bytes"
	"testing"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// seedJournals returns journals that have every type of record between them.
func seedJournals(f *testing.F) [][][]byte {
	r := invoked(f)
	r.must(r.checkpoint(
		openContext("ctx"), in("ctx", wait("w", 1)), callback("c", 5, 3), callback("d", 0, 0),
		retry("s", 2), invoke("i", "child"), invoke("p", "plain"), invoke("m", "missing"),
	))
	r.heartbeat(3)
	r.crash("Runtime.ExitError")
	r.sleep(4)
	r.invoke()
	r.succeedCallback(4, str("1"))
	r.complete("i", protocol.ExecutionTimedOut, nil, &protocol.ErrorObject{ErrorType: "Oops", StackTrace: []string{"a", "b"}})
	r.must(r.send("token", closeContext("ctx", "1", true), succeed("s", "1")))
	other := invoked(f)
	other.must(other.checkpoint(succeed("s", "1"), finish("1")))
	other.end(pending)
	other.keepFork("2", true)
	return [][][]byte{r.journal, other.journal}
}

// FuzzDecode reads arbitrary bytes as an entry. What is understood must survive
// another round.
func FuzzDecode(f *testing.F) {
	for _, journal := range seedJournals(f) {
		for _, entry := range journal {
			f.Add(entry)
		}
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		records, err := machine.Decode(entry)
		if err != nil {
			return
		}
		again, err := machine.Decode(machine.Encode(records))
		if err != nil {
			t.Fatalf("decoding what was encoded: %v", err)
		}
		equal(t, "records", again, records)
	})
}

// FuzzLoad folds arbitrary entries behind those of a journal. One that is
// accepted must leave an execution that answers and goes on.
func FuzzLoad(f *testing.F) {
	journals := seedJournals(f)
	for which, journal := range journals {
		for n, entry := range journal {
			f.Add(which == 1, n, entry)
		}
	}
	f.Fuzz(func(t *testing.T, second bool, n int, entry []byte) {
		journal := journals[btoi(second)]
		if n < 0 || n > len(journal) {
			return
		}
		l := machine.Load(nil)
		for _, good := range journal[:n] {
			if err := l.Add(good); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Add(entry); err != nil {
			if x, err := l.Execution(); err == nil {
				t.Fatalf("got execution %v after an error", x)
			}
			return
		}
		x, err := l.Execution()
		if err != nil {
			t.Fatal(err)
		}
		exercise(x)
	})
}

// exercise asks an execution everything, and drives it on, looking for panics.
func exercise(x *machine.Execution) {
	readings(x, epoch)
	d := x.Draft(max(x.Due(), x.Wanted(), epoch))
	d.FireTimers()
	d.SucceedCallback(3, callbackID(3), nil)
	d.CompleteInvoke("p", x.Children()["p"], protocol.ExecutionSucceeded, nil, nil)
	d.LoseInvocation(d.InFlight())
	d.Due()
	x = d.Publish()
	d = x.Draft(epoch)
	if x.WantsInvocation(1 << 62) {
		d.BeginInvocation("request")
		x = d.Publish()
		d = x.Draft(epoch)
		d.Checkpoint(&machine.Checkpoint{
			Fence: x.Fence(), CallbackID: callbackID,
			Updates: []protocol.Update{succeed("new", "1"), in("ctx", callback("new2", 1, 1)), closeContext("ctx", "1", false)},
		})
		x = d.Publish()
		d = x.Draft(epoch)
		d.EndInvocation("request", machine.Ending{Answer: []byte(pending)}, machine.CrashLimit{})
		x = d.Publish()
	}
	x.Draft(epoch).Stop(nil)
	readings(x, epoch)
}

// FuzzOutput ends an invocation with arbitrary bytes: it always ends.
func FuzzOutput(f *testing.F) {
	for _, answer := range []string{``, `null`, pending, `{"Status":"SUCCEEDED","Result":"1"}`,
		`{"Status":"FAILED","Error":{"StackTrace":["a"]}}`, `{"Status":"FAILED","Error":{"StackTrace":[]}}`} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		r := invoked(t)
		r.do(func(d *machine.Draft) error {
			d.EndInvocation(r.requestID(), machine.Ending{Answer: bytes.Clone(answer)}, machine.CrashLimit{})
			return nil
		})
		if r.x.Invoking() || !r.x.Status().Closed() && r.x.InvokeAt() <= r.now {
			t.Errorf("got status %s, invoking %t, retry at %d", r.x.Status(), r.x.Invoking(), r.x.InvokeAt())
		}
		equal(t, "what a restart reads", readings(r.reload(), r.now), readings(r.x, r.now))
	})
}
