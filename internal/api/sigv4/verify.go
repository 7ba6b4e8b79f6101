package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

const macSize = sha256.Size

// NeedsBody reports whether the body must be read and hashed before [Verify].
func (p *Proof) NeedsBody() bool { return p.Payload != Unsigned }

// Verify refuses r unless somebody with the secret signed it. hash is that of the body; it is ignored if the proof
// does not need it. The comparison takes constant time.
func (p *Proof) Verify(r *http.Request, secret string, hash [sha256.Size]byte) error {
	if err := p.covers(r.Header); err != nil {
		return err
	}
	payload := p.Payload
	if p.NeedsBody() {
		payload = hex.EncodeToString(hash[:])
		if p.Payload != "" && p.Payload != payload {
			return invalid("The value of 'x-amz-content-sha256' is neither the hash of the body nor '%s'.", Unsigned)
		}
	}
	canonical := sha256.Sum256(p.canonicalRequest(r, payload))
	text := algorithm + "\n" + p.Time.UTC().Format(isoTime) + "\n" + p.scope + "\n" + hex.EncodeToString(canonical[:])
	if !hmac.Equal(p.mac, mac(p.key(secret), text)) {
		return invalid("The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// covers refuses a signature that leaves out a part with a meaning: anybody who passes the request on could change
// it.
func (p *Proof) covers(h http.Header) error {
	if !slices.Contains(p.headers, "host") {
		return invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	var left []string
	for name := range h {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && name != "x-amz-content-sha256" && name != "x-amz-user-agent" && !slices.Contains(p.headers, name) {
			left = append(left, name)
		}
	}
	if left != nil {
		slices.Sort(left)
		return invalid("There were headers present in the request which were not signed: %s", clip(strings.Join(left, ", ")))
	}
	return nil
}

// key derives the key of one day, region and service.
func (p *Proof) key(secret string) []byte {
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(p.scope, "/") {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
