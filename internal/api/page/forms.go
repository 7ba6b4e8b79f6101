package page

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// Each form has a token that only our own pages know, beside the check of where a request comes from. It belongs to a
// secret that the browser keeps in a cookie: the session, or one of the page's own where nobody logs in. So nothing is
// stored, and each node of a fleet takes the forms of the others.

const (
	tokenField = "token"
	formCookie = "perdure-forms"
)

// formSecret is the secret of r's browser, which gets one if it has none. It is empty if it has none and w is nil.
func formSecret(w http.ResponseWriter, r *http.Request) string {
	if c := route.CallerOf(r); c != nil && c.Session != "" {
		return c.Session
	}
	if cookie, err := r.Cookie(formCookie); err == nil && cookie.Value != "" {
		return cookie.Value
	}
	if w == nil {
		return ""
	}
	secret := rand.Text()
	http.SetCookie(w, &http.Cookie{Name: formCookie, Value: secret, Path: "/", HttpOnly: true, Secure: r.TLS != nil,
		SameSite: http.SameSiteStrictMode})
	return secret
}

// formToken is the token of the forms of a browser with this secret.
func formToken(secret string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte("perdure form"))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// checkToken refuses a form that is not of a page that this browser got from us.
func checkToken(r *http.Request, form url.Values) error {
	secret := formSecret(nil, r)
	if secret == "" || !hmac.Equal([]byte(formToken(secret)), []byte(form.Get(tokenField))) {
		return protocol.Errorf(protocol.CodeAccessDenied, "This form is not of a page that your browser got from this "+
			"engine, or you have logged in again since. Load the page again, and repeat it.")
	}
	return nil
}
