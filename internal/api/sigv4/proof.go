package sigv4

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	service    = "lambda"
	terminator = "aws4_request"
	isoTime    = "20060102T150405Z"
)

// Unsigned stands for the hash of a body that the signature does not cover.
const Unsigned = "UNSIGNED-PAYLOAD"

// maxProof bounds the text of a proof: a key id, some names of headers, a MAC.
const maxProof = 4 << 10

// Proof is a request's claim of who sent it, parsed and not yet believed.
type Proof struct {
	KeyID   string
	Time    time.Time     // of signing
	Expires time.Duration // how long a presigned URL holds after Time; else 0

	// Payload is the hash of the body in hexadecimal, or [Unsigned], as the request states it. If it states none,
	// as with most clients, the body's own hash counts.
	Payload string

	scope   string   // day/region/service/aws4_request
	headers []string // names of those that are signed
	mac     []byte
}

// Parse reads the proof that r carries.
func Parse(r *http.Request) (*Proof, error) {
	authorization := r.Header["Authorization"]
	// The raw query is searched first: most requests have none, and parsing one costs.
	presigned := strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") || strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm=")
	switch {
	case len(authorization) > 1 || len(authorization) == 1 && presigned:
		return nil, incomplete("Only one way of authentication is allowed in a request.")
	case presigned:
		return parseQuery(r)
	case len(authorization) == 1:
		return parseHeader(r, authorization[0])
	}
	return nil, protocol.Errorf(protocol.CodeMissingToken, "Missing Authentication Token")
}

// parseHeader reads the Authorization header.
func parseHeader(r *http.Request, authorization string) (*Proof, error) {
	rest, ok := strings.CutPrefix(authorization, algorithm+" ")
	if !ok || len(authorization) > maxProof {
		return nil, incomplete("Authorization header requires the algorithm '%s'.", algorithm)
	}
	members := map[string]string{}
	for member := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		members[name] = value
	}
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if members[name] == "" {
			missing = append(missing, "Authorization header requires '"+name+"' parameter.")
		}
	}
	date, err := headerTime(r.Header)
	if err != nil {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		return nil, incomplete("%s", strings.Join(missing, " "))
	}
	p := &Proof{Time: date, Payload: r.Header.Get("X-Amz-Content-Sha256")}
	return p, p.read(members["Credential"], members["SignedHeaders"], members["Signature"])
}

// headerTime is when a request was signed.
func headerTime(h http.Header) (time.Time, error) {
	if date := h.Get("X-Amz-Date"); date != "" {
		return time.Parse(isoTime, date)
	}
	return http.ParseTime(h.Get("Date"))
}

// maxExpiry is the most seconds that a presigned URL may hold: a week.
const maxExpiry = 7 * 24 * 60 * 60

// parseQuery reads the query of a presigned URL.
func parseQuery(r *http.Request) (*Proof, error) {
	q := r.URL.Query()
	for _, name := range []string{"Algorithm", "Credential", "Signature", "SignedHeaders", "Date", "Expires"} {
		if values := q["X-Amz-"+name]; len(values) != 1 || values[0] == "" || len(values[0]) > maxProof {
			return nil, incomplete("AWS query-string parameters must include 'X-Amz-%s' once. Re-examine the query-string parameters.", name)
		}
	}
	if q.Get("X-Amz-Algorithm") != algorithm {
		return nil, incomplete("The algorithm of a presigned URL must be '%s'.", algorithm)
	}
	date, err := time.Parse(isoTime, q.Get("X-Amz-Date"))
	if err != nil {
		return nil, incomplete("'X-Amz-Date' must be in the form %s.", isoTime)
	}
	seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || seconds < 1 || seconds > maxExpiry {
		return nil, incomplete("'X-Amz-Expires' must be a number of seconds between 1 and %d.", maxExpiry)
	}
	p := &Proof{Time: date, Expires: time.Duration(seconds) * time.Second, Payload: q.Get("X-Amz-Content-Sha256")}
	if p.Payload == "" {
		p.Payload = r.Header.Get("X-Amz-Content-Sha256")
	}
	return p, p.read(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"))
}

// read parses the members that both forms have.
func (p *Proof) read(credential, headers, signature string) (err error) {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	p.KeyID, p.scope = parts[0], strings.Join(parts[1:], "/")
	if p.headers = strings.Split(headers, ";"); slices.ContainsFunc(p.headers, oddName) {
		return invalid("The names of the signed headers must be in lower case and separated by semicolons.")
	}
	if p.mac, err = hex.DecodeString(signature); err != nil || len(p.mac) != macSize {
		return invalid("The request signature is not %d hexadecimal digits.", 2*macSize)
	}
	switch day := p.Time.UTC().Format(isoTime)[:8]; {
	case parts[4] != terminator:
		return invalid("Credential should be scoped with a valid terminator: '%s'.", terminator)
	case parts[3] != service:
		return invalid("Credential should be scoped to correct service: '%s'.", service)
	case parts[2] == "":
		return invalid("Credential should be scoped to a valid region.")
	case parts[1] != day:
		return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s'.", clip(parts[1]), day)
	}
	return nil
}

// oddName reports whether name is not a header's in lower case.
func oddName(name string) bool {
	return name == "" || strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != ""
}

// Skew is how much the clocks of a client and of the server may differ.
const Skew = 5 * time.Minute

// Fresh refuses a proof of another time.
func (p *Proof) Fresh(now time.Time) error {
	const minutes = int(Skew / time.Minute)
	now = now.UTC()
	iso := func(t time.Time) string { return t.Format(isoTime) }
	switch {
	case p.Time.After(now.Add(Skew)):
		return invalid("Signature not yet current: %s is still later than %s (%s + %d min.)",
			iso(p.Time), iso(now.Add(Skew)), iso(now), minutes)
	case p.Expires > 0 && now.After(p.Time.Add(p.Expires)):
		return invalid("Signature expired: %s is now earlier than %s", iso(p.Time.Add(p.Expires)), iso(now))
	case p.Expires == 0 && now.After(p.Time.Add(Skew)):
		return invalid("Signature expired: %s is now earlier than %s (%s - %d min.)",
			iso(p.Time), iso(now.Add(-Skew)), iso(now), minutes)
	}
	return nil
}

func incomplete(format string, args ...any) error {
	return protocol.Errorf(protocol.CodeIncompleteSignature, format, args...)
}

func invalid(format string, args ...any) error {
	return protocol.Errorf(protocol.CodeInvalidSignature, format, args...)
}

// clip shortens parts of a request in messages.
func clip(s string) string { return protocol.Clip(s, 100) }
