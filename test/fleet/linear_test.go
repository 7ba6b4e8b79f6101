package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/protocol"
)

// refusal turns an error of AWS's client into one of ours, if it is an answer.
func refusal(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return protocol.Errorf(protocol.Code(api.ErrorCode()), "%s", api.ErrorMessage())
	}
	return err
}

// crew is what clients of the nodes do: in each round they ask for the same few things at one time, each another node,
// and record what they are answered.
type crew struct {
	t     *testing.T
	rec   *recorder
	nodes []*api

	mu     sync.Mutex
	played map[string]*played // by ARN
}

// played is an execution whose invocations the crew plays by hand.
type played struct {
	seen   int64    // when the last invocation was heard of
	tokens []string // in the order in which they were heard of
	ends   []chan<- error
}

// patience is how long a client waits for one answer.
const patience = 4 * time.Second

func newCrew(t *testing.T) *crew {
	return &crew{t: t, rec: newRecorder(), played: map[string]*played{}}
}

// brief and parked are functions of a crew; the third is played by hand.
func brief(durable.Context, string) (string, error) { return "", nil }

func parked(ctx durable.Context, _ string) (string, error) {
	callback, err := durable.CreateCallback[string](ctx, "parked")
	if err != nil {
		return "", err
	}
	return callback.Result(ctx)
}

// register makes the functions of a crew those of a node in this process.
func (c *crew) register(t *testing.T, e *engine.Engine) {
	register(t, e, "brief", brief)
	register(t, e, "parked", parked)
	registerInvoker(t, e, "played", hands(c.begun))
}

// handlers are the functions of a crew behind HTTP.
func (c *crew) handlers(lambda durable.Client) map[string]http.Handler {
	return map[string]http.Handler{
		"brief":  endpoint(durable.NewHandler(brief, durable.WithClient(lambda)).Invoke),
		"parked": endpoint(durable.NewHandler(parked, durable.WithClient(lambda)).Invoke),
		"played": endpoint(hands(c.begun).play),
	}
}

// endpoint has Lambda's Invoke route.
func endpoint(invoke func(ctx context.Context, payload []byte) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(r.Body)
		if err == nil {
			payload, err = invoke(r.Context(), payload)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(payload)
	})
}

// of returns what is known of an execution that is played by hand.
func (c *crew) of(arn string) *played {
	if c.played[arn] == nil {
		c.played[arn] = &played{}
	}
	return c.played[arn]
}

// begun hears of a new invocation. The one before was lost since that was heard of.
func (c *crew) begun(arn, token string) <-chan error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(arn)
	c.rec.add(0, request{kind: "lost", key: arn}, p.seen, answer{})
	c.rec.add(0, request{kind: "begun", key: arn}, p.seen, answer{text: token})
	end := make(chan error, 1)
	p.seen, p.tokens, p.ends = c.rec.now(), append(p.tokens, token), append(p.ends, end)
	return end
}

// over ends all invocations of an execution.
func (c *crew) over(arn string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(arn)
	for _, end := range p.ends {
		end <- err
	}
	p.ends = nil
}

// token returns the last token of an execution, or sometimes an older one.
func (c *crew) token(r *rand.Rand, arn string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.of(arn).tokens
	if len(all) == 0 {
		return ""
	}
	back := 0
	if r.IntN(8) == 0 {
		back = r.IntN(min(3, len(all)))
	}
	return all[len(all)-1-back]
}

// clients is how many clients are in each round, and asks how often each asks for each thing.
const (
	clients = 4
	asks    = 6
)

// round has the clients ask for things of every kind, and returns when all have been answered.
func (c *crew) round(name string, seed uint64) {
	parked, callback := c.parked(name + "-callback")
	steered, _ := c.parked(name + "-steered")
	mine := c.started("played", name+"-played")
	c.until("the first invocation of "+name, func(context.Context, *api) bool {
		return c.token(rand.New(rand.NewPCG(0, 0)), mine) != ""
	})
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			for range asks {
				a := c.nodes[r.IntN(len(c.nodes))]
				for _, do := range r.Perm(4) {
					switch do {
					case 0:
						c.askName(r, n, a, name)
					case 1:
						c.askCallback(r, n, a, parked, callback)
					case 2:
						c.askSteered(r, n, a, steered)
					case 3:
						c.askPlayed(r, n, a, mine)
					}
				}
			}
		})
	}
	all.Wait()
	c.settle(mine)
}

