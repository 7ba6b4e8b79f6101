package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/protocol"
)

const defaultEndpoint = "http://127.0.0.1:3001"

// remoteFlags are the flags of the verbs that talk to a serving engine.
type remoteFlags struct {
	identityFlags
	endpoint string
	json     bool
}

func (f *remoteFlags) define(fs *flag.FlagSet) {
	f.identityFlags.define(fs)
	fs.StringVar(&f.endpoint, "endpoint", cmp.Or(os.Getenv("PERDURE_ENDPOINT"), defaultEndpoint), "`URL` of the engine")
	fs.BoolVar(&f.json, "json", false, "print JSON, as the API sent it")
}

// remote is an engine behind the Lambda API, and behind our own.
type remote struct {
	endpoint string
	key      aws.Credentials
	api      *lambda.Client
	admin    *adminapi.Client
	http     *bodyKeeper
}

func (f *remoteFlags) dial() (*remote, error) {
	u, err := url.Parse(f.endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, cli.Usagef("%q is not an endpoint", f.endpoint).Hintf("an endpoint looks like %s", defaultEndpoint)
	}
	key, err := f.key()
	if err != nil {
		return nil, err
	}
	transport, err := f.transport()
	if err != nil {
		return nil, err
	}
	r := &remote{
		endpoint: strings.TrimSuffix(f.endpoint, "/"), key: key,
		http: &bodyKeeper{client: http.Client{Timeout: time.Minute, Transport: transport}},
	}
	r.api = lambda.New(lambda.Options{
		Region:       region,
		BaseEndpoint: &r.endpoint,
		Credentials:  aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return key, nil }),
		HTTPClient:   r.http,
		Retryer:      aws.NopRetryer{},
	})
	r.admin = &adminapi.Client{Endpoint: r.endpoint, HTTP: &signer{&r.http.client, key}}
	return r, nil
}

// patient lifts the limit on how long an answer may take, for what looks at
// everything that an engine has.
func (r *remote) patient() { r.http.client.Timeout = 0 }

// bodyKeeper is an HTTP client that keeps the last body: --json shows what the
// engine said, not what the SDK's types had room for. It is not for concurrent use.
type bodyKeeper struct {
	client http.Client
	body   []byte
}

// Do implements the SDK's HTTP client.
func (k *bodyKeeper) Do(req *http.Request) (*http.Response, error) {
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if k.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(k.body))
	return resp, nil
}

// start starts an execution and returns its ARN, which is empty if the
// function is not durable.
func (r *remote) start(ctx context.Context, function, name string, event []byte) (string, error) {
	in := &lambda.InvokeInput{FunctionName: aws.String(qualified(function)), InvocationType: types.InvocationTypeEvent, Payload: event}
	if name != "" {
		in.DurableExecutionName = &name
	}
	out, err := r.api.Invoke(ctx, in)
	switch _, taken := errors.AsType[*types.DurableExecutionAlreadyStartedException](err); {
	case taken:
		return "", nameTaken(name)
	case err != nil:
		return "", r.fault(ctx, err)
	}
	return aws.ToString(out.DurableExecutionArn), nil
}

// qualified adds the version without which a durable function is not invoked.
func qualified(function string) string {
	if strings.HasPrefix(function, "arn:") && strings.Count(function, ":") >= 7 || !strings.HasPrefix(function, "arn:") && strings.Contains(function, ":") {
		return function
	}
	return function + ":" + protocol.LatestVersion
}

// execution describes one execution, and returns the description's JSON too.
func (r *remote) execution(ctx context.Context, arn string) (*cli.Execution, json.RawMessage, error) {
	if _, err := r.api.GetDurableExecution(ctx, &lambda.GetDurableExecutionInput{DurableExecutionArn: &arn}); err != nil {
		return nil, nil, r.fault(ctx, err)
	}
	var e cli.Execution
	if err := json.Unmarshal(r.http.body, &e); err != nil {
		return nil, nil, r.nonsense(err)
	}
	return &e, r.http.body, nil
}

// events yields an execution's history as the API's JSON.
func (r *remote) events(ctx context.Context, arn string, newestFirst bool) iter.Seq2[json.RawMessage, error] {
	in := lambda.GetDurableExecutionHistoryInput{DurableExecutionArn: &arn, IncludeExecutionData: aws.Bool(true), ReverseOrder: &newestFirst}
	return r.pages(func(marker *string) (next *string, items []json.RawMessage, err error) {
		in.Marker = marker
		out, err := r.api.GetDurableExecutionHistory(ctx, &in)
		if err != nil {
			return nil, nil, r.fault(ctx, err)
		}
		var page struct{ Events []json.RawMessage }
		err = json.Unmarshal(r.http.body, &page)
		return out.NextMarker, page.Events, err
	})
}

// pages yields the items of all pages that read returns.
func (r *remote) pages(read func(marker *string) (*string, []json.RawMessage, error)) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		var marker *string
		for {
			next, items, err := read(marker)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if aws.ToString(next) == "" {
				return
			}
			marker = next
		}
	}
}

// stop stops an execution, with an error object that may be nil.
func (r *remote) stop(ctx context.Context, arn string, reason *types.ErrorObject) error {
	_, err := r.api.StopDurableExecution(ctx, &lambda.StopDurableExecutionInput{DurableExecutionArn: &arn, Error: reason})
	return r.fault(ctx, err)
}

// fault words an error of a call.
func (r *remote) fault(ctx context.Context, err error) error {
	code, message, isAPI := refusalOf(err)
	switch {
	case err == nil:
		return nil
	case interrupted(ctx):
		return context.Cause(ctx)
	case isOffline(err):
		return cli.Faultf("no engine at %s", r.endpoint).
			Hintf("start one with: %s", cli.CommandLine("serve")).
			Hintf("or name another with --endpoint URL")
	case isAPI && isStranger(code):
		return cli.Faultf("the engine at %s does not let us in: %s", r.endpoint, message).
			Hintf("give your access key with --credentials FILE, or in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	case isAPI && code == protocol.CodeService:
		return cli.Faultf("the engine at %s failed: %s", r.endpoint, message)
	case isAPI:
		return cli.Faultf("the engine refused: %s", message)
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return cli.Faultf("the certificate of the engine at %s is not trusted: %v", r.endpoint, innermost(bad)).
			Hintf("give the authority that signed it with --ca-cert FILE")
	}
	return cli.Faultf("talking to the engine at %s: %v", r.endpoint, innermost(err))
}

// refusalOf reads what either API refused with.
func refusalOf(err error) (code protocol.Code, message string, ok bool) {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return protocol.Code(e.ErrorCode()), e.ErrorMessage(), true
	}
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return e.Code, e.Message, true
	}
	return "", "", false
}

func (r *remote) nonsense(err error) error {
	return cli.Faultf("the engine at %s answered what is not an answer: %v", r.endpoint, err).
		Hintf("is it a Perdure engine?")
}

// isStranger reports whether a refusal says that we are not known.
func isStranger(code protocol.Code) bool {
	return code == protocol.CodeMissingToken || code == protocol.CodeUnrecognizedClient || code == protocol.CodeInvalidSignature || code == protocol.CodeIncompleteSignature
}

// isOffline reports whether err says that nobody listens.
func isOffline(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// innermost strips the SDK's layers of context.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
