package loopback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Handler runs one invocation, as [lambda.Handler] does.
//
// [lambda.Handler]: https://pkg.go.dev/github.com/aws/aws-lambda-go/lambda#Handler
type Handler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// Engine reports whether the Runtime API is an engine's, and splits its address from the path of this process: AWS
// gives functions HOST:PORT alone.
func Engine() (address, path string, ok bool) {
	address, path, ok = strings.Cut(os.Getenv("AWS_LAMBDA_RUNTIME_API"), "/")
	return address, "/" + path, ok && address != "" && path != ""
}

// Serve polls the Runtime API at an address and a path of [Engine] and has h run what comes, as many invocations at
// a time as AWS_LAMBDA_MAX_CONCURRENCY says. It returns when it cannot go on; then the process should exit, as with
// AWS's runtime client.
//
// The context of an invocation has what aws-lambda-go puts there: the deadline, [lambdacontext.LambdaContext] and the
// trace. A panic of h ends the process.
func Serve(address, path string, h Handler) error {
	failed := make(chan error)
	for range lambdacontext.MaxConcurrency() {
		go func() {
			err := serveOne(address, path, h)
			for errors.Is(err, errRefused) && lambdacontext.MaxConcurrency() > 1 {
				err = serveOne(address, path, h)
			}
			failed <- err
		}()
	}
	return <-failed
}

// errRefused says that an answer was refused, because it came late or was too large. That must not end the others that
// are under way in the process.
var errRefused = errors.New("the answer was refused")

const runtimePath = "/2018-06-01/runtime/invocation/"

// poller runs one invocation after the other. The answer to one and the poll for the next travel in one write.
type poller struct {
	path   string
	next   Request
	h      Handler
	answer *Request // to the last invocation, unless the engine has replied to it
}

func serveOne(address, path string, h Handler) error {
	path += runtimePath
	p := &poller{path: path, next: Request{Method: "GET", Path: path + "next"}, h: h}
	for {
		conn, err := Dial(context.Background(), address)
		if err != nil {
			return err
		}
		before := p.answer
		err = p.serve(conn)
		conn.Close()
		// An engine with too many connections closes some that are at rest, as one is while h runs. So an answer is
		// sent once more; if it did arrive, the second is refused.
		if lost := p.answer != nil && p.answer != before; err != nil && !lost {
			return err
		}
	}
}

// serve polls on a connection until that ends. The error is nil if the engine closed it with a reply.
func (p *poller) serve(conn *Conn) error {
	if p.answer == nil {
		_ = conn.Send(&p.next) // or there is nothing to receive
	}
	for {
		if p.answer != nil {
			reply, err := conn.exchange(p.answer, &p.next)
			if err != nil {
				return fmt.Errorf("answering an invocation: %w", err)
			}
			p.answer = nil
			if err := reply.check(202); err != nil {
				return fmt.Errorf("%w: %w", errRefused, err)
			}
			if conn.broken {
				return nil
			}
		}
		invocation, err := conn.Receive()
		if err == nil {
			err = invocation.check(200)
		}
		if err != nil {
			return fmt.Errorf("asking for an invocation: %w", err)
		}
		p.answer = run(p.h, invocation)
		p.answer.Path = p.path + p.answer.Path
		conn.Done()
	}
}

func (r *Reply) check(want int) error {
	if r.Status == want {
		return nil
	}
	return fmt.Errorf("the Runtime API answered with status %d: %s", r.Status, r.Body[:min(len(r.Body), 500)])
}

// run runs an invocation, and returns the answer to it; its path begins with the id of the request.
func run(h Handler, invocation *Reply) *Request {
	id := invocation.Header("Lambda-Runtime-Aws-Request-Id")
	deadline, _ := strconv.ParseInt(invocation.Header("Lambda-Runtime-Deadline-Ms"), 10, 64)
	ctx, cancel := context.WithDeadline(context.Background(), time.UnixMilli(deadline))
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID:       id,
		InvokedFunctionArn: invocation.Header("Lambda-Runtime-Invoked-Function-Arn"),
		TenantID:           invocation.Header("Lambda-Runtime-Aws-Tenant-Id"),
	})
	trace := invocation.Header("Lambda-Runtime-Trace-Id")
	if lambdacontext.MaxConcurrency() == 1 {
		os.Setenv("_X_AMZN_TRACE_ID", trace)
	}
	//lint:ignore SA1029 this is the key of aws-lambda-go, and of X-Ray
	ctx = context.WithValue(ctx, "x-amzn-trace-id", trace)
	body, err := h.Invoke(ctx, invocation.Body)
	if err != nil {
		return &Request{Method: "POST", Path: id + "/error", Type: "application/json", Body: document(err)}
	}
	return &Request{Method: "POST", Path: id + "/response", Type: "application/octet-stream", Body: body}
}

// document is the error document of an invocation that failed. It is logged, too, as AWS's runtime client does.
func document(err error) []byte {
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	text, _ := json.Marshal(struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}{err.Error(), kind.Name()})
	log.Printf("%s", text)
	return text
}
