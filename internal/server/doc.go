// Package server puts every face of an engine on one port: the Lambda API, the
// engine's own API, the page for people, metrics, health and readiness.
//
// A connection passes these stations, and a request the later ones:
//
//	server.go    one http.Server, its time limits, its graceful end
//	body.go      a body may take long, but must not stand still
//	faces.go     which face does the path belong to?
//
// What a path means is the face's business. The server does not clean or
// unescape paths, since execution ARNs and callback ids contain slashes.
package server
