package page

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

const (
	decodeTime = 3 * time.Second
	maxDecoded = 4 << 20 // bytes that the decoder is sent, and that it may answer
)

// Decoder makes payloads readable that a function stores encrypted or compressed. It is a service of the operator's,
// which the engine asks, so the browser needs nothing of other sites: it gets a payload as the body of a POST, and
// answers 200 with the text to show, 204 for a payload that it leaves as it is, or else says in its body what is wrong.
type Decoder struct {
	address string
	client  *http.Client
}

// NewDecoder returns the decoder at an address: https, or http on this machine.
func NewDecoder(address string) (*Decoder, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the payload decoder: %w", err)
	}
	if u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLocal(u.Hostname())) {
		return nil, fmt.Errorf("the payload decoder must have an https address, or an http address of this machine, "+
			"not %s", u.Redacted())
	}
	return &Decoder{address: address, client: &http.Client{
		Timeout: decodeTime,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // payloads go where the operator said, and nowhere else
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
			DialContext: (&net.Dialer{Timeout: decodeTime}).DialContext},
	}}, nil
}

func isLocal(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost"
}

// decode returns the text to show for a payload, and a note; decoded is false if the payload is shown as it is.
func (d *Decoder) decode(ctx context.Context, payload string) (text, note string, decoded bool) {
	if d == nil {
		return payload, "", false
	}
	if len(payload) > maxDecoded {
		return payload, "as it is stored: it is too large for the decoder", false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.address, strings.NewReader(payload))
	if err != nil {
		return payload, "as it is stored: " + err.Error(), false
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	answer, err := d.client.Do(r)
	if err != nil {
		return payload, "as it is stored: the decoder does not answer", false
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDecoded+1))
	switch {
	case answer.StatusCode == http.StatusNoContent:
		return payload, "", false
	case answer.StatusCode != http.StatusOK:
		return payload, fmt.Sprintf("as it is stored: the decoder says %d %s", answer.StatusCode,
			clipNote(string(body))), false
	case err != nil || len(body) > maxDecoded:
		return payload, "as it is stored: the decoder's answer is too large, or broke off", false
	}
	return strings.ToValidUTF8(string(body), "�"), "decoded", true
}

func clipNote(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return visible(protocol.Clip(s, maxLine))
}
