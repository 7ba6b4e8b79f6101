package server

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/protocol"
)

// Doors let the functions of this engine in to the Lambda API, each by an unguessable path, as in the Runtime API.
// The path is a part of the function's endpoint, so it works with every SDK, and with any credentials that the
// function has for other services. Doors' methods may be called concurrently.
type Doors struct {
	access     credentials.Access
	mu         sync.Mutex
	byFunction map[string]string // function -> secret
	bySecret   map[string]string // secret -> function
}

// NewDoors returns doors for a server of their own, on loopback, which give those who come in this access.
func NewDoors(access credentials.Access) *Doors {
	return &Doors{access: access, byFunction: map[string]string{}, bySecret: map[string]string{}}
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

// enter takes the door's path off the request, which has the escaped path given. It returns what is behind the door,
// and the function; empty if there is no such door.
func (d *Doors) enter(r *http.Request, path string) (inner, function string) {
	rest, ok := strings.CutPrefix(path, doorPrefix)
	secret, _, _ := strings.Cut(rest, "/")
	d.mu.Lock()
	function = d.bySecret[secret]
	d.mu.Unlock()
	if !ok || function == "" {
		return path, ""
	}
	door := path[:len(doorPrefix)+len(secret)] // nothing in it is escaped
	r.URL.Path = strings.TrimPrefix(r.URL.Path, door)
	r.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, door)
	return path[len(door):], function
}

// errNoDoor refuses a path without a door.
var errNoDoor = protocol.Errorf(protocol.CodeAccessDenied, "This path belongs to no function of the engine.")
