package server

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/protocol"
)

// Doors let the functions of this engine in to the Lambda API, each by a path
// that nobody else can guess, as the Runtime API does. The path is a part of
// the endpoint that the function is given, so it works with every SDK, and with
// whatever credentials the function has for other services.
//
// What a function may do by its door is what functions do. Its methods may be called concurrently.
type Doors struct {
	lambda http.Handler
	shell  http.Handler // answers what serve refuses

	mu         sync.Mutex
	byFunction map[string]string // function -> secret
	bySecret   map[string]string // secret -> function
}

// NewDoors returns doors to the Lambda API, to be served on loopback. A nil log
// is slog.Default().
func NewDoors(lambda http.Handler, log *slog.Logger) *Doors {
	d := &Doors{lambda: lambda, byFunction: map[string]string{}, bySecret: map[string]string{}}
	d.shell = lambdaapi.Shell(&lambdaapi.Options{Logger: log}, d.serve)
	return d
}

const doorPrefix = "/function/"

// Path is the path of a function's door, for the end of its endpoint.
func (d *Doors) Path(function string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	secret := d.byFunction[function]
	if secret == "" {
		secret = rand.Text()
		d.byFunction[function], d.bySecret[secret] = secret, function
	}
	return doorPrefix + secret
}

func (d *Doors) functionOf(secret string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bySecret[secret]
}

// ServeHTTP implements [http.Handler].
func (d *Doors) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.shell.ServeHTTP(w, r) }

func (d *Doors) serve(w http.ResponseWriter, r *http.Request) error {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), doorPrefix)
	secret, _, _ := strings.Cut(rest, "/")
	function := d.functionOf(secret)
	if !ok || function == "" {
		return protocol.Errorf(protocol.CodeAccessDenied, "This path belongs to no function of the engine.")
	}
	inner := stripPath(r, doorPrefix+secret)
	if !forFunctions(inner) {
		return denied("function/"+function, inner)
	}
	d.lambda.ServeHTTP(w, inner)
	return nil
}

// stripPath returns r with a path that starts behind prefix, which has nothing
// in it that is escaped.
func stripPath(r *http.Request, prefix string) *http.Request {
	inner, u := *r, *r.URL
	u.Path = strings.TrimPrefix(u.Path, prefix)
	u.RawPath = strings.TrimPrefix(u.RawPath, prefix)
	inner.URL = &u
	return &inner
}
