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

// sleepers is what executions of Perdure that sleep cost. They are functions in the engine's process, so that the
// figures are the engine's own; the restart is one of perdure serve.
type sleepers struct {
	Asleep        int           // how many
	Restart       time.Duration // of perdure serve, until it has run an execution
	RestartMemory int64         // of perdure serve after that, bytes
	Awake         int           // how many woke up, all within a second, as the service counts waits in seconds
	P50, P99      time.Duration // how late the ends of their waits are recorded
	All           time.Duration // how late the last of all ended
	Error         string        `json:",omitempty"`
}

const (
	fillers  = 32 // clients that start sleepers
	samples  = 1000
	wakeTime = 5 * time.Minute // for all to wake up
)

// measureSleepers measures n of them.
func measureSleepers(ctx context.Context, base *lab, n int) (s sleepers) {
	s, err := restartAsleep(ctx, base, n)
	if err == nil {
		err = wakeAll(ctx, base, n, &s)
	}
	if err != nil {
		s.Error = err.Error()
	}
	return s
}

// restartAsleep restarts an engine while all sleep for a day.
func restartAsleep(ctx context.Context, base *lab, n int) (s sleepers, err error) {
	l, clean, err := base.within("sleepers")
	if err != nil {
		return s, err
	}
	defer clean()
	a, err := startAgent(ctx, l, "embedded", l.file("data"))
	if err != nil {
		return s, err
	}
	arns, _, err := fill(ctx, a.URL, n, time.Now().Add(24*time.Hour))
	s.Asleep = len(arns)
	time.Sleep(time.Second) // so that the last ones are asleep, too
	a.stop(nil)
	if err != nil {
		return s, err
	}
	syscall.Sync()
	began := time.Now()
	p, url, err := serve(ctx, l)
	if err != nil {
		return s, err
	}
	defer p.stop(syscall.SIGINT)
	if _, err := post(ctx, http.DefaultClient, url+invokePath, []byte(`{"Steps":1}`)); err != nil {
		return s, p.failure(err)
	}
	s.Restart = time.Since(began)
	s.RestartMemory = usageOf([]group{{p.pid(), itself}}).Memory
	return s, nil
}

// wakeAll lets all wake up at once.
func wakeAll(ctx context.Context, base *lab, n int, s *sleepers) error {
	l, clean, err := base.within("sleepers")
	if err != nil {
		return err
	}
	defer clean()
	a, err := startAgent(ctx, l, "embedded", l.file("data"))
	if err != nil {
		return err
	}
	defer a.stop(nil)
	some := max(1, n/50) // tells how long the others will take
	_, took, err := fill(ctx, a.URL, some, time.Now().Add(24*time.Hour))
	if err != nil {
		return err
	}
	until := time.Now().Add(took*time.Duration(n/some)*3/2 + 5*time.Second)
	arns, _, err := fill(ctx, a.URL, n, until)
	if err != nil {
		return err
	}
	if spare := time.Until(until); spare < 0 {
		return fmt.Errorf("starting them took %v longer than expected", -spare)
	}
	s.Awake = len(arns)
	if !pause(ctx, time.Until(until)) {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wakeTime, fmt.Errorf("they do not all wake up within %v", wakeTime))
	defer cancel()
	var late []time.Duration
	for i := range min(samples, len(arns)) {
		l, err := latenessOf(ctx, a.URL, arns[i*len(arns)/min(samples, len(arns))])
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		late = append(late, l.wait)
		s.All = max(s.All, l.end)
	}
	slices.Sort(late)
	s.P50, s.P99 = late[len(late)/2], late[len(late)*99/100]
	return nil
}

// fill starts n sleepers and returns their ARNs.
func fill(ctx context.Context, base string, n int, until time.Time) (arns []string, took time.Duration, err error) {
	order, err := json.Marshal(workload.Order{Until: until})
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
