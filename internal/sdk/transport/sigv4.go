package transport

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Requests to AWS are signed with Signature Version 4: a MAC of the request in a canonical form, under a key
// derived from the secret, the day, the region and the service. AWS's signer does the same, but brings 28 packages;
// a test compares the two.

// credentials are what Lambda gives to a function.
type credentials struct {
	key, secret, session string
}

func environmentCredentials() (credentials, error) {
	c := credentials{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")}
	if c.key == "" || c.secret == "" {
		return c, errors.New("perdure: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; on Lambda and under perdure they always are")
	}
	return c, nil
}

const (
	signingAlgorithm = "AWS4-HMAC-SHA256"
	signingTime      = "20060102T150405Z"
)

// signer signs requests to the Lambda API of one region. It is safe for concurrent use.
type signer struct {
	region string

	mu     sync.Mutex
	secret string // key is derived from it and day
	day    string
	key    []byte
}

// sign adds the headers that prove who sends req. req must have its final URL, Host and body, and only canonical
// header values.
func (s *signer) sign(req *http.Request, body []byte, c credentials, now time.Time) {
	date := now.UTC().Format(signingTime)
	req.Header["X-Amz-Date"] = []string{date}
	if c.session != "" {
		req.Header["X-Amz-Security-Token"] = []string{c.session}
	}
	day := date[:8]
	scope := day + "/" + s.region + "/lambda/aws4_request"
	canonical, signed := canonicalRequest(req, body)
	toSign := appendHash([]byte(signingAlgorithm+"\n"+date+"\n"+scope+"\n"), canonical)
	signature := hex.EncodeToString(mac(s.dayKey(c.secret, day), string(toSign)))
	req.Header["Authorization"] = []string{signingAlgorithm + " Credential=" + c.key + "/" + scope +
		", SignedHeaders=" + signed + ", Signature=" + signature}
}

// canonicalRequest is the text to sign, and the names of its headers.
func canonicalRequest(req *http.Request, body []byte) (text []byte, signed string) {
	text = make([]byte, 0, 1024)
	text = append(append(text, req.Method...), '\n')
	text = protocol.AppendEscaped(text, req.URL.EscapedPath(), '/') // for all services but S3 it is escaped twice
	text = append(append(text, '\n'), req.URL.RawQuery...)
	text = append(text, '\n')
	names := make([]byte, 0, 80)
	header := func(name, value string) {
		if value != "" {
			text = append(append(append(append(text, name...), ':'), value...), '\n')
			names = append(append(names, name...), ';')
		}
	}
	if len(body) > 0 {
		header("content-length", strconv.Itoa(len(body)))
	}
	header("content-type", req.Header.Get("Content-Type"))
	header("host", req.Host)
	header("x-amz-date", req.Header.Get("X-Amz-Date"))
	header("x-amz-security-token", req.Header.Get("X-Amz-Security-Token"))
	signed = string(names[:len(names)-1])
	text = append(append(append(text, '\n'), signed...), '\n')
	return appendHash(text, body), signed
}

// dayKey derives the key of one day, once.
func (s *signer) dayKey(secret, day string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret != secret || s.day != day {
		key := mac([]byte("AWS4"+secret), day)
		for _, part := range []string{s.region, "lambda", "aws4_request"} {
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
