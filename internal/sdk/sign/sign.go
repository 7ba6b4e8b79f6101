// Package sign signs requests to the Lambda API, for functions and for the command.
//
// Requests to AWS are signed with Signature Version 4: a MAC of the request in a canonical form, under a key
// derived from the secret, the day, the region and the service. AWS's signer does the same, but brings 28 packages;
// a test compares the two.
package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Credentials are a key and its secret.
type Credentials struct {
	KeyID, Secret string
	Session       string // empty for permanent credentials
}

const (
	signingAlgorithm = "AWS4-HMAC-SHA256"
	signingTime      = "20060102T150405Z"
)

// Unsigned is the X-Amz-Content-Sha256 of a request whose body is streamed, so that no signature covers it.
const Unsigned = "UNSIGNED-PAYLOAD"

// Signer signs requests to the Lambda API of one region. It is safe for concurrent use.
type Signer struct {
	Region string

	mu     sync.Mutex
	secret string // key is derived from it and day
	day    string
	key    []byte
}

// Sign adds the headers that prove who sends req. req must have its final URL, Host and body, only canonical header
// values, and a sorted query.
func (s *Signer) Sign(req *http.Request, body []byte, c Credentials, now time.Time) {
	date := now.UTC().Format(signingTime)
	req.Header["X-Amz-Date"] = []string{date}
	if c.Session != "" {
		req.Header["X-Amz-Security-Token"] = []string{c.Session}
	}
	day := date[:8]
	scope := day + "/" + s.Region + "/lambda/aws4_request"
	canonical, signed := canonicalRequest(req, body)
	toSign := appendHash([]byte(signingAlgorithm+"\n"+date+"\n"+scope+"\n"), canonical)
	signature := hex.EncodeToString(mac(s.dayKey(c.Secret, day), string(toSign)))
	req.Header["Authorization"] = []string{signingAlgorithm + " Credential=" + c.KeyID + "/" + scope +
		", SignedHeaders=" + signed + ", Signature=" + signature}
}

// canonicalRequest is the text to sign, and the names of its headers.
func canonicalRequest(req *http.Request, body []byte) (text []byte, signed string) {
	text = make([]byte, 0, 1024)
	text = protocol.AppendTexts(text, req.Method, "\n")
	text = protocol.AppendEscaped(text, req.URL.EscapedPath(), '/') // for all services but S3 it is escaped twice
	text = protocol.AppendTexts(text, "\n", req.URL.RawQuery, "\n")
	length := ""
	if len(body) > 0 {
		length = strconv.Itoa(len(body))
	}
	headers := [][2]string{
		{"content-length", length}, {"content-type", req.Header.Get("Content-Type")}, {"host", req.Host},
	}
	ours := make([]string, 0, 4)
	for name := range req.Header {
		if strings.HasPrefix(name, "X-Amz-") {
			ours = append(ours, name)
		}
	}
	slices.Sort(ours)
	for _, name := range ours {
		headers = append(headers, [2]string{strings.ToLower(name), req.Header[name][0]})
	}
	names := make([]byte, 0, 80)
	for _, h := range headers {
		if h[1] != "" {
			text = protocol.AppendTexts(text, h[0], ":", h[1], "\n")
			names = protocol.AppendTexts(names, h[0], ";")
		}
	}
	signed = string(names[:len(names)-1])
	text = protocol.AppendTexts(text, "\n", signed, "\n")
	if hash := req.Header.Get("X-Amz-Content-Sha256"); hash != "" {
		return append(text, hash...), signed
	}
	return appendHash(text, body), signed
}

// dayKey derives the key of one day, once.
func (s *Signer) dayKey(secret, day string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret != secret || s.day != day {
		key := mac([]byte("AWS4"+secret), day)
		for _, part := range []string{s.Region, "lambda", "aws4_request"} {
			key = mac(key, part)
		}
		s.secret, s.day, s.key = secret, day, key
	}
	return s.key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func appendHash(dst, data []byte) []byte {
	sum := sha256.Sum256(data)
	return hex.AppendEncode(dst, sum[:])
}