// ask makes one request of a client.
func (c *crew) ask(n int, a *api, what request, f func(ctx context.Context) (string, error)) answer {
	what.node = a.name
	return c.rec.do(n, what, func() (string, error) {
		ctx, cancel := context.WithTimeout(c.t.Context(), patience)
		defer cancel()
		return f(ctx)
	})
}

func (c *crew) askName(r *rand.Rand, n int, a *api, name string) {
	payload := strconv.Itoa(r.IntN(2))
	find := func(ctx context.Context) (arn string, err error) {
		for arn, err = range a.Executions(ctx, "brief", name, "") {
			break
		}
		return arn, err
	}
	switch r.IntN(4) {
	case 0:
		got := c.ask(n, a, request{kind: "find", key: name}, find)
		if got.text == "" || got.unknown {
			return
		}
		c.ask(n, a, request{kind: "delete", key: name, text: got.text}, func(ctx context.Context) (string, error) {
			_, err := a.Delete(ctx, got.text)
			return "", err
		})
	case 1:
		c.ask(n, a, request{kind: "find", key: name}, find)
	default:
		c.ask(n, a, request{kind: "start", key: name, text: payload}, func(ctx context.Context) (string, error) {
			out, err := a.Invoke(ctx, &client.Invocation{Function: "brief", Name: name, Event: []byte(strconv.Quote(payload))})
			if err != nil {
				return "", err
			}
			return out.ARN, nil
		})
	}
}

func (c *crew) askCallback(r *rand.Rand, n int, a *api, arn, id string) {
	if r.IntN(3) > 0 {
		c.ask(n, a, request{kind: "result", key: id}, func(ctx context.Context) (string, error) {
			for e, err := range a.Events(ctx, arn, false) {
				if err != nil {
					return "", err
				}
				if e.Type == protocol.EventCallbackSucceeded {
					return *e.Payload, nil
				}
			}
			return "", nil
		})
		return
	}
	result := fmt.Sprintf("%x", r.Uint64())
	c.ask(n, a, request{kind: "complete", key: id, text: result}, func(ctx context.Context) (string, error) {
		return "", a.SucceedCallback(ctx, id, []byte(result))
	})
}

func (c *crew) askSteered(r *rand.Rand, n int, a *api, arn string) {
	kind := "stop"
	if r.IntN(40) > 0 {
		kind = []string{"pause", "resume", "status", "status"}[r.IntN(4)]
	}
	c.ask(n, a, request{kind: kind, key: arn}, func(ctx context.Context) (string, error) {
		switch kind {
		case "pause":
			return "", a.Pause(ctx, arn, "", false)
		case "resume":
			return "", a.Resume(ctx, arn, "")
		case "stop":
			return "", a.Stop(ctx, arn, nil)
		}
		x, err := a.Execution(ctx, arn)
		if x.Status == protocol.ExecutionPausing {
			x.Status = protocol.ExecutionPaused
		}
		return string(x.Status), err
	})
}

func (c *crew) askPlayed(r *rand.Rand, n int, a *api, arn string) {
	if r.IntN(3) == 0 {
		c.askSteps(n, a, arn)
		return
	}
	what := request{kind: "checkpoint", key: arn, text: fmt.Sprintf("s%x", r.Uint32()), token: c.token(r, arn),
		repeat: fmt.Sprintf("%032x", r.Uint64())}
	c.heard(arn, c.insist(n, a, what))
}

func (c *crew) askSteps(n int, a *api, arn string) answer {
	return c.ask(n, a, request{kind: "steps", key: arn}, func(ctx context.Context) (steps string, err error) {
		for e, err := range a.Events(ctx, arn, false) {
			if err != nil {
				return "", err
			}
			if e.Type == protocol.EventStepSucceeded {
				steps += e.Name + " "
			}
		}
		return steps, nil
	})
}

// insist makes a checkpoint, and repeats it while it gets no answer, as functions do, to one node after the other.
func (c *crew) insist(n int, a *api, what request) (got answer) {
	what.node = a.name
	call, next := c.rec.now(), slices.Index(c.nodes, a)
	for try := range 4 {
		a := c.nodes[(next+try)%len(c.nodes)]
		ctx, cancel := context.WithTimeout(c.t.Context(), patience)
		token, err := a.checkpoint(ctx, what.key, what.token, what.repeat, what.text)
		cancel()
		if err == nil {
			got = answer{text: token}
			break
		}
		if got = answerOf(err); !got.unknown {
			got.again = try > 0
			break
		}
	}
	c.rec.add(n, what, call, got)
	return got
}

