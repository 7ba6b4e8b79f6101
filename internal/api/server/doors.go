package server

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"

	"github.com/perdure/perdure/protocol"
)

// Doors let the functions of this engine in to the Lambda API, each by an unguessable path, as in the Runtime API.
// The path is a part of the function's endpoint, so it works with every SDK, and with any credentials that the
// function has for other services.
//
// A door allows what functions may do. Doors' methods may be called concurrently.
type Doors struct {
	mu         sync.Mutex
	byFunction map[string]string // function -> secret
	bySecret   map[string]string // secret -> function
}

// NewDoors returns doors for a server of their own, on loopback.
func NewDoors() *Doors { return &Doors{byFunction: map[string]string{}, bySecret: map[string]string{}} }

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

// enter returns the request as made behind its door, and the function; empty if there is no such door.
func (d *Doors) enter(r *http.Request) (inner *http.Request, function string) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), doorPrefix)
	secret, _, _ := strings.Cut(rest, "/")
	d.mu.Lock()
	defer d.mu.Unlock()
	if function = d.bySecret[secret]; !ok || function == "" {
		return r, ""
	}
	return stripPath(r, doorPrefix+secret), function
}

// errNoDoor refuses a path without a door.
var errNoDoor = protocol.Errorf(protocol.CodeAccessDenied, "This path belongs to no function of the engine.")

// stripPath returns r with a path that starts behind prefix, which has nothing escaped in it.
func stripPath(r *http.Request, prefix string) *http.Request {
	inner, u := *r, *r.URL
	u.Path = strings.TrimPrefix(u.Path, prefix)
	u.RawPath = strings.TrimPrefix(u.RawPath, prefix)
	inner.URL = &u
	return &inner
}
