package machine_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

var rewrite = flag.Bool("update", false, "rewrite the logs of testdata/histories")

// TestHistories runs the script of each archive and compares what it logs: the
// events as the API shows them, and what the function is told. The commands:
//
//	invoke                        begin the invocation that is wanted
//	checkpoint                    send the updates in the indented lines below:
//	                              TYPE ACTION ID [member=value …]
//	return ANSWER                 end it with the function's answer
//	crash TYPE MESSAGE            end it with a failure
//	lose                          end it as after a crash of the engine
//	sleep SECONDS                 let time pass, and let the timers fire
//	succeed|fail|heartbeat ID     complete a callback, or keep it alive
//	complete ID STATUS [RESULT]   bring the outcome of a chained invoke
//	stop [TYPE]                   stop the execution
//	pause|repause REASON          pause it, and its timeout unless the reason is
//	                              "busy"; or repeat such a request
//	resume REASON                 end the pause
//	delete                        mark it for deletion
func TestHistories(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files and error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil || len(archive.Files) != 2 {
				t.Fatalf("got %d sections and error %v, want script and log", len(archive.Files), err)
			}
			s := &script{run: newRun(t)}
			s.play(string(archive.Files[0].Data))
			if *rewrite {
				archive.Files[1].Data = []byte(s.log.String())
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), s.log.String()); diff != "" {
				t.Errorf("log (-want +got); -update rewrites it:\n%s", diff)
			}
			if !machine.Same(s.x, s.reload()) {
				t.Error("a restart would read another execution")
			}
			s.vet()
		})
	}
}

// script is a run that is told what to do by lines, and logs what follows.
type script struct {
	*run
	log     strings.Builder
	printed int // records in the log
	tokens  int // client tokens of pauses
}

func (s *script) play(text string) {
	s.print()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for len(lines) > 0 {
		line := lines[0]
		lines = lines[1:]
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fmt.Fprintf(&s.log, "> %s\n", line)
		var below []string
		for len(lines) > 0 && strings.HasPrefix(lines[0], "\t") {
			below = append(below, strings.TrimSpace(lines[0]))
			lines = lines[1:]
		}
		s.command(line, below)
		s.print()
	}
	if s.x.Status().Closed() {
		result, failure := s.x.Result()
		fmt.Fprintf(&s.log, "%s %s %s\n", s.x.Status(), show(result), protocol.AppendErrorObject(nil, failure))
	}
}

// print logs the events that are new.
func (s *script) print() {
	for ; s.printed < len(s.records); s.printed++ {
		if r := &s.records[s.printed]; r.IsHistory() {
			fmt.Fprintf(&s.log, "%s\n", protocol.AppendEvent(nil, &r.Event, true))
		}
	}
	if at := s.x.InvokeAt(); at > s.now {
		fmt.Fprintf(&s.log, "retry in %v\n", at.Sub(s.now))
	}
}

func (s *script) command(line string, below []string) {
	words := append(strings.SplitN(line, " ", 4), "", "", "")
	switch words[0] {
	case "invoke":
		s.now = max(s.now, s.x.InvokeAt())
		s.invoke()
		fmt.Fprintln(&s.log, "updated", s.x.Updated(), "state", ids(ops(s.x)))
	case "checkpoint":
		s.checkpointLines(below)
	case "return":
		s.end(strings.TrimPrefix(line, "return "))
	case "crash":
		s.do(func(d *machine.Draft) error {
			failure := &protocol.ErrorObject{ErrorType: words[1], ErrorMessage: strings.Join(words[2:4], " ")}
			d.EndInvocation(s.requestID(), machine.Ending{Failure: failure}, machine.CrashLimit{})
			return nil
		})
	case "lose":
		s.do(func(d *machine.Draft) error { d.LoseInvocation(d.InFlight()); return nil })
	case "sleep":
		seconds, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			s.t.Fatal(err)
		}
		s.sleep(seconds)
		s.fire()
	case "succeed", "fail", "heartbeat":
		s.callbackLine(words[0], words[1])
	case "complete":
		s.complete(words[1], protocol.ExecutionStatus(words[2]), str(words[3]), nil)
	case "stop":
		s.do(func(d *machine.Draft) error {
			d.Stop(&machine.StopRequest{Reason: &protocol.ErrorObject{ErrorType: words[1]}})
			return nil
		})
	case "pause", "repause", "resume":
		s.pauseLine(words[0], words[1])
	case "delete":
		s.say(s.do((*machine.Draft).Delete))
	default:
		s.t.Fatalf("unknown command: %s", line)
	}
}

