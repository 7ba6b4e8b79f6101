// Package emulator lets an engine stand in for AWS's emulator of durable functions, which SAM and others start in a
// container: with DURABLE_EXECUTIONS_EXTERNAL_EMULATOR_PORT set, SAM talks to us instead.
//
// Beside the Lambda API, an emulator has two routes. One starts an execution of an unregistered function behind an
// endpoint, such as a container with the runtime interface emulator in it. The other sets the endpoint of
// executions that were started without one.
//
// Endpoints are kept with the engine's data, so that executions survive a restart of the engine as long as their
// containers run.
package emulator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Engine is the service as the emulator needs it.
type Engine interface {
	Start(ctx context.Context, req *engine.InvokeRequest) (*engine.Started, error)
	Named(ctx context.Context, function, name string) (engine.Summary, error)
}

// Functions is where the emulator registers the functions behind endpoints.
type Functions interface {
	Register(f engine.Function) error
	Lookup(ctx context.Context, function, qualifier string) (f engine.Function, functionARN string, err error)
}

// Documents keep data over restarts. A store does.
type Documents interface {
	Documents(ctx context.Context, kind, after string, limit int) ([]store.Document, error)
	PutDocument(ctx context.Context, kind, key string, value []byte) error
	DeleteDocument(ctx context.Context, kind, key string) error
}

// Options configure an emulator. Dial is required.
type Options struct {
	// Logger receives faults; nil is slog.Default().
	Logger *slog.Logger
	// Dial returns an invoker for the function at a URL of the Invoke route.
	Dial func(url string) (engine.Invoker, error)
}

// Emulator runs executions of functions behind endpoints. Its methods may be called concurrently.
type Emulator struct {
	engine   Engine
	registry Functions
	docs     Documents
	opts     Options
	face     *route.Face

	starting sync.Mutex // held by one start at a time

	mu        sync.Mutex
	functions map[string]settings       // registered by us
	endpoints map[string]string         // function/name of an execution -> endpoint
	invokers  map[string]engine.Invoker // URL -> invoker of that endpoint
}

// settings are those of a function that we registered.
type settings struct {
	ExecutionTimeout int64 // seconds
	RetentionDays    int
}

// The kinds of our documents.
const (
	functionDocs = "emulator-function" // name -> settings
	endpointDocs = "emulator-endpoint" // as Emulator.endpoints
)

// general is the key of the endpoint for executions that have none of their own.
const general = "*"

// invocationTimeout bounds an invocation: the request that starts an execution does not say.
const invocationTimeout = 15 * time.Minute

// New makes an emulator in front of e. It can be used after [Emulator.Recall].
func New(e Engine, functions Functions, docs Documents, opts *Options) *Emulator {
	m := &Emulator{
		engine: e, registry: functions, docs: docs, opts: *opts,
		functions: map[string]settings{}, endpoints: map[string]string{}, invokers: map[string]engine.Invoker{},
	}
	m.face = route.New(route.Face{Service: "perdure", Refuse: refuse, Routes: []route.Route{
		{Method: "POST", Path: StartPath, Operation: "start-durable-execution", Access: route.Operators,
			Serve: m.start},
		{Method: "PUT", Path: EndpointPath, Operation: "lambda-endpoint", Access: route.Operators,
			Serve: m.setEndpoint},
	}}, lambdaapi.Shell(opts.Logger))
	return m
}

// Recall reads the data of an earlier emulator, registers the functions with executions left, and removes what is
// no longer needed.
func (m *Emulator) Recall(ctx context.Context) error {
	if err := m.recall(ctx); err != nil {
		return fmt.Errorf("reading the endpoints of executions: %w", err)
	}
	return nil
}

func (m *Emulator) recall(ctx context.Context) error {
	for doc, err := range store.AllDocuments(ctx, m.docs, functionDocs) {
		if err != nil {
			return err
		}
		var s settings
		if err := json.Unmarshal(doc.Value, &s); err != nil {
			return err
		}
		if _, _, err := m.registry.Lookup(ctx, doc.Key, ""); err == nil {
			continue // the engine has such a function by now
		}
		if err := m.register(doc.Key, s); err != nil {
			return err
		}
	}
	for doc, err := range store.AllDocuments(ctx, m.docs, endpointDocs) {
		if err != nil {
			return err
		}
		needed, err := m.isOpen(ctx, doc.Key)
		if err == nil && !needed {
			err = m.docs.DeleteDocument(ctx, endpointDocs, doc.Key)
		}
		if err != nil {
			return err
		}
		if needed {
			m.endpoints[doc.Key] = string(doc.Value)
		}
	}
	return nil
}

// isOpen reports whether the endpoint with this key is still needed: that of an open execution, and the general
// one.
func (m *Emulator) isOpen(ctx context.Context, key string) (bool, error) {
	function, name, ok := strings.Cut(key, "/")
	if !ok {
		return true, nil
	}
	found, err := m.engine.Named(ctx, function, name)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok && refusal.Code == protocol.CodeNotFound {
		return false, nil
	}
	return err == nil && !found.Status.Closed(), err
}

