// The embedded example is an ordinary HTTP service that processes orders, with durable execution inside: no other
// server, no other process. Kill it while an order waits for its payment, start it again, and the order goes on.
//
//	go run ./examples/embedded
//	curl localhost:8080/orders/17 -d '{"amount_cents": 4200}'
//	curl localhost:8080/orders/17
//
// The page is at http://localhost:8080/ui/.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"

	"github.com/perdure/perdure"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "the `address` to serve")
	data := flag.String("data", "data", "the `directory` of the executions")
	flag.Parse()

	p, err := perdure.Open(context.Background(), *data, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := perdure.Handle(p, "order", processOrder); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{number}", func(w http.ResponseWriter, r *http.Request) {
		var order Order
		err := json.NewDecoder(r.Body).Decode(&order)
		if err == nil {
			// Named by its number, an order that is sent twice is processed once.
			_, err = perdure.Start(r.Context(), p, "order", order, perdure.Named(r.PathValue("number")))
		}
		answer(w, "accepted", err)
	})
	mux.HandleFunc("GET /orders/{number}", func(w http.ResponseWriter, r *http.Request) {
		arn, err := perdure.Find(r.Context(), p, "order", r.PathValue("number"))
		if err != nil {
			answer(w, nil, err)
			return
		}
		state, err := perdure.Get[Receipt](r.Context(), p, arn)
		answer(w, state, err)
	})
	mux.Handle("/", p.Handler()) // the Lambda API for clients of AWS, and the page for people
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("http://%s/orders/NUMBER", l.Addr())
	log.Fatal(http.Serve(l, mux))
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	json.NewEncoder(w).Encode(value)
}
