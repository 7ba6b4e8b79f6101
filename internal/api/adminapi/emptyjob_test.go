package adminapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A script whose variables are empty, or whose list is, does not mean all executions.
func TestJobOfNothing(t *testing.T) {
	w := newWorld(t)
	w.register(t, "order", `{"Status":"SUCCEEDED"}`)
	const empty = `is not a filter: leave it out, or say Name=* for all executions.`
	for _, test := range []struct{ query, body, want string }{
		{"", `{"Action":"delete"}`, "Nothing says on which executions the job acts: give a filter, of which the Name * is for all"},
		{"", `{"Action":"delete","DurableExecutionArns":[]}`,
			"Nothing says on which executions the job acts: give a filter, of which the Name * is for all"},
		{"Name=*", `{"Action":"delete","DurableExecutionArns":[]}`, "A job acts on the executions of a filter, or on those that it " +
			"names, and it names none: leave the list out"},
		{"Function=", `{"Action":"delete"}`, `Function "" ` + empty},
		{"Name=*&Tag=", `{"Action":"delete"}`, `Tag "" ` + empty},
		{"Status=,", `{"Action":"delete"}`, `Status "," is not a word.`},
		{"Name=*", `{"Action":"pause","Rate":1e-300}`, "A rate is a number of executions a second, from 0.000001 to 10000"},
		{"Name=*", `{"Action":"delete"}`, ""},
	} {
		resp, err := http.Post(w.url+"/perdure/jobs?"+test.query, "application/json", strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		var refusal struct{ Message string }
		err = json.NewDecoder(resp.Body).Decode(&refusal)
		resp.Body.Close()
		if err != nil || refusal.Message != test.want {
			t.Errorf("%s %s: got %q, %v, want %q", test.query, test.body, refusal.Message, err, test.want)
		}
	}
}
