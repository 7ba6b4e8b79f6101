package io

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/lint/testdata/price"
)

type service struct {
	db      *sql.DB
	gateway price.Gateway
	charge  func(ctx context.Context, amount int) error
	lambda  *lambda.Client
}

func (s *service) handler(ctx durable.Context, amount int) error {
	_, _ = os.ReadFile("rates.json")                  // want `io: calls os.ReadFile: each run repeats it`
	_, _ = http.Get("http://rates.example")           // want `http.Get`
	_, _ = s.db.ExecContext(ctx, "DELETE FROM carts") // want `sql.DB.ExecContext`
	_ = exec.Command("convert").Run()                 // want `exec.Cmd.Run`
	_, _ = net.LookupHost("rates.example")            // want `net.LookupHost`
	_ = s.gateway.Charge(ctx, amount)                 // want `calls price.Gateway.Charge: it takes a context and may fail`
	_ = s.charge(ctx, amount)                         // want `calls charge: it takes a context and may fail`
	_, _ = s.lambda.ListFunctions(ctx, nil)           // want `calls lambda.Client.ListFunctions: it takes a context`
	_ = s.save(ctx)                                   // want `calls service.save, which calls sql.DB.PingContext at io.go`
	_ = price.Rates(ctx)                              // want `calls price.Rates, which calls http.Client.Do`
	_ = price.Pay(ctx, s.gateway, amount)             // want `calls price.Pay, which calls Gateway.Charge at price.go`
	log.Fatal("gone")                                 // want `log.Fatal`
	_ = s.gateway.Name()
	check := func(ctx context.Context, n int) error { return errors.Join(ctx.Err(), s.save(ctx)) } // want `service.save`
	positive := func(ctx context.Context, n int) error { return ctx.Err() }
	_ = errors.Join(check(ctx, amount), positive(ctx, amount))
	_ = net.ParseIP("::1")
	_ = errors.Is(sql.ErrNoRows, os.ErrNotExist)
	_, err := durable.Step(ctx, "pay", func(ctx context.Context) (bool, error) {
		_ = s.save(ctx)
		return true, s.gateway.Charge(ctx, amount)
	})
	if err == nil {
		_, err = durable.Step(ctx, "method", s.ship)
	}
	if err == nil {
		_, err = durable.Step(ctx, "closure", s.shipping(amount))
	}
	return err
}

func (s *service) save(ctx context.Context) error { return s.db.PingContext(ctx) }

func (s *service) ship(ctx context.Context) (bool, error) { return true, s.charge(ctx, 1) }

func (s *service) shipping(amount int) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) { return true, s.charge(ctx, amount) }
}
