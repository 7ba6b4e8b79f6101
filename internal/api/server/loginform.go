package server

import (
	"html/template"
	"net"
	"net/http"
	"net/url"
)

var form = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · Perdure</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 22rem; margin: 15vh auto; padding: 0 1rem }
label { display: block; margin: 1rem 0 }
input { display: block; box-sizing: border-box; width: 100%; padding: .5rem; font: inherit }
button { padding: .5rem 1.5rem; font: inherit }
[role=alert] { border-left: .25rem solid #c33; padding-left: .75rem }
</style>
<h1>Perdure</h1>
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
<form method="post" action="/ui/login">
<input type="hidden" name="to" value="{{.To}}">
<label>Access key ID <input name="key" autocomplete="username" autofocus required></label>
<label>Secret access key <input name="secret" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
</html>
`))

// writeForm answers with the form. problem is shown above it, and to is where the person was going.
func writeForm(w http.ResponseWriter, status int, problem, to string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	if len(to) > maxForm/2 {
		to = ""
	}
	_ = form.Execute(w, struct{ Problem, To string }{problem, to}) // a failure means that the client is gone
}

func urlQueryEscape(s string) string { return url.QueryEscape(s) }

// remoteHost is the address that r came from, without its port.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
