package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificate is a certificate with its key, in files that may be renewed while the server runs.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	looked  time.Time
	seen    [2]time.Time // modification times of the files as last read
}

// LoadCertificate reads a certificate chain and its key, both PEM. When a file has changed both are read again. A
// pair that does not fit is logged, once, and the one before stays in use.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, looked: time.Now()}
	c.seen = c.changed()
	current, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("loading the certificate: %w", err)
	}
	c.current = &current
	return c, nil
}

func (c *Certificate) changed() (times [2]time.Time) {
	for i, path := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(path); err == nil {
			times[i] = info.ModTime()
		}
	}
	return times
}

// config is the server's side of TLS, without HTTP/2: its streams would need limits of their own, and Lambda
// clients gain nothing by it.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.get(), nil
		},
	}
}

// lookEvery is the least time between two looks at the files.
const lookEvery = time.Second

// get returns the certificate to show now.
func (c *Certificate) get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookEvery {
		return c.current
	}
	c.looked = time.Now()
	seen := c.changed()
	if seen == c.seen {
		return c.current
	}
	c.seen = seen
	renewed, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.Error("the certificate changed and cannot be loaded; the one before stays in use", "error", err)
		return c.current
	}
	c.current = &renewed
	return c.current
}
