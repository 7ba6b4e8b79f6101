// Command function is the workload as a function process of Perdure.
package main

import (
	"github.com/perdure/perdure/bench/peers/handler"
	"github.com/perdure/perdure/durable"
)

func main() { durable.Start(handler.Handle) }
