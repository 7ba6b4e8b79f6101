package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/route"
)

const (
	loginPath  = "/ui/login"
	logoutPath = "/ui/logout"
	// sessionTime is how long a person stays logged in.
	sessionTime = 12 * time.Hour
)

// login lets people in to the page, with the access key id and the secret that programs sign with. A session is a
// cookie with its owner and its end, under a MAC with the owner's secret: nothing is stored, and all nodes of a fleet
// that have the same credentials take it. A removal from these, or another secret, ends a session at once.
type login struct {
	credentials Credentials
	secure      bool // the cookie travels over TLS only
	tries       tries
}

func newLogin(c Credentials, secure bool) *login {
	l := &login{credentials: c, secure: secure}
	l.tries.init()
	return l
}

// show answers with the form.
func (l *login) show(w http.ResponseWriter, r *http.Request, _ string) error {
	writeForm(w, http.StatusOK, "", r.URL.Query().Get("to"))
	return nil
}

// leave ends a session.
func (l *login) leave(w http.ResponseWriter, r *http.Request, _ string) error {
	http.SetCookie(w, l.cookie("", -1))
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
	return nil
}

// send sends a person to the form, and afterwards back to where they were going.
func (l *login) send(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeForm(w, http.StatusForbidden, "Your session has ended, so nothing was done. Log in, and repeat it.",
			route.CameFrom(r))
		return nil
	}
	target := loginPath
	if to := r.URL.RequestURI(); localPage(to) {
		target += "?to=" + url.QueryEscape(to)
	}
	http.Redirect(w, r, target, http.StatusFound)
	return nil
}

// maxForm bounds the form's data.
const maxForm = 8 << 10

// enter checks the form's data.
func (l *login) enter(w http.ResponseWriter, r *http.Request, _ string) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			status = http.StatusRequestEntityTooLarge
		}
		writeForm(w, status, "That was not what the form sends.", "")
		return nil
	}
	to := r.PostForm.Get("to")
	if !l.tries.allow(remoteHost(r)) {
		w.Header().Set("Retry-After", "60")
		writeForm(w, http.StatusTooManyRequests, "Too many tries; wait a minute.", to)
		return nil
	}
	c, ok := l.credentials.Find(strings.TrimSpace(r.PostForm.Get("key")))
	if !sameSecret(c.Secret, strings.TrimSpace(r.PostForm.Get("secret"))) || !ok {
		writeForm(w, http.StatusForbidden, "There is no such access key, or the secret is another one.", to)
		return nil
	}
	http.SetCookie(w, l.cookie(l.seal(&c, time.Now().Add(sessionTime)), int(sessionTime/time.Second)))
	if !localPage(to) {
		to = "/ui/"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// cookie carries a session. Lax is enough: changes are POSTs, and the guard checks where they come from. Strict
// would ask everybody who follows a link to log in again.
func (l *login) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: l.cookieName(), Value: value, Path: "/", MaxAge: maxAge,
		Secure: l.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// cookieName binds the cookie to this very host where browsers allow it.
func (l *login) cookieName() string {
	if l.secure {
		return "__Host-perdure"
	}
	return "perdure"
}

// seal makes a session of c's.
func (l *login) seal(c *credentials.Credential, until time.Time) string {
	claim := c.KeyID + "." + strconv.FormatInt(until.Unix(), 36)
	return claim + "." + sessionMAC(claim, c.Secret)
}

// sessionMAC is of nothing that is signed with the secret elsewhere.
func sessionMAC(claim, secret string) string {
	h := hmac.New(sha256.New, []byte("perdure session "+secret))
	h.Write([]byte(claim))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// value is r's session as the browser keeps it; empty if there is none.
func (l *login) value(r *http.Request) string {
	cookie, err := r.Cookie(l.cookieName())
	if err != nil {
		return ""
	}
	return cookie.Value
}

// session returns the owner of r's session, or nil.
func (l *login) session(r *http.Request) *credentials.Credential {
	parts := strings.Split(l.value(r), ".")
	if len(parts) != 3 {
		return nil
	}
	until, err := strconv.ParseInt(parts[1], 36, 64)
	if err != nil || time.Now().Unix() >= until {
		return nil
	}
	c, ok := l.credentials.Find(parts[0])
	if !ok || !hmac.Equal([]byte(parts[2]), []byte(sessionMAC(parts[0]+"."+parts[1], c.Secret))) {
		return nil
	}
	return &c
}

// localPage reports whether to is a path of our page, not another site's address.
func localPage(to string) bool {
	return strings.HasPrefix(to, "/ui/") && !strings.ContainsAny(to, "\\\r\n")
}

// remoteHost is the address that r came from, without its port.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// The tries to log in within a minute: of one address, and of all.
const (
	triesOfOne = 10
	triesOfAll = 300
)

// tries counts the tries of the current minute.
type tries struct {
	mu     sync.Mutex
	minute int64
	byHost map[string]int
	all    int
}

func (t *tries) init() { t.byHost = map[string]int{} }

// allow counts a try of host's, and reports whether it is allowed.
func (t *tries) allow(host string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if minute := time.Now().Unix() / 60; minute != t.minute {
		t.minute, t.all = minute, 0
		clear(t.byHost)
	}
	if t.all >= triesOfAll || t.byHost[host] >= triesOfOne {
		return false
	}
	t.all++
	t.byHost[host]++
	return true
}
