package lambdaapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
)

// release is an invoker that answers with its name, once it is let, and can be
// published.
type release struct {
	name string
	hold chan struct{} // nil: answer at once
}

func (r release) Invoke(ctx context.Context, _ *engine.Invocation) engine.Outcome {
	if r.hold != nil {
		select {
		case <-r.hold:
		case <-ctx.Done():
		}
	}
	return engine.Outcome{Payload: fmt.Appendf(nil, `{"Status":"SUCCEEDED","Result":"\"%s\""}`, r.name)}
}

func (r release) Code(context.Context) (string, int64, error) { return "sha-" + r.name, 42, nil }

func (r release) Freeze(context.Context) (*engine.Image, error) {
	return &engine.Image{CodeSHA256: "sha-" + r.name, CodeSize: 42, Data: []byte(r.name)}, nil
}

// releases runs published versions by the invokers that were published.
type releases struct {
	mu   sync.Mutex
	made map[string]release
}

func (r *releases) Open(_ engine.Function, image *engine.Image) (engine.Invoker, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.made[string(image.Data)], nil
}

func (r *releases) Sweep(context.Context, []engine.PublishedImage) {}

// shop is an engine whose functions can be published, behind the API.
type shop struct {
	t        *testing.T
	engine   *engine.Engine
	client   *lambda.Client
	url      string
	releases *releases
}

func newShop(t *testing.T) *shop {
	e := realEngine(t)
	url, _ := serve(t, e, nil)
	s := &shop{t, e, sdkClient(url), url, &releases{made: map[string]release{}}}
	if err := e.Functions().RunVersions(t.Context(), s.releases); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) register(name string, r release) {
	s.t.Helper()
	s.releases.made[r.name] = r
	err := s.engine.Functions().Register(engine.Function{
		Name: name, Invoker: r, Timeout: time.Minute, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour, RetentionDays: 3},
		Description: "sells", Runtime: "provided.al2023", Handler: "bootstrap", MemoryMB: 256,
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) publish(name string) string {
	s.t.Helper()
	out, err := s.client.PublishVersion(s.t.Context(), &lambda.PublishVersionInput{FunctionName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.Version
}

// wantCode fails unless err is of this code, with this text.
func wantCode(t *testing.T, what string, err error, code, text string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), text) {
		t.Errorf("%s: got %v, want %s: …%s…", what, err, code, text)
	}
}

const shopARN = "arn:aws:lambda:us-east-1:000000000000:function:shop"

func TestPublishedFunction(t *testing.T) {
	s := newShop(t)
	s.register("shop", release{name: "red"})
	out, err := s.client.PublishVersion(t.Context(),
		&lambda.PublishVersionInput{FunctionName: aws.String("shop"), Description: aws.String("first")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.client.GetFunctionConfiguration(t.Context(),
		&lambda.GetFunctionConfigurationInput{FunctionName: aws.String("shop"), Qualifier: aws.String("1")})
	if err != nil {
		t.Fatal(err)
	}
	if *got.RevisionId != *out.RevisionId || *got.LastModified != *out.LastModified {
		t.Errorf("got revision %s of %s, published %s of %s", *got.RevisionId, *got.LastModified, *out.RevisionId, *out.LastModified)
	}
	if _, err := time.Parse(modifiedLayout, *got.LastModified); err != nil {
		t.Error(err)
	}
	type shown struct {
		ARN, Version, Description, SHA, Handler string
		Runtime                                 types.Runtime
		State                                   types.State
		Update                                  types.LastUpdateStatus
		Size                                    int64
		Timeout, Memory, Execution, Retention   int32
	}
	want := shown{shopARN + ":1", "1", "first", "sha-red", "bootstrap", types.RuntimeProvidedal2023, types.StateActive,
		types.LastUpdateStatusSuccessful, 42, 60, 256, 3600, 3}
	if diff := cmp.Diff(want, shown{*got.FunctionArn, *got.Version, *got.Description, *got.CodeSha256, *got.Handler, got.Runtime, got.State,
		got.LastUpdateStatus,
		got.CodeSize, *got.Timeout, *got.MemorySize, *got.DurableConfig.ExecutionTimeout,
		*got.DurableConfig.RetentionPeriodInDays}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for ref, want := range map[string][2]string{
		"shop": {shopARN, "$LATEST"}, "shop:$LATEST": {shopARN + ":$LATEST", "$LATEST"}, shopARN + ":1": {shopARN + ":1", "1"},
	} {
		f, err := s.client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &ref})
		if err != nil || *f.Configuration.FunctionArn != want[0] || *f.Configuration.Version != want[1] ||
			*f.Configuration.Description == "first" != (want[1] == "1") {
			t.Errorf("GetFunction %s: got %+v, %v, want %v", ref, f, err, want)
		}
	}
	_, err = s.client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("shop"), Qualifier: aws.String("2")})
	wantCode(t, "unknown version", err, "ResourceNotFoundException", "Function not found: "+shopARN+":2")
	_, err = s.client.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("nobody")})
	wantCode(t, "unknown function", err, "ResourceNotFoundException", "function:nobody")
}