// register makes a function known to the engine.
func (m *Emulator) register(name string, s settings) error {
	err := m.registry.Register(engine.Function{
		Name: name, Timeout: invocationTimeout, Invoker: &router{m, name},
		Durable: &engine.DurableConfig{ExecutionTimeout: time.Duration(s.ExecutionTimeout) * time.Second,
			RetentionDays: s.RetentionDays},
	})
	if err != nil {
		return protocol.Errorf(protocol.CodeInvalidParameter, "%v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.functions[name] = s
	return nil
}

// StartRequest is a start of an execution. Function is required.
type StartRequest struct {
	Function         string
	Qualifier        string
	Name             string // empty for one that is made up
	ExecutionTimeout int64  // seconds; 0 is an hour
	RetentionDays    int    // 0 is two weeks
	Input            []byte
	TenantID         string
	Endpoint         string // where the function is; empty for the one of [Emulator.SetEndpoint]
}

// Start starts an execution, and returns its ARN. If the engine has its own function of that name, it starts that,
// without an endpoint.
func (m *Emulator) Start(ctx context.Context, req *StartRequest) (arn string, err error) {
	m.starting.Lock()
	defer m.starting.Unlock()
	name := cmp.Or(req.Name, uuid.NewString())
	if !protocol.ValidID(name, 64) {
		return "", protocol.Errorf(protocol.CodeValidation,
			"1 validation error detected: Value '%s' at 'executionName' failed to satisfy constraint: "+
				"Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+", name)
	}
	forget := func() {}
	if !m.isTheEngines(ctx, req.Function) {
		if forget, err = m.prepare(ctx, req, name); err != nil {
			return "", err
		}
	} else if req.Endpoint != "" {
		return "", protocol.Errorf(protocol.CodeInvalidParameter,
			"The engine serves a function called %s itself; leave LambdaEndpoint out to start that.", req.Function)
	}
	started, err := m.engine.Start(ctx, &engine.InvokeRequest{
		Function: req.Function, Qualifier: req.Qualifier, Name: name, Payload: req.Input, TenantID: req.TenantID,
	})
	if err != nil {
		forget()
		return "", err
	}
	return started.ARN, nil
}

// isTheEngines reports whether the engine has a function that is not ours.
func (m *Emulator) isTheEngines(ctx context.Context, function string) bool {
	m.mu.Lock()
	_, ours := m.functions[function]
	m.mu.Unlock()
	if ours {
		return false
	}
	_, _, err := m.registry.Lookup(ctx, function, "")
	return err == nil
}

// prepare registers the function with the settings of a start, and keeps the endpoint of the execution. forget
// undoes that.
func (m *Emulator) prepare(ctx context.Context, req *StartRequest, name string) (forget func(), err error) {
	key := req.Function + "/" + name
	m.mu.Lock()
	before, changed := m.endpoints[key], settings{cmp.Or(req.ExecutionTimeout, 3600), cmp.Or(req.RetentionDays, 14)}
	forAll, known := m.endpoints[general], m.functions[req.Function]
	m.mu.Unlock()
	if req.Endpoint == "" && forAll == "" {
		return nil, protocol.Errorf(protocol.CodeInvalidParameter,
			"There is no LambdaEndpoint, so where is the function?")
	}
	if known != changed {
		if err := m.register(req.Function, changed); err != nil {
			return nil, err
		}
		doc, err := json.Marshal(changed)
		if err == nil {
			err = m.docs.PutDocument(ctx, functionDocs, req.Function, doc)
		}
		if err != nil {
			return nil, err
		}
	}
	if req.Endpoint == "" {
		return func() {}, nil
	}
	if err := m.keepEndpoint(ctx, key, req.Endpoint); err != nil {
		return nil, err
	}
	return func() { m.restore(context.WithoutCancel(ctx), key, before) }, nil
}

// restore sets an endpoint back after a start that failed.
func (m *Emulator) restore(ctx context.Context, key, before string) {
	if before != "" {
		_ = m.keepEndpoint(ctx, key, before)
		return
	}
	m.mu.Lock()
	delete(m.endpoints, key)
	m.mu.Unlock()
	_ = m.docs.DeleteDocument(ctx, endpointDocs, key) // else it goes with the next start of the engine
}

// SetEndpoint sets the endpoint of functions that were started without one.
func (m *Emulator) SetEndpoint(ctx context.Context, endpoint string) error {
	return m.keepEndpoint(ctx, general, endpoint)
}

func (m *Emulator) keepEndpoint(ctx context.Context, key, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return protocol.Errorf(protocol.CodeInvalidParameter, "%q is not the URL of an endpoint.", endpoint)
	}
	if err := m.docs.PutDocument(ctx, endpointDocs, key, []byte(endpoint)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.endpoints[key] = endpoint
	return nil
}

// maxInvokers bounds how many endpoints are remembered.
const maxInvokers = 1000

// invoker returns the invoker for one of the function's executions.
func (m *Emulator) invoker(function, name string) (engine.Invoker, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	endpoint := cmp.Or(m.endpoints[function+"/"+name], m.endpoints[general])
	if endpoint == "" {
		return nil, errors.New("its endpoint is not known")
	}
	target := strings.TrimRight(endpoint, "/") + "/2015-03-31/functions/" + url.PathEscape(function) + "/invocations"
	if inv := m.invokers[target]; inv != nil {
		return inv, nil
	}
	if len(m.invokers) >= maxInvokers {
		clear(m.invokers)
	}
	inv, err := m.opts.Dial(target)
	if err == nil {
		m.invokers[target] = inv
	}
	return inv, err
}

// router invokes a function at the endpoint of its execution.
type router struct {
	emulator *Emulator
	function string
}

// Invoke implements [engine.Invoker].
func (r *router) Invoke(ctx context.Context, inv *engine.Invocation) engine.Outcome {
	var name string
	if arn, err := protocol.ParseARN(inv.ExecutionARN); err == nil {
		name = arn.Name
	}
	to, err := r.emulator.invoker(r.function, name)
	if err != nil {
		return engine.Outcome{Unstarted: true,
			Error: protocol.InvocationError(inv.RequestID, protocol.ErrorTypeSandboxFailure, "%v", err)}
	}
	return to.Invoke(ctx, inv)
}
