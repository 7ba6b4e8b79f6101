package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/perdure/perdure/bench/peers/load"
	"github.com/perdure/perdure/bench/peers/workload"
)

// sleepers is what executions of Perdure that sleep cost. Their functions are in the engine's process, so that the
// figures are the engine's own; the restart is one of perdure serve.
type sleepers struct {
	Asleep  int           // how many, at the restart
	Restart time.Duration // of perdure serve, until it is ready
	Memory  int64         // of perdure serve a second later, bytes
	AtOnce  waking        // all within a second, since the service counts waits in seconds
	InTurn  waking        // each after the same time, so one after the other as they were started
	Error   string        `json:",omitempty"` // of the restart
}

// waking is how late sleepers wake up.
type waking struct {
	Awake    int
	Rate     float64       // so many are due in a second
	P50, P99 time.Duration // until the ends of their waits are recorded
	Last     time.Duration // until the last execution has ended
	Error    string        `json:",omitempty"`
}

const (
	fillers  = 32   // clients that start sleepers
	samples  = 1000 // sleepers whose histories are read
	wakeTime = 5 * time.Minute
)

// measureSleepers measures n of them.
func measureSleepers(ctx context.Context, base *lab, n int) (s sleepers) {
	s.Error = text(s.restart(ctx, base, n))
	s.AtOnce.Error = text(s.AtOnce.measure(ctx, base, n, func(d time.Duration) workload.Order {
		return workload.Order{Until: time.Now().Add(d)}
	}))
	s.InTurn.Error = text(s.InTurn.measure(ctx, base, n, func(d time.Duration) workload.Order {
		return workload.Order{Sleep: d}
	}))
	return s
}

// text is that of an error, "" if there is none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// sleeping starts an embedded engine in a lab of its own, which clean removes.
func sleeping(ctx context.Context, base *lab) (l *lab, a *agent, clean func(), err error) {
	if l, clean, err = base.within("sleepers"); err != nil {
		return nil, nil, nil, err
	}
	if a, err = startAgent(ctx, l, "embedded", l.file("data")); err != nil {
		clean()
	}
	return l, a, clean, err
}

// restart restarts an engine while all sleep for a day.
func (s *sleepers) restart(ctx context.Context, base *lab, n int) error {
	l, a, clean, err := sleeping(ctx, base)
	if err != nil {
		return err
	}
	defer clean()
	arns, _, err := fill(ctx, a.URL, n, workload.Order{Sleep: 24 * time.Hour})
	pause(ctx, time.Second) // so that the last ones are asleep, too
	a.stop(nil)
	if err != nil {
		return err
	}
	s.Asleep = len(arns)
	syscall.Sync()
	began := time.Now()
	p, _, err := serve(ctx, l, "data")
	if err != nil {
		return err
	}
	defer p.stop(syscall.SIGINT)
	s.Restart = time.Since(began)
	if !pause(ctx, time.Second) {
		return ctx.Err()
	}
	s.Memory = usageOf([]group{{p.pid(), itself}}).Resident
	return nil
}

// measure lets n sleepers wake up. order says what they do; d is long enough for all to be asleep before.
func (w *waking) measure(ctx context.Context, base *lab, n int, order func(d time.Duration) workload.Order) error {
	_, a, clean, err := sleeping(ctx, base)
	if err != nil {
		return err
	}
	defer clean()
	defer a.stop(nil)
	some := max(1, n/50) // tells how long the others will take
	_, took, err := fill(ctx, a.URL, some, workload.Order{Sleep: 24 * time.Hour})
	if err != nil {
		return err
	}
	asleep := took*time.Duration(n/some)*2 + 5*time.Second
	arns, took, err := fill(ctx, a.URL, n, order(asleep))
	switch {
	case err != nil:
		return err
	case took > asleep:
		return fmt.Errorf("starting sleepers took %v longer than expected", took-asleep)
	case !pause(ctx, asleep-took):
		return ctx.Err()
	}
	w.Awake, w.Rate = len(arns), float64(len(arns))/took.Seconds()
	slow := fmt.Errorf("sleepers do not all wake up within %v", wakeTime)
	ctx, cancel := context.WithTimeoutCause(ctx, wakeTime, slow)
	defer cancel()
	var late []time.Duration
	for i := range min(samples, len(arns)) {
		l, err := latenessOf(ctx, a.URL, arns[i*len(arns)/min(samples, len(arns))])
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		late = append(late, l.wait)
		w.Last = max(w.Last, l.end)
	}
	slices.Sort(late)
	w.P50, w.P99 = late[len(late)/2], late[len(late)*99/100]
	return nil
}

// fill starts n sleepers and returns their ARNs.
func fill(ctx context.Context, base string, n int, o workload.Order) (arns []string, took time.Duration, err error) {
	order, err := json.Marshal(o)
	if err != nil {
		return nil, 0, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: fillers}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	b := load.Burst{Clients: fillers, AtLeast: n, AtMost: n, Time: wakeTime}
	out := load.Run(ctx, b, func(ctx context.Context, _ load.Burst) error {
		req, err := http.NewRequestWithContext(ctx, "POST", base+invokePath, bytes.NewReader(order))
		if err != nil {
			return err
		}
		req.Header.Set("X-Amz-Invocation-Type", "Event")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		arn := resp.Header.Get("X-Amz-Durable-Execution-Arn")
		if arn == "" {
			return fmt.Errorf("a sleeper was not started: %s", resp.Status)
		}
		mu.Lock()
		arns = append(arns, arn)
		mu.Unlock()
		return nil
	})
	if out.Error != "" {
		err = errors.New(out.Error)
	}
	return arns, out.Took, err
}

// lateness is how late the end of a wait is recorded, and that of its execution.
type lateness struct{ wait, end time.Duration }

// latenessOf waits for the end of a sleeper and tells how late it was.
func latenessOf(ctx context.Context, base, arn string) (late lateness, err error) {
	at := base + "/2025-12-01/durable-executions/" + url.PathEscape(arn) + "/history"
	for {
		text, err := request(ctx, http.DefaultClient, "GET", at, nil)
		if err != nil {
			return late, err
		}
		late, ended, err := readLateness(text)
		if err != nil || ended {
			return late, err
		}
		if !pause(ctx, 20*time.Millisecond) {
			return late, ctx.Err()
		}
	}
}

// readLateness reads a history.
func readLateness(history []byte) (late lateness, ended bool, err error) {
	var h struct {
		Events []struct {
			EventType          string
			EventTimestamp     float64 // seconds
			WaitStartedDetails struct{ ScheduledEndTimestamp float64 }
		}
	}
	if err := json.NewDecoder(bytes.NewReader(history)).Decode(&h); err != nil {
		return late, false, err
	}
	due := 0.0
	for _, e := range h.Events {
		after := time.Duration((e.EventTimestamp - due) * float64(time.Second)).Round(time.Millisecond)
		switch {
		case e.EventType == "WaitStarted":
			due = e.WaitStartedDetails.ScheduledEndTimestamp
		case e.EventType == "WaitSucceeded":
			late.wait = after
		case strings.HasPrefix(e.EventType, "Execution") && e.EventType != "ExecutionStarted":
			late.end, ended = after, true
		}
	}
	return late, ended, nil
}

// pause waits, and reports whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