func TestPublishVersionErrors(t *testing.T) {
	s := newShop(t)
	s.register("shop", release{name: "red"})
	for name, test := range map[string]struct {
		in         lambda.PublishVersionInput
		code, text string
	}{
		"unknown": {lambda.PublishVersionInput{FunctionName: aws.String("nobody")}, "ResourceNotFoundException", "Function not found"},
		"code": {lambda.PublishVersionInput{FunctionName: aws.String("shop"), CodeSha256: aws.String("sha-blue")},
			"InvalidParameterValueException", "CodeSHA256 (sha-blue) is different"},
		"revision": {lambda.PublishVersionInput{FunctionName: aws.String("shop"), RevisionId: aws.String("x")},
			"PreconditionFailedException", "Revision Id"},
		"long": {lambda.PublishVersionInput{FunctionName: aws.String("shop"), Description: aws.String(strings.Repeat("x", 257))},
			"ValidationException", "at 'description' failed to satisfy constraint: Member must have length less than or equal to 256"},
		"latest": {lambda.PublishVersionInput{FunctionName: aws.String("shop"),
			PublishTo: types.FunctionVersionLatestPublishedLatestPublished}, "ValidationException", "publishTo"},
	} {
		_, err := s.client.PublishVersion(t.Context(), &test.in)
		wantCode(t, name, err, test.code, test.text)
	}
	checkAnswer(t, request(t, s.url, "POST", "/2015-03-31/functions/shop/versions", `{"Description":7}`), 400, "SerializationException",
		"NUMBER_VALUE can not be converted to a String")
	checkAnswer(t, request(t, s.url, "POST", "/2015-03-31/functions/shop/versions", strings.Repeat(" ", maxSettings+1)), 413,
		"RequestTooLargeException", "Request must be smaller than 65536 bytes")
	if got := request(t, s.url, "POST", "/2015-03-31/functions/shop/versions", ""); got.status != http.StatusCreated {
		t.Errorf("without a body: got %d %s, want 201", got.status, got.body)
	}
}

func TestListVersionsAndFunctions(t *testing.T) {
	s := newShop(t)
	for i := range 12 {
		s.register("shop", release{name: fmt.Sprint("build", i)})
		s.publish("shop")
	}
	s.register("other", release{name: "red"})
	if err := s.engine.Functions().Register(engine.Function{Name: "numbered", Version: "7", Invoker: release{name: "x"}}); err != nil {
		t.Fatal(err)
	}
	var versions []string
	pages := lambda.NewListVersionsByFunctionPaginator(s.client,
		&lambda.ListVersionsByFunctionInput{FunctionName: aws.String("shop"), MaxItems: aws.Int32(5)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			versions = append(versions, *v.Version)
		}
	}
	if got, want := strings.Join(versions, " "), "$LATEST 1 2 3 4 5 6 7 8 9 10 11 12"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	list := func(in *lambda.ListFunctionsInput) (arns []string) {
		pages := lambda.NewListFunctionsPaginator(s.client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range page.Functions {
				arns = append(arns, strings.TrimPrefix(*f.FunctionArn, "arn:aws:lambda:us-east-1:000000000000:function:"))
			}
		}
		return arns
	}
	if diff := cmp.Diff([]string{"numbered:7", "other", "shop"}, list(&lambda.ListFunctionsInput{MaxItems: aws.Int32(2)})); diff != "" {
		t.Errorf("functions (-want +got):\n%s", diff)
	}
	if got := list(&lambda.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll}); len(got) != 15 || got[1] != "other:$LATEST" {
		t.Errorf("all versions: got %v", got)
	}

	_, err := s.client.ListVersionsByFunction(t.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("nobody")})
	wantCode(t, "unknown", err, "ResourceNotFoundException", "Function not found")
	_, err = s.client.ListVersionsByFunction(t.Context(),
		&lambda.ListVersionsByFunctionInput{FunctionName: aws.String("shop"), Marker: aws.String("99")})
	wantCode(t, "marker", err, "InvalidParameterValueException", "Invalid Marker")
	_, err = s.client.ListFunctions(t.Context(), &lambda.ListFunctionsInput{MaxItems: aws.Int32(0)})
	wantCode(t, "no items", err, "ValidationException",
		"Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1")
	_, err = s.client.ListFunctions(t.Context(), &lambda.ListFunctionsInput{FunctionVersion: "SOME"})
	wantCode(t, "some", err, "ValidationException", "Member must satisfy enum value set: [ALL]")
}

func TestDeleteFunction(t *testing.T) {
	s := newShop(t)
	hold := make(chan struct{})
	s.register("shop", release{"red", hold})
	s.publish("shop")
	s.register("shop", release{name: "blue"})
	s.publish("shop")
	if _, err := s.client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("shop:1"),
		InvocationType: types.InvocationTypeEvent}); err != nil {
		t.Fatal(err)
	}
	remove := func(qualifier *string) int32 {
		out, err := s.client.DeleteFunction(t.Context(),
			&lambda.DeleteFunctionInput{FunctionName: aws.String("shop"), Qualifier: qualifier})
		if err != nil {
			t.Fatal(err)
		}
		return out.StatusCode
	}
	if first, second := remove(aws.String("1")), remove(aws.String("2")); first != 202 || second != 204 {
		t.Errorf("got %d for a version with an open execution and %d for one without, want 202 and 204", first, second)
	}
	got, err := s.client.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("shop:1")})
	if err != nil || got.State != types.StateDeleting || got.StateReasonCode != types.StateReasonCodeDrainingDurableExecutions {
		t.Errorf("got %+v, %v, want it to drain", got, err)
	}
	_, err = s.client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("shop:1")})
	wantCode(t, "Invoke", err, "ResourceConflictException",
		"The operation cannot be performed at this time. The function is currently in the following state: Deleting")
	_, err = s.client.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("shop:$LATEST")})
	wantCode(t, "$LATEST", err, "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function.")
	_, err = s.client.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("nobody")})
	wantCode(t, "nobody", err, "ResourceNotFoundException", "Function not found")
	close(hold)
	remove(nil)
	for range 1000 {
		_, err = s.client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("shop:1")})
		if err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	wantCode(t, "after the last execution", err, "ResourceNotFoundException", "Function not found: "+shopARN+":1")
}
