package plainhttp

import (
	"io"
	"net"
	"net/http"
	"testing"
)

// BenchmarkNothing answers requests that ask for nothing, of a client that
// costs nothing, over loopback: what a server takes by itself.
func BenchmarkNothing(b *testing.B) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header()["Content-Length"] = []string{"2"}
		w.Write(body)
	})
	watched := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Context().Done()
		h(w, r)
	})
	for _, s := range []struct {
		name string
		make func() server
	}{
		{"nethttp", func() server { return &http.Server{Handler: h} }},
		{"plain", func() server { return New(&http.Server{Handler: h}) }},
		{"plain-watched", func() server { return New(&http.Server{Handler: watched}) }},
	} {
		b.Run(s.name, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			s := s.make()
			go s.Serve(l)
			defer s.Close()
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			request := []byte("POST /2025-12-01/durable-executions/arn%3Aaws%3Alambda/checkpoint HTTP/1.1\r\nHost: 127.0.0.1:80\r\n" +
				"User-Agent: Go-http-client/1.1\r\nContent-Length: 2\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n{}")
			answer := make([]byte, 4<<10)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				if n, err := conn.Read(answer); err != nil || n < 50 {
					b.Fatal(n, err)
				}
			}
		})
	}
}
