//go:build unix

package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

func init() {
	functions["gather"] = serve(gather)
	functions["gather alone"] = func() {
		os.Unsetenv("AWS_LAMBDA_MAX_CONCURRENCY") // too late for the client, which has read it
		oneLoop(func(event []byte) string {
			var g gathering
			json.Unmarshal(event, &g)
			g.wait("only")
			return fmt.Sprint(os.Getpid())
		})
	}
	functions["two loops"] = func() {
		var loops sync.WaitGroup
		for range 2 {
			loops.Go(func() { oneLoop(waitForFile) })
		}
		loops.Wait()
	}
}

// gathering says what an invocation does.
type gathering struct {
	Dir     string // where it says that it is there, and waits until there are Size
	Size    int
	Say     string // a line that names the invocation, and one that does not
	Foreign bool   // it also writes a line that names what is no invocation
	After   string // a file; when it is there, and the invocation is answered, it writes more
	Hang    bool
	Exit    bool
	Count   bool // it answers with how many run at this time
}

var atOnce atomic.Int64

func gather(ctx context.Context, g gathering) (any, error) {
	defer atOnce.Add(-1)
	n := atOnce.Add(1)
	lc, _ := lambdacontext.FromContext(ctx)
	switch {
	case g.Exit:
		os.Exit(3)
	case g.Hang:
		select {}
	}
	if g.Say != "" {
		fmt.Printf("{\"message\":%q,\"requestId\":%q}\n", g.Say, lc.AwsRequestID)
	}
	g.wait(lc.AwsRequestID)
	if g.Say != "" {
		fmt.Println("plain", g.Say)
	}
	if g.Foreign {
		fmt.Println(`{"requestId":"of another process"}`)
	}
	if g.Count {
		time.Sleep(5 * time.Millisecond)
		return n, nil
	}
	if g.After != "" {
		return &answerThen{strings.NewReader("1"), func() {
			for !exists(g.After) {
				time.Sleep(time.Millisecond)
			}
			fmt.Printf("{\"message\":\"named after the answer\",\"AWSRequestId\":%q}\nplain after the answer\n", lc.AwsRequestID)
		}}, nil
	}
	return os.Getpid(), nil
}

// wait says that somebody is there, and waits for the others.
func (g gathering) wait(name string) {
	if g.Dir == "" {
		return
	}
	os.WriteFile(filepath.Join(g.Dir, name+fmt.Sprint("-", os.Getpid())), nil, 0o644)
	for arrived(g.Dir) < g.Size {
		time.Sleep(time.Millisecond)
	}
}

func waitForFile(event []byte) string {
	var path string
	json.Unmarshal(event, &path)
	for !exists(path) {
		time.Sleep(time.Millisecond)
	}
	return fmt.Sprint(os.Getpid())
}

// oneLoop polls, answers, says how that went, and polls again.
func oneLoop(handle func(event []byte) string) {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			log.Fatal(err)
		}
		event, _ := io.ReadAll(next.Body)
		next.Body.Close()
		url := base + next.Header.Get("Lambda-Runtime-Aws-Request-Id") + "/response"
		response, err := http.Post(url, "application/json", strings.NewReader(handle(event)))
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Println("answered", response.StatusCode)
	}
}
