package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	neturl "net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/server"
	"github.com/perdure/perdure/internal/core/store/sqlitestore"
	"github.com/perdure/perdure/protocol"
)

// A checkpoint here is one short step: its START and its SUCCEED in one call,
// durable when the call returns.

func BenchmarkCheckpointEngineSQLite(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			e := open(b, sqlitestore.Power)
			steps(b, e, writers, func(in *protocol.InvocationInput) stepper { return &direct{e, in} })
		})
	}
}

// BenchmarkCheckpointFunctions is over loopback as well, through the doors for
// functions, of a client that costs next to nothing: the front and the engine
// are what is measured.
func BenchmarkCheckpointFunctions(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("front=functions/writers=%d", writers), func(b *testing.B) {
			e := open(b, sqlitestore.Power)
			doors := server.NewDoors(credentials.Function)
			url := front(b, lambdaapi.New(e, e.Functions(), nil), &server.Options{Doors: doors})
			address := strings.TrimPrefix(url, "http://")
			steps(b, e, writers, func(in *protocol.InvocationInput) stepper {
				path := doors.Path("bench") + "/2025-12-01/durable-executions/" + neturl.PathEscape(in.DurableExecutionArn) + "/checkpoint"
				return &raw{address: address, head: "POST " + path + " HTTP/1.1\r\nHost: " + address +
					"\r\nContent-Type: application/json\r\nContent-Length: ", token: in.CheckpointToken}
			})
		})
	}
}

// BenchmarkCheckpointHTTP is over loopback, as functions checkpoint: to the
// bare API, through the server with its limits, and with signatures verified.
func BenchmarkCheckpointHTTP(b *testing.B) {
	key := credentials.Credential{Name: "bench", KeyID: "AKIDBENCH", Secret: "0123456789abcdefghij", Access: credentials.Full}
	for _, f := range []struct {
		name string
		opts *server.Options
	}{{"api", nil}, {"server", &server.Options{}}, {"signed", &server.Options{Credentials: oneKey(key)}}} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("front=%s/writers=%d", f.name, writers), func(b *testing.B) {
				e := open(b, sqlitestore.Power)
				url := front(b, lambdaapi.New(e, e.Functions(), nil), f.opts)
				client := lambda.New(lambda.Options{
					BaseEndpoint: &url, Region: "us-east-1",
					Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
						return aws.Credentials{AccessKeyID: key.KeyID, SecretAccessKey: key.Secret}, nil
					}),
				})
				steps(b, e, writers, func(in *protocol.InvocationInput) stepper { return &overHTTP{client, in} })
			})
		}
	}
}

// oneKey is a single credential.
type oneKey credentials.Credential

func (k oneKey) Find(keyID string) (credentials.Credential, bool) {
	return credentials.Credential(k), keyID == k.KeyID
}

// front serves the API on loopback, behind a server unless opts is nil.
func front(b testing.TB, api *route.Face, opts *server.Options) (url string) {
	if opts == nil {
		bare := httptest.NewServer(api)
		b.Cleanup(bare.Close)
		return bare.URL
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := server.New([]*route.Face{api}, opts)
	go s.Serve(l)
	b.Cleanup(func() { s.Shutdown(context.Background()) })
	return "http://" + l.Addr().String()
}

// The cost of a checkpoint must not depend on what the execution has behind it.
func BenchmarkCheckpointBehind(b *testing.B) {
	for _, behind := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("operations=%d", behind), func(b *testing.B) {
			e := open(b, sqlitestore.None)
			invoke(b, e, 1, func(in *protocol.InvocationInput) {
				s := &direct{e, in}
				for n := range behind {
					if err := s.step(context.Background(), n); err != nil {
						b.Error(err)
						return
					}
				}
				b.ResetTimer()
				for n := range b.N {
					if err := s.step(context.Background(), behind+n); err != nil {
						b.Error(err)
						return
					}
				}
				b.StopTimer()
			})
		})
	}
}

// stepper runs the n-th step of an invocation.
type stepper interface {
	step(ctx context.Context, n int) error
}

