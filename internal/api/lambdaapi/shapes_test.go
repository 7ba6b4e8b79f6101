package lambdaapi

import (
	"strings"
	"testing"
)

// TestShapesMatchTheirPatterns compares what the code accepts with the pattern
// that messages quote.
func TestShapesMatchTheirPatterns(t *testing.T) {
	samples := []string{
		"", "a", "A-9_z", "a b", "a.b", "é", "\x00", "~", "\x7f", " ", "a\n", "a=", "a==", "a===", "=", "a=b", "a+/b==",
		"$LATEST", "$LATEST.PUBLISHED", "$OTHER", "7", "name:7", "name:$LATEST", "name:", ":7", "function:name", "a:b:c",
		"000000000000:name", "000000000000:function:name:7", "us-east-1:000000000000:function:name",
		"arn:aws:lambda:us-east-1:000000000000:function:name", "arn:aws-cn:lambda:cn-north-1:000000000000:function:name:live",
	}
	for _, cut := range []string{"", ":", "$", "/", "first", "durable-execution", "0000", "order", "0b1c", "lambda", "arn"} {
		samples = append(samples, testARN, strings.Replace(testARN, cut, "", 1), strings.Replace(testARN, cut, cut+cut, 1),
			strings.Replace(testARN, cut, "é", 1))
	}
	samples = append(samples, strings.Replace(testARN, "$LATEST", "12", 1), strings.Replace(testARN, "$LATEST", "$LATEST.PUBLISHED", 1),
		testARN+"/x")
	for name, shape := range map[string]*textShape{
		"executionARN": &executionARNShape, "token": &tokenShape, "callbackID": &callbackIDShape, "clientToken": &clientTokenShape,
		"operationID": &operationIDShape, "name": &nameShape, "subType": &subTypeShape, "executionName": &executionNameShape,
		"functionName": &functionNameShape, "qualifier": &qualifierShape, "tenant": &tenantShape,
	} {
		pattern := whole(shape.pattern)
		for _, s := range samples {
			if got, want := shape.matches(s), pattern.MatchString(s); got != want {
				t.Errorf("%s: got %v for %q, want %v", name, got, s, want)
			}
		}
	}
}

func TestIsQualified(t *testing.T) {
	for name, want := range map[string]bool{
		"order": false, "order:7": true, "order:$LATEST": true, "function:order": false, "function:order:7": true,
		"000000000000:order": false, "000000000000:order:7": true, "us-east-1:000000000000:function:order": false,
		"arn:aws:lambda:us-east-1:000000000000:function:order": false, "arn:aws:lambda:us-east-1:000000000000:function:order:7": true,
	} {
		if got := isQualified(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
