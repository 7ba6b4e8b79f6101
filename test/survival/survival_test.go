package survival

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

var (
	kills = flag.Int("kills", 10, "how often to kill")
	seed  = flag.Uint64("seed", 0, "of the moments and victims; 0 takes one by the clock")
)

// clients is how many orders are under way at one time.
const clients = 12

// TestKilledAtRandomMoments starts orders without pause while the engine, its
// functions or both are killed again and again. Afterwards every order has to
// have completed, and what the steps wrote down has to agree with the history.
func TestKilledAtRandomMoments(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of real time")
	}
	// An order alone in its process, and all of them in one, which ends with it.
	for _, n := range []string{"1", "32"} {
		t.Run(n+" in a process", func(t *testing.T) { killAtRandomMoments(t, "--per-process="+n) })
	}
}

func killAtRandomMoments(t *testing.T, args ...string) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	s, log := newServer(t, args...)
	var over atomic.Bool
	var mu sync.Mutex
	var arns []string
	var orders sync.WaitGroup
	for c := range clients {
		orders.Go(func() {
			for n := 0; !over.Load(); n++ {
				hold := func(context.Context, string) error { return nil }
				if n%2 == c%2 {
					hold = s.hold
				}
				arn, err := run(t.Context(), s.client(), fmt.Sprintf("order-%d-%d", c, n), hold)
				mu.Lock()
				arns = append(arns, arn)
				mu.Unlock()
				if err != nil {
					t.Errorf("order %d-%d: %v", c, n, err)
					return
				}
			}
		})
	}
	killRepeatedly(t, s, rand.New(rand.NewPCG(*seed, 0)))
	over.Store(true)
	orders.Wait()
	t.Logf("%d orders, %d kills", len(arns), *kills)
	if len(arns) < clients {
		t.Errorf("only %d orders ran", len(arns))
	}
	noted, pauses := readNotes(t, log), 0
	for _, arn := range arns {
		pauses += checkOrder(t, s.client(), arn, time.Second, noted[arn])
	}
	t.Logf("%d pauses", pauses)
	if pauses == 0 {
		t.Error("nothing was paused")
	}
	s.verify()
	checkDelete(t, s, arns)
}

func killRepeatedly(t *testing.T, s *server, chance *rand.Rand) {
	for range *kills {
		time.Sleep(time.Duration(20+chance.IntN(280)) * time.Millisecond)
		switch chance.IntN(4) {
		case 0:
			s.killFunctions()
		case 1:
			s.killFunctions()
			s.kill()
		default:
			s.kill()
		}
		if t.Failed() {
			return
		}
	}
}

// patience bounds how long an order may take: kills in a row make the engine
// pause up to a minute before it tries again.
const patience = 3 * time.Minute

// run starts an order by name until that is acknowledged, does something with
// it, and waits until it has closed.
func run(ctx context.Context, client *lambda.Client, name string, do func(ctx context.Context, arn string) error) (arn string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if arn, err = start(ctx, client, name, 1); err != nil {
		return "", err
	}
	time.Sleep(rand.N(200 * time.Millisecond)) // it is anywhere now
	if err := do(ctx, arn); err != nil {
		return arn, err
	}
	for {
		out, err := client.GetDurableExecution(ctx, &lambda.GetDurableExecutionInput{DurableExecutionArn: &arn})
		if err == nil && out.EndTimestamp != nil {
			return arn, nil
		}
		if pause(ctx) != nil {
			return arn, fmt.Errorf("%s did not close within %v: %w", arn, patience, err)
		}
	}
}

// start starts an order by name until that is acknowledged.
func start(ctx context.Context, client *lambda.Client, name string, seconds int) (arn string, err error) {
	for {
		out, err := client.Invoke(ctx, order(name, seconds, types.InvocationTypeEvent))
		if err == nil {
			return aws.ToString(out.DurableExecutionArn), nil
		}
		if pause(ctx) != nil {
			return "", fmt.Errorf("%s was never started: %w", name, err)
		}
	}
}

// order is the request for an order that waits so many seconds.
func order(name string, seconds int, how types.InvocationType) *lambda.InvokeInput {
	return &lambda.InvokeInput{
		FunctionName: aws.String("victim"), Qualifier: aws.String("$LATEST"), InvocationType: how,
		DurableExecutionName: &name, Payload: fmt.Appendf(nil, `{"wait_seconds":%d}`, seconds),
	}
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(50 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
