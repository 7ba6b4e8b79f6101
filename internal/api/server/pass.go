package server

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// A node of a fleet passes on what only another node can do: an [engine.ElsewhereError] of a route says so. The
// request goes as it came, with one header more, in which this node vouches for it: whoever sent it may do so. The
// other node asks for no credentials then, and a function behind a door needs none. Such a request is never passed on
// again.

// Fleet vouches for requests among the nodes of a fleet.
type Fleet interface {
	Vouch(text string) (proof string)
	Vouched(text, proof string) bool
}

var _ Fleet = (*engine.Engine)(nil)

// passedHeader has the word of the node that passes a request on.
const passedHeader = "Perdure-Passed-On"

var errNotPassed = protocol.Errorf(protocol.CodeAccessDenied,
	"The header %s is for nodes of one fleet, and this one is not from any, or too old.", passedHeader)

// passing passes requests on.
type passing struct {
	fleet   Fleet // nil passes nothing on
	carrier *http.Transport
	log     *slog.Logger
}

const (
	reachTime = 3 * time.Second // for a connection to another node
	// A node that is silent is lost after beatTime and two more. It answers when it likes.
	beatTime = 5 * time.Second
)

func newPassing(fleet Fleet) passing {
	dialer := net.Dialer{Timeout: reachTime,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: beatTime, Interval: beatTime, Count: 3}}
	return passing{fleet: fleet, carrier: &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: reachTime, DisableCompression: true,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
	}}
}

func (p *passing) close() { p.carrier.CloseIdleConnections() }

// accept reports whether another node passed r on. A word that is no node's is an error.
func (p *passing) accept(r *http.Request) (passed bool, err error) {
	proof := r.Header.Get(passedHeader)
	if proof == "" || p.fleet == nil {
		return false, nil
	}
	if !p.fleet.Vouched(passedText(r), proof) {
		return false, errNotPassed
	}
	return true, nil
}

// passedText is what a node vouches for.
func passedText(r *http.Request) string {
	return r.Method + " " + pathOf(r.URL) + "?" + r.URL.RawQuery
}

// on passes r on, and the answer back.
func (p *passing) on(w http.ResponseWriter, r *http.Request, there *engine.ElsewhereError) (err error) {
	(&httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL = &url.URL{Opaque: pathOf(pr.In.URL), RawQuery: pr.In.URL.RawQuery}
			pr.Out.Header.Del("Expect") // we have the body, or get it
			pr.Out.Header.Set(passedHeader, p.fleet.Vouch(passedText(pr.In)))
		},
		Transport:     hop{there.Nodes, p.carrier},
		FlushInterval: -1,
		ModifyResponse: func(answer *http.Response) error {
			for name := range answer.Header {
				w.Header().Del(name) // such as our id of the request
			}
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, failure error) { err = failure },
		ErrorLog:     slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}).ServeHTTP(w, r)
	if _, refused := errors.AsType[*protocol.Error](err); err == nil || refused || r.Context().Err() != nil {
		return err
	}
	p.log.Debug("a request could not be passed on to another node", "path", r.URL.Path, "error", err)
	return protocol.Errorf(protocol.CodeService, "Another node of the fleet has to answer this, and %s did not: %s. "+
		"Try again; perdure nodes lists the nodes.", there.Nodes[len(there.Nodes)-1].Name, clip(err.Error()))
}

// hop carries a request to the first node that is there.
type hop struct {
	nodes   []engine.Node
	carrier http.RoundTripper
}

var errNoURL = errors.New("it has no URL; nodes are told theirs with perdure serve --node-url")

// RoundTrip implements [http.RoundTripper]. The body stays open: nothing of it is read before a node is reached.
func (h hop) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	for i := range h.nodes {
		n := &h.nodes[i]
		to, invalid := url.Parse(n.URL)
		if n.URL == "" || invalid != nil {
			err = cmp.Or(err, errNoURL)
			continue
		}
		out := r.WithContext(r.Context())
		out.URL = &url.URL{Scheme: to.Scheme, Host: to.Host, RawQuery: r.URL.RawQuery,
			Opaque: strings.TrimSuffix(to.EscapedPath(), "/") + r.URL.Opaque}
		if r.Body != nil {
			out.Body = io.NopCloser(r.Body)
		}
		answer, err = h.carrier.RoundTrip(out)
		if !unreached(err) || r.Context().Err() != nil {
			break
		}
	}
	return answer, err
}

// unreached reports whether err says that there was no connection, so that nothing was sent.
func unreached(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