func (s *script) checkpointLines(lines []string) {
	var updates []protocol.Update
	for _, line := range lines {
		fmt.Fprintf(&s.log, ">	%s\n", line)
		updates = append(updates, parseUpdate(s.t, line))
	}
	reply, err := s.checkpoint(updates...)
	s.print()
	switch {
	case err != nil:
		fmt.Fprintln(&s.log, err)
	case reply.Final:
		fmt.Fprintln(&s.log, "told", ids(reply.Operations), "and no token")
	default:
		fmt.Fprintln(&s.log, "told", ids(reply.Operations))
	}
}

func (s *script) callbackLine(what, id string) {
	var position int
	fmt.Sscanf(s.op(id).CallbackID, "callback-%d", &position)
	err := s.do(func(d *machine.Draft) error {
		switch what {
		case "succeed":
			return d.SucceedCallback(position, callbackID(position), str(`"ok"`))
		case "fail":
			return d.FailCallback(position, callbackID(position), &protocol.ErrorObject{ErrorType: "Rejected"})
		}
		return d.HeartbeatCallback(position, callbackID(position))
	})
	s.print()
	if err != nil {
		fmt.Fprintln(&s.log, err)
	}
}

// pauseLine makes every pause and resumption with a token of its own, and a
// repetition with that of the one before.
func (s *script) pauseLine(what, reason string) {
	if what != "repause" {
		s.tokens++
	}
	req := &machine.PauseRequest{ClientToken: fmt.Sprint("token-", s.tokens)}
	if reason != "" {
		req.Reason = &reason
	}
	req.TimeoutPaused = what != "resume" && reason != "busy"
	apply := (*machine.Draft).Pause
	if what == "resume" {
		apply = (*machine.Draft).Resume
	}
	s.say(s.do(func(d *machine.Draft) error { return apply(d, req) }))
}

// say logs the status that a request left, or how it was refused.
func (s *script) say(err error) {
	s.print()
	if err != nil {
		fmt.Fprintln(&s.log, err)
		return
	}
	fmt.Fprintln(&s.log, "status", s.x.Status(), "times out", s.x.TimesOut().Sub(s.x.Started()), "after its start")
}

// parseUpdate reads TYPE ACTION ID [member=value …].
func parseUpdate(t testing.TB, line string) protocol.Update {
	words := strings.Fields(line)
	u := update(protocol.OperationType(words[0]), protocol.Action(words[1]), words[2])
	for _, word := range words[3:] {
		name, value, _ := strings.Cut(word, "=")
		seconds, _ := strconv.ParseInt(value, 10, 64)
		if u.Type == protocol.TypeCallback && u.CallbackOptions == nil {
			u.CallbackOptions = &protocol.CallbackOptions{}
		}
		switch name {
		case "name":
			u.Name = value
		case "sub":
			u.SubType = value
		case "parent":
			u.ParentID = value
		case "payload":
			u.Payload = &value
		case "error":
			u.Error = &protocol.ErrorObject{ErrorType: value}
		case "delay":
			u.StepOptions = &protocol.StepOptions{NextAttemptDelaySeconds: seconds}
		case "seconds":
			u.WaitOptions = &protocol.WaitOptions{WaitSeconds: seconds}
		case "timeout":
			u.CallbackOptions.TimeoutSeconds = seconds
		case "heartbeat":
			u.CallbackOptions.HeartbeatTimeoutSeconds = seconds
		case "function":
			u.ChainedInvokeOptions = &protocol.ChainedInvokeOptions{FunctionName: value}
		case "replay":
			u.ContextOptions = &protocol.ContextOptions{ReplayChildren: true}
		default:
			t.Fatalf("unknown member %q in %q", name, line)
		}
	}
	return u
}
