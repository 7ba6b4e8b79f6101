package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// On loopback a server without credentials has only the operating system to keep others out, and a browser on the
// same machine is already in. A web page can make it send requests: across sites, which the Origin and
// Sec-Fetch-Site headers tell, or to a name of its own that it points at 127.0.0.1 (DNS rebinding), which the Host
// header tells. So every face stands behind the guard.

// guard knows the names of this server.
type guard struct{ hosts map[string]bool }

func newGuard(names []string) guard {
	hosts := map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}
	for _, name := range names {
		hosts[strings.ToLower(name)] = true
	}
	return guard{hosts}
}

// check refuses requests that a web page of another site caused. What is open to everybody may be asked without a host,
// as no browser does: probes of load balancers name none.
func (g guard) check(r *http.Request, a *asked) error {
	if onLoopback(r) && !g.knows(r.Host) && !(r.Host == "" && a.isOpen()) {
		return protocol.Errorf(protocol.CodeAccessDenied, "The host name %q is not allowed on a loopback address: "+
			"use localhost, or add the name to the allowed hosts.", clip(r.Host))
	}
	if !sameSite(r) && !followsLink(r, a) {
		return protocol.Errorf(protocol.CodeAccessDenied,
			"Requests from web pages of other sites are not allowed (origin %q).",
			clip(r.Header.Get("Origin")))
	}
	return nil
}

// onLoopback reports whether r came in on a loopback address. Without a connection it did.
func onLoopback(r *http.Request) bool {
	tcp, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

func (g guard) knows(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if g.hosts[host] {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return g.hosts[host] || strings.HasSuffix(host, ".localhost")
}

// sameSite reports whether r was sent by a page of this very origin, or by no page.
func sameSite(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	_, host, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(host, r.Host)
}

// followsLink reports whether somebody followed a link to our page: the browser then shows it, and the site with
// the link sees nothing of it.
func followsLink(r *http.Request, a *asked) bool {
	return r.Method == http.MethodGet && a.face.Login == route.Session && r.Header.Get("Origin") == "" &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// clip shortens parts of a request in messages.
func clip(s string) string { return protocol.Clip(s, 200) }
