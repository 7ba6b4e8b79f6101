package lambdaapi

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// TestAliases takes an alias from its making to its end, and starts executions
// through it.
func TestAliases(t *testing.T) {
	s := newShop(t)
	s.register("shop", release{name: "red"})
	s.publish("shop")
	s.register("shop", release{name: "blue"})
	s.publish("shop")
	name, live, one := aws.String("shop"), aws.String("live"), aws.String("1")

	made, err := s.client.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: name, Name: live, FunctionVersion: one, Description: aws.String("for all")})
	if err != nil || *made.AliasArn != shopARN+":live" || *made.FunctionVersion != "1" || *made.Description != "for all" || made.RoutingConfig != nil {
		t.Fatalf("got %+v, %v", made, err)
	}
	invoke := func(function string, qualifier *string) (version, arn, result string) {
		t.Helper()
		out, err := s.client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Qualifier: qualifier})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.ExecutedVersion), aws.ToString(out.DurableExecutionArn), string(out.Payload)
	}
	for _, ref := range []struct {
		function  string
		qualifier *string
	}{{"shop:live", nil}, {"shop", live}, {shopARN + ":live", nil}, {shopARN, live}, {"shop:live", live}} {
		version, arn, result := invoke(ref.function, ref.qualifier)
		if version != "1" || !strings.HasPrefix(arn, shopARN+":1/") || result != `"red"` {
			t.Errorf("%s: got version %s, %s, %s, want version 1 of it", ref.function, version, arn, result)
		}
	}

	half := map[string]float64{"1": 1}
	moved, err := s.client.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: name, Name: live, FunctionVersion: aws.String("2"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: half}, RevisionId: made.RevisionId})
	if err != nil || *moved.FunctionVersion != "2" || *moved.Description != "for all" || !maps.Equal(moved.RoutingConfig.AdditionalVersionWeights, half) || *moved.RevisionId == *made.RevisionId {
		t.Fatalf("got %+v, %v", moved, err)
	}
	if version, _, _ := invoke("shop:live", nil); version != "1" {
		t.Errorf("got version %s, want 1, where all starts are sent", version)
	}
	if _, err := s.client.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: name, Name: live, RoutingConfig: &types.AliasRoutingConfiguration{}}); err != nil {
		t.Fatal(err)
	}
	if version, _, result := invoke("shop:live", nil); version != "2" || result != `"blue"` {
		t.Errorf("got version %s, %s, want 2: the routing was taken away", version, result)
	}
	got, err := s.client.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: name, Name: live})
	if err != nil || *got.FunctionVersion != "2" || got.RoutingConfig != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	f, err := s.client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("shop:live")})
	if err != nil || *f.Configuration.FunctionArn != shopARN+":live" || *f.Configuration.Version != "2" {
		t.Errorf("GetFunction: got %+v, %v, want version 2 under the alias", f, err)
	}
	_, err = s.client.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("shop:2")})
	wantCode(t, "DeleteFunction", err, "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]")

	for range 2 {
		if _, err := s.client.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: name, Name: live}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: name, Qualifier: live})
	wantCode(t, "Invoke", err, "ResourceNotFoundException", "Function not found: "+shopARN+":live")
}

func TestListAliases(t *testing.T) {
	s := newShop(t)
	s.register("shop", release{name: "red"})
	s.publish("shop")
	for alias, version := range map[string]string{"aliases": "1", "live": "1", "next": "$LATEST", "versions": "$LATEST"} {
		in := &lambda.CreateAliasInput{FunctionName: aws.String("shop"), Name: &alias, FunctionVersion: &version}
		if _, err := s.client.CreateAlias(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("shop"), Name: &alias}); err != nil {
			t.Error(err)
		}
	}
	list := func(version *string) string {
		var names []string
		pages := lambda.NewListAliasesPaginator(s.client, &lambda.ListAliasesInput{FunctionName: aws.String("shop"), FunctionVersion: version, MaxItems: aws.Int32(1)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page.Aliases {
				names = append(names, *a.Name)
			}
		}
		return strings.Join(names, " ")
	}
	if all, ones, none := list(nil), list(aws.String("1")), list(aws.String("5")); all != "aliases live next versions" || ones != "aliases live" || none != "" {
		t.Errorf("got %q, of version 1 %q, of version 5 %q", all, ones, none)
	}
	_, err := s.client.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: aws.String("nobody")})
	wantCode(t, "unknown", err, "ResourceNotFoundException", "Function not found")
}

func TestAliasErrors(t *testing.T) {
	s := newShop(t)
	s.register("shop", release{name: "red"})
	s.publish("shop")
	create := func(function, name, version string, weights map[string]float64) error {
		_, err := s.client.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &function, Name: &name, FunctionVersion: &version,
			RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights}})
		return err
	}
	if err := create("shop", "live", "1", nil); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, function, alias, version string
		weights                        map[string]float64
		code, text                     string
	}{
		{"exists", "shop", "live", "1", nil, "ResourceConflictException", "Alias already exists: " + shopARN + ":live"},
		{"no version", "shop", "a", "9", nil, "ResourceNotFoundException", "Function not found: " + shopARN + ":9"},
		{"no function", "nobody", "a", "1", nil, "ResourceNotFoundException", "Function not found"},
		{"number", "shop", "12", "1", nil, "ValidationException", "Value '12' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"},
		{"version", "shop", "a", "live", nil, "ValidationException", "Value 'live' at 'functionVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\$LATEST(\\.PUBLISHED)?|[0-9]+)"},
		{"weight", "shop", "a", "1", map[string]float64{"2": 1.5}, "ValidationException", "Member must have value less than or equal to 1.0"},
		{"weighted $LATEST", "shop", "a", "$LATEST", map[string]float64{"1": 0.5}, "InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version."},
		{"weighted twice", "shop", "a", "1", map[string]float64{"1": 0.5}, "InvalidParameterValueException", "already included"},
	} {
		wantCode(t, test.name, create(test.function, test.alias, test.version, test.weights), test.code, test.text)
	}
	_, err := s.client.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("shop"), Name: aws.String("dead")})
	wantCode(t, "GetAlias", err, "ResourceNotFoundException", "Cannot find alias arn: "+shopARN+":dead")
	_, err = s.client.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("shop"), Name: aws.String("dead")})
	wantCode(t, "UpdateAlias", err, "ResourceNotFoundException", "Cannot find alias arn: "+shopARN+":dead")
	_, err = s.client.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("shop"), Name: aws.String("live"), RevisionId: aws.String("old")})
	wantCode(t, "revision", err, "PreconditionFailedException", "Revision Id")
	checkAnswer(t, request(t, s.url, "POST", "/2015-03-31/functions/shop/aliases", `{}`), 400, "ValidationException",
		"2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; Value null at 'functionVersion' failed to satisfy constraint: Member must not be null")
	checkAnswer(t, request(t, s.url, "POST", "/2015-03-31/functions/shop/aliases", `{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":"x"}}}`), 400,
		"SerializationException", "STRING_VALUE can not be converted to a Double")
	// Null is as good as absent, wherever it stands.
	for i, routing := range []string{`null`, `{}`, `{"AdditionalVersionWeights":null}`} {
		body := fmt.Sprintf(`{"Name":"null-%d","RoutingConfig":%s,"Description":null,"FunctionVersion":"1"}`, i, routing)
		checkAnswer(t, request(t, s.url, "POST", "/2015-03-31/functions/shop/aliases", body), 201, "", "")
	}
}