// heard hears of the token that answered a checkpoint.
func (c *crew) heard(arn string, got answer) {
	if got.unknown || got.text == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.of(arn); !slices.Contains(p.tokens, got.text) {
		p.tokens = append(p.tokens, got.text)
	}
}

// settle waits until the execution goes on, perhaps in an invocation that took the place of one that was lost. So a
// checkpoint that was refused for such a loss is followed by the invocation that explains it. If the last token got lost,
// the invocation fails, as a function's would. Then it stops the execution, and looks at it for the last time.
func (c *crew) settle(arn string) {
	for try, end := 0, time.Now().Add(time.Minute); ; try++ {
		c.mu.Lock()
		tokens := c.of(arn).tokens
		what := request{kind: "checkpoint", key: arn, text: fmt.Sprintf("last%d", try), token: tokens[len(tokens)-1],
			repeat: fmt.Sprintf("settling-%d", try)}
		c.mu.Unlock()
		got := c.insist(0, c.nodes[try%len(c.nodes)], what)
		c.heard(arn, got)
		if !got.unknown && got.refusal == "" {
			break
		}
		if time.Now().After(end) {
			c.t.Errorf("%s does not go on: no token is accepted for a minute; the last answer is %+v", arn, got)
			break
		}
		if try%10 == 9 {
			c.over(arn, errors.New("the token got lost"))
		}
		time.Sleep(200 * time.Millisecond)
	}
	c.over(arn, nil)
	c.until("the stop of "+arn, func(ctx context.Context, a *api) bool { return a.Stop(ctx, arn, nil) == nil })
	until(c.t, "the last look at "+arn, func(try int) bool { return !c.askSteps(0, c.nodes[try%len(c.nodes)], arn).unknown })
}

// parked starts an execution that waits for a callback, and returns both once it waits.
func (c *crew) parked(name string) (arn, callback string) {
	arn = c.started("parked", name)
	defer func() {
		if c.t.Failed() {
			c.t.Logf("%s: %s", arn, c.about(arn))
		}
	}()
	c.until("the callback of "+name, func(ctx context.Context, a *api) bool {
		last := protocol.EventType("")
		for e, err := range a.Events(ctx, arn, false) {
			if err != nil {
				return false
			}
			last = e.Type
			if e.Type == protocol.EventCallbackStarted {
				callback = e.CallbackID
			}
		}
		return callback != "" && last == protocol.EventInvocationCompleted
	})
	return arn, callback
}

// about is what is known of an execution that does not go on.
func (c *crew) about(arn string) string {
	var b strings.Builder
	for e, err := range c.nodes[0].Events(context.Background(), arn, false) {
		if err != nil {
			fmt.Fprint(&b, err)
			break
		}
		fmt.Fprintf(&b, "\n  %s %s", e.Type, e.Time.Time().Format("15:04:05.000"))
	}
	x, err := c.nodes[0].Explain(context.Background(), arn)
	fmt.Fprintf(&b, "\n  %+v %v", x, err)
	return b.String()
}

// started starts an execution, asking until that is acknowledged.
func (c *crew) started(function, name string) (arn string) {
	c.until("the start of "+name, func(ctx context.Context, a *api) bool {
		out, err := a.Invoke(ctx, &client.Invocation{Function: function, Name: name, Event: []byte(`""`)})
		if err == nil {
			arn = out.ARN
		}
		return err == nil
	})
	return arn
}

// until asks one node after the other until one says yes.
func (c *crew) until(what string, ask func(ctx context.Context, a *api) bool) {
	until(c.t, what, func(try int) bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), patience)
		defer cancel()
		return ask(ctx, c.nodes[try%len(c.nodes)])
	})
}

// until tries something for a minute.
func until(t *testing.T, what string, ok func(try int) bool) {
	for try, began := 0, time.Now(); !ok(try); try++ {
		if time.Since(began) > time.Minute || t.Context().Err() != nil {
			t.Errorf("%s: not within a minute", what)
			t.FailNow()
		}
		time.Sleep(20 * time.Millisecond)
	}
}
