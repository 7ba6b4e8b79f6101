package lambdaapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/perdure/perdure/internal/wire"
)

// The API takes no credentials on loopback, so the operating system is all
// that keeps others out, and a browser on the same machine is already in. A
// web page can make it send requests: across sites, which the Origin and
// Sec-Fetch-Site headers tell, or to a name of its own that it points at
// 127.0.0.1 (DNS rebinding), which the Host header tells.

func allowedHosts(names []string) map[string]bool {
	hosts := map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}
	for _, name := range names {
		hosts[strings.ToLower(name)] = true
	}
	return hosts
}

// guard refuses requests that a web page of another site caused.
func (s *shell) guard(r *http.Request) error {
	if onLoopback(r) && !s.knownHost(r.Host) {
		return refusal(wire.CodeAccessDenied, "The host name %q is not allowed on a loopback address: "+
			"use localhost, or add the name to the allowed hosts.", clip(r.Host, maxQuoted))
	}
	if !sameSite(r) {
		return refusal(wire.CodeAccessDenied, "Requests from web pages of other sites are not allowed (origin %q).",
			clip(r.Header.Get("Origin"), maxQuoted))
	}
	return nil
}

// onLoopback reports whether r came in on a loopback address. Without a
// connection to tell, it did.
func onLoopback(r *http.Request) bool {
	tcp, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

func (s *shell) knownHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if s.hosts[host] {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return s.hosts[host] || strings.HasSuffix(host, ".localhost")
}

// sameSite reports whether r was sent by a page of this very origin, or by
// something that is not a page.
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

// maxQuoted bounds what a message repeats of a path or header.
const maxQuoted = 200

// clip shortens s to most bytes.
func clip(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
