// Package server puts every face of an engine on one port: the Lambda API, the engine's own API, the page for
// people, metrics, health and readiness.
//
// A connection passes these stations, and a request the later ones:
//
//	connections.go    is there a place for it? Idle ones make room
//	certificate.go    TLS, with a certificate that may be renewed
//	server.go         an http.Server, or a plainhttp.Server for functions; limits.go has what clients can take
//	body.go           a body may take long, but must not stand still
//	guard.go          is it from a web page that has no business here?
//	authenticate.go   who sends it? Signatures, and login.go for people
//	authorize.go      which route do they ask for, and may they?
//
// Each face declares its paths, and who may use them, see package [route]; routes.go has the few routes of the server
// itself. The server does not clean or unescape paths, since execution ARNs and callback ids contain slashes.
//
// Loopback needs neither credentials nor TLS. On any other address [Server.Serve] refuses to work without both.
// Functions that the engine starts have a port of their own, with the Runtime API and with [Doors].
package server