// steps shares b.N steps among executions that run at the same time.
func steps(b *testing.B, e *engine.Engine, executions int, on func(*protocol.InvocationInput) stepper) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	invoke(b, e, executions, func(in *protocol.InvocationInput) {
		s := on(in)
		for n := 0; left.Add(-1) >= 0; n++ {
			if err := s.step(context.Background(), n); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}

// invoke runs body in one invocation of each of so many executions.
func invoke(b *testing.B, e *engine.Engine, executions int, body func(*protocol.InvocationInput)) {
	var ready, done sync.WaitGroup
	ready.Add(executions)
	done.Add(executions)
	begin := make(chan struct{})
	err := e.Functions().Register(engine.Function{
		Name: "bench", Timeout: time.Hour, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
		Invoker: invokerFunc(func(inv *engine.Invocation) engine.Outcome {
			defer done.Done()
			var in protocol.InvocationInput
			if err := json.Unmarshal(inv.Payload, &in); err != nil {
				b.Error(err)
			}
			ready.Done()
			<-begin
			body(&in)
			return engine.Outcome{Payload: []byte(`{"Status":"SUCCEEDED"}`)}
		}),
	})
	if err != nil {
		b.Fatal(err)
	}
	for range executions {
		if _, err := e.Start(context.Background(), &engine.InvokeRequest{Function: "bench"}); err != nil {
			b.Fatal(err)
		}
	}
	ready.Wait()
	b.ResetTimer()
	close(begin)
	done.Wait()
	b.StopTimer()
}

type invokerFunc func(*engine.Invocation) engine.Outcome

func (f invokerFunc) Invoke(_ context.Context, inv *engine.Invocation) engine.Outcome { return f(inv) }

func open(b testing.TB, d sqlitestore.Durability) *engine.Engine {
	b.Helper()
	st, err := sqlitestore.Open(context.Background(), b.TempDir(), &sqlitestore.Options{Durability: d})
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.Open(context.Background(), st, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		e.Close(context.Background())
		st.Close()
	})
	return e
}

const result = `{"transaction_id":"txn_0123456789abcdef","amount_cents":9999}`

// direct checkpoints by calling the engine.
type direct struct {
	engine *engine.Engine
	in     *protocol.InvocationInput
}

func (d *direct) step(ctx context.Context, n int) error {
	reply, err := d.engine.Checkpoint(ctx, &engine.CheckpointRequest{
		ARN: d.in.DurableExecutionArn, Token: d.in.CheckpointToken,
		ClientToken: strconv.Itoa(n),
		Updates:     stepUpdates(n),
	})
	if err == nil {
		d.in.CheckpointToken = reply.Token
	}
	return err
}

// overHTTP checkpoints with AWS's own client.
type overHTTP struct {
	client *lambda.Client
	in     *protocol.InvocationInput
}

func (o *overHTTP) step(ctx context.Context, n int) error {
	id := fmt.Sprint(n + 1)
	start := types.OperationUpdate{
		Id: &id, Type: types.OperationTypeStep, SubType: aws.String(protocol.SubTypeStep), Name: aws.String("process_payment"),
		Action: types.OperationActionStart,
	}
	end := start
	end.Action, end.Payload = types.OperationActionSucceed, aws.String(result)
	reply, err := o.client.CheckpointDurableExecution(ctx, &lambda.CheckpointDurableExecutionInput{
		DurableExecutionArn: &o.in.DurableExecutionArn, CheckpointToken: &o.in.CheckpointToken,
		Updates: []types.OperationUpdate{start, end},
	})
	if err == nil {
		o.in.CheckpointToken = aws.ToString(reply.CheckpointToken)
	}
	return err
}

// raw checkpoints over a connection of its own, without an HTTP client.
type raw struct {
	address, head, token string
	conn                 net.Conn
	out, in              []byte
}

func (r *raw) step(_ context.Context, n int) (err error) {
	if r.conn == nil {
		if r.conn, err = net.Dial("tcp", r.address); err != nil {
			return err
		}
		r.in = make([]byte, 64<<10)
	}
	body := fmt.Sprintf(`{"CheckpointToken":%q,"ClientToken":"%d","Updates":[{"Id":"%[2]d","Type":"STEP","SubType":"Step",`+
		`"Name":"process_payment","Action":"START"},{"Id":"%[2]d","Type":"STEP","SubType":"Step","Name":"process_payment",`+
		`"Action":"SUCCEED","Payload":%q}]}`, r.token, n+1, result)
	r.out = fmt.Appendf(r.out[:0], "%s%d\r\n\r\n%s", r.head, len(body), body)
	if _, err = r.conn.Write(r.out); err != nil {
		return err
	}
	got, err := r.conn.Read(r.in) // an answer is one write
	if err != nil {
		return err
	}
	_, after, ok := bytes.Cut(r.in[:got], []byte(`{"CheckpointToken":"`))
	token, _, _ := bytes.Cut(after, []byte(`"`))
	if r.token = string(token); !ok {
		return fmt.Errorf("the answer is %q", r.in[:got])
	}
	return nil
}
