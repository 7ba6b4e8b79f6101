// Golang is the functions of this directory's checks that are written in Go:
// as which of them it serves is in AWS_LAMBDA_FUNCTION_NAME.
package main

import (
	"context"
	"errors"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/perdure/perdure/durable"
)

func main() {
	name := os.Getenv("AWS_LAMBDA_FUNCTION_NAME")
	switch name {
	case "go-chain":
		durable.Start(chain)
	case "go-add":
		lambda.Start(add)
	case "go-fails":
		lambda.Start(fails)
	default:
		log.Fatalf("there is no function called %q", name)
	}
}

type journey struct {
	Route []string `json:"route"`
	Trail []string `json:"trail"`
}

// chain passes a list on to the functions of a route, each of which adds its
// mark.
func chain(ctx durable.Context, j journey) ([]string, error) {
	mark, err := durable.Step(ctx, "mark", func(context.Context) (string, error) { return "go", nil })
	if err != nil {
		return nil, err
	}
	trail := append(j.Trail, mark)
	if len(j.Route) == 0 {
		return trail, nil
	}
	next := durable.Function[journey, []string]{Name: j.Route[0]}
	back, err := durable.Invoke(ctx, "pass-on", next, journey{Route: j.Route[1:], Trail: trail})
	return append(back, mark), err
}

type summands struct{ A, B int }

type sum struct {
	Sum int    `json:"sum"`
	By  string `json:"by"`
}

// add is not durable, as is fails.
func add(_ context.Context, in summands) (sum, error) {
	return sum{Sum: in.A + in.B, By: "go"}, nil
}

func fails() error { return errors.New("the shop is closed") }
