package progress

import "testing"

func TestReadable(t *testing.T) {
	for in, want := range map[string]string{
		"plain text": "plain text",
		`{"timestamp":"t","level":"INFO","message":"order completed","executionArn":"a","requestId":"r","order_id":"O-1",` +
			`"n":3,"s":"two words","o":{"a":[1]}}`: `INFO order completed order_id=O-1 n=3 s="two words" o={"a":[1]}`,
		`{"time":"t","level":"WARN","msg":"m","operationId":"1","operationName":"pay","attempt":2}`: `WARN m operationName=pay attempt=2`,
		`{"message":"no level"}`: "no level",
		`{"a":1}`:                `{"a":1}`,
		`{"message":3}`:          `{"message":3}`,
		`{broken`:                `{broken`,
		`{"message":"m"} tail`:   `{"message":"m"} tail`,
	} {
		if got := readable(in); got != want {
			t.Errorf("readable(%s):\n got %s\nwant %s", in, got, want)
		}
	}
}

func FuzzReadable(f *testing.F) {
	f.Add(`{"message":"m","a":[{"b":null}]}`)
	f.Fuzz(func(t *testing.T, s string) { readable(s) })
}
