package server

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

// The server has pages of its own for those whom it does not know, or does not let in: the form to log in, and
// refusals. They need nothing beside them, and say nothing of the engine.

// plainStyle is the style sheet of these pages, which their policy names by its hash.
const plainStyle = `
:root { color-scheme: light dark; font: 14px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif;
	--text: #1a2322; --soft: #55625f; --line: #8b9894; --back: #f6f8f7; --panel: #fff; --accent: #1f6f5e; --on: #fff; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root {
	--text: #e3eae8; --soft: #9aa8a5; --line: #5d6b68; --back: #111615; --panel: #181f1e; --accent: #6cc7b0; --on: #0d1a17; --bad: #ff8a80 } }
body { margin: 0; min-height: 90vh; display: grid; place-items: center; color: var(--text); background: var(--back) }
main { box-sizing: border-box; width: min(24rem, 100vw); padding: 1.75rem 2rem; background: var(--panel);
	border: 1px solid color-mix(in srgb, var(--line) 40%, transparent); border-radius: 10px }
h1 { margin: 0; font-size: 1.4rem }
p { margin: .25rem 0 0; color: var(--soft) }
label { display: block; margin: 1rem 0; font-weight: 550 }
input { display: block; box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .5rem .7rem; font: inherit; font-weight: 400;
	color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: 6px }
button { width: 100%; padding: .55rem; font: inherit; font-weight: 600; cursor: pointer; color: var(--on);
	background: var(--accent); border: 0; border-radius: 6px }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
a { color: var(--accent) }
[role=alert] { margin-top: 1rem; padding-left: .75rem; border-left: .25rem solid; color: var(--bad) }
`

var plain = template.Must(template.New("plain").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.Title}} · Perdure</title>
<link rel="icon" href="data:,">
<style>` + plainStyle + `</style>
</head>
<body>
<main>
<h1>Perdure</h1>
{{if .Form}}<p>Log in with the access key that programs sign with.</p>{{end}}
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
{{if .Form}}<form method="post" action="` + loginPath + `">
<input type="hidden" name="to" value="{{.To}}">
<label>Access key ID <input name="key" autocomplete="username" autocapitalize="none" spellcheck="false" autofocus required></label>
<label>Secret access key <input name="secret" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>{{else}}<p><a href="{{.To}}">All executions</a></p>{{end}}
</main>
</body>
</html>
`))

// plainPage is the data of the template.
type plainPage struct {
	Title   string
	Problem string // may be empty
	Form    bool   // to log in
	To      string // where the person was going
}

// plainPolicy lets a browser use the style sheet, and nothing else.
var plainPolicy = func() string {
	sum := sha256.Sum256([]byte(plainStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

func (p plainPage) write(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", plainPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin") // without a referrer browsers hide the origin of the form, too
	w.WriteHeader(status)
	_ = plain.Execute(w, p) // a failure means that the client is gone
}

// writeForm answers with the form to log in. problem is shown above it, and to is where the person was going.
func writeForm(w http.ResponseWriter, status int, problem, to string) {
	if len(to) > maxForm/2 {
		to = ""
	}
	plainPage{"Log in", problem, true, to}.write(w, status)
}

// show answers a request that failed with a page, if its path is below that of a face whose errors people see.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, message string) bool {
	path := pathOf(r.URL)
	for _, f := range s.faces {
		if f.Show == nil || !strings.HasPrefix(path+"/", f.Prefix) {
			continue
		}
		if admitted := w.(*answer).admitted; admitted != nil {
			f.Show(w, admitted, status, message)
		} else {
			plainPage{"Not possible", message, false, f.Prefix}.write(w, status)
		}
		return true
	}
	return false
}
