// Command raw is a function without an SDK: it answers every invocation with
// something that is no answer.
package main

import (
	"net/http"
	"os"
	"strings"
)

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			return
		}
		next.Body.Close()
		answer, err := http.Post(base+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader("not JSON \x1b[2J"))
		if err != nil {
			return
		}
		answer.Body.Close()
	}
}
