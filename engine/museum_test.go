package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// museum keeps builds of functions: an image is the name of one. It outlives
// the engines of a test, as a directory would.
type museum struct {
	f *fixture

	mu     sync.Mutex
	builds map[string]func(*call) engine.Outcome
	kept   map[string]bool
	opened []string // versions with an invoker, as function:version
	broken error    // what Open fails with
}

func newMuseum(f *fixture) *museum {
	return &museum{f: f, builds: map[string]func(*call) engine.Outcome{}, kept: map[string]bool{}}
}

// build registers a build as $LATEST of a durable function.
func (m *museum) build(name, build string, handle func(*call) engine.Outcome) {
	m.f.t.Helper()
	m.builds[build] = handle
	m.f.register(engine.Function{
		Name: name, Timeout: time.Minute, Invoker: exhibit{invoker{m.f, handle}, m, build},
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour, RetentionDays: 7},
	})
}

// reopen restarts the engine and makes it run what was published.
func (m *museum) reopen() {
	m.f.t.Helper()
	m.f.restart()
	m.run()
}

func (m *museum) run() {
	m.f.t.Helper()
	m.opened = nil
	if err := m.f.Functions().RunVersions(m.f.t.Context(), m); err != nil {
		m.f.t.Fatal(err)
	}
}

var _ engine.ImageChecker = (*museum)(nil)

// Check implements [engine.ImageChecker].
func (m *museum) Check(_ context.Context, image *engine.Image) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.kept[string(image.Data)] {
		return errors.New("its code is missing")
	}
	return nil
}

func (m *museum) Open(f engine.Function, image *engine.Image) (engine.Invoker, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return nil, m.broken
	}
	m.opened = append(m.opened, f.Name+":"+f.Version)
	build := string(image.Data)
	if !m.kept[build] {
		return nil, fmt.Errorf("build %s is gone", build)
	}
	return invoker{m.f, m.builds[build]}, nil
}

func (m *museum) Sweep(_ context.Context, keep []engine.PublishedImage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = map[string]bool{}
	for _, image := range keep {
		m.kept[string(image.Data)] = true
	}
}

// exhibit is an invoker whose code can be published.
type exhibit struct {
	invoker
	m     *museum
	build string
}

func (x exhibit) Code(context.Context) (string, int64, error) {
	return "sha-" + x.build, int64(len(x.build)), nil
}

func (x exhibit) Freeze(context.Context) (*engine.Image, error) {
	x.m.mu.Lock()
	defer x.m.mu.Unlock()
	x.m.kept[x.build] = true
	return &engine.Image{CodeSHA256: "sha-" + x.build, CodeSize: int64(len(x.build)), Data: []byte(x.build)}, nil
}

func (f *fixture) publish(function string) string {
	f.t.Helper()
	c, err := f.Functions().PublishVersion(f.t.Context(), &engine.PublishRequest{Function: function})
	if err != nil {
		f.t.Fatal(err)
	}
	return c.Version
}

func (f *fixture) alias(function, name, version string, weights map[string]float64) {
	f.t.Helper()
	change := &engine.AliasChange{Function: function, Name: name, Version: &version, Weights: &weights}
	_, err := f.Functions().CreateAlias(f.t.Context(), change)
	if isCode(err, protocol.CodeConflict) {
		_, err = f.Functions().UpdateAlias(f.t.Context(), change)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// versions lists the versions of a function with their states.
func (f *fixture) versions(function string) string {
	f.t.Helper()
	all, err := f.Functions().Configurations(f.t.Context(), function)
	if isCode(err, protocol.CodeNotFound) {
		return "none"
	}
	if err != nil {
		f.t.Fatal(err)
	}
	var words []string
	for _, c := range all {
		words = append(words, fmt.Sprintf("%s %s", c.Version, c.State))
	}
	return strings.Join(words, ", ")
}

func isCode(err error, code protocol.Code) bool {
	var refusal *protocol.Error
	return errors.As(err, &refusal) && refusal.Code == code
}

func wantCode(t *testing.T, what string, err error, code protocol.Code, text string) {
	t.Helper()
	if !isCode(err, code) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got %v, want %s: …%s…", what, err, code, text)
	}
}

// saying waits five seconds and answers with word: each build says another.
func saying(word string) func(*call) engine.Outcome {
	return func(c *call) engine.Outcome {
		if !c.wait("1", 5) {
			return pending()
		}
		return succeed(word)
	}
}

func (f *fixture) wantResult(arn, want string) {
	f.t.Helper()
	if r := f.result(arn); r.Payload == nil || *r.Payload != want {
		f.t.Errorf("%s: got %s %v, want %s", arn, r.Status, r.Payload, want)
	}
}
