package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/http"
	"time"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/api/sigv4"
	"github.com/perdure/perdure/protocol"
)

// Credentials finds who may use a server, by access key id. Find may be called concurrently.
type Credentials interface {
	Find(keyID string) (credentials.Credential, bool)
}

var errUnknownKey = protocol.Errorf(protocol.CodeUnrecognizedClient,
	"The security token included in the request is invalid.")

// authenticate finds out who sent r.
func (s *Server) authenticate(r *http.Request, a *asked) (*credentials.Credential, error) {
	switch a.face.Login {
	case route.Session:
		if c := s.login.session(r); c != nil {
			return c, nil
		}
	case route.Basic:
		if c, ok := s.basic(r); ok {
			return c, nil
		}
	}
	return s.signer(r)
}

// basic finds the credential in r's user and password, which Prometheus can send.
func (s *Server) basic(r *http.Request) (*credentials.Credential, bool) {
	keyID, secret, ok := r.BasicAuth()
	if !ok {
		return nil, false
	}
	c, ok := s.credentials.Find(keyID)
	return &c, ok && sameSecret(c.Secret, secret)
}

// sameSecret compares in constant time.
func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// signer finds whose secret signed r. It refuses a stranger before reading the body.
func (s *Server) signer(r *http.Request) (*credentials.Credential, error) {
	proof, err := sigv4.Parse(r)
	if err != nil {
		return nil, err
	}
	c, ok := s.credentials.Find(proof.KeyID)
	if !ok {
		return nil, errUnknownKey
	}
	if err := proof.Fresh(time.Now()); err != nil {
		return nil, err
	}
	var hash [sha256.Size]byte
	if proof.NeedsBody() {
		if hash, err = hashBody(r); err != nil {
			return nil, err
		}
	}
	if err := proof.Verify(r, c.Secret, hash); err != nil {
		return nil, err
	}
	return &c, nil
}

// maxSignedBody bounds a body that is held until its signature is verified: the largest checkpoint. A larger one
// must be sent unsigned, which TLS allows.
const maxSignedBody = 16 << 20

// hashBody reads r's body and puts the read bytes in its place.
func hashBody(r *http.Request) (hash [sha256.Size]byte, err error) {
	tooLarge := protocol.Errorf(protocol.CodeRequestTooLarge,
		"A signed body must be smaller than %d bytes; send a larger one with x-amz-content-sha256: %s.",
		maxSignedBody, sigv4.Unsigned)
	if r.ContentLength > maxSignedBody {
		return hash, tooLarge
	}
	// The announced length is trusted only up to here, as a lie costs the client nothing.
	const trusted = 64 << 10
	var text bytes.Buffer
	text.Grow(int(min(max(r.ContentLength, 0), trusted)) + bytes.MinRead)
	if _, err := text.ReadFrom(io.LimitReader(r.Body, maxSignedBody+1)); err != nil {
		return hash, err
	}
	if text.Len() > maxSignedBody {
		return hash, tooLarge
	}
	r.Body = io.NopCloser(&text)
	return sha256.Sum256(text.Bytes()), nil
}
