package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/api/adminapi"
	"github.com/perdure/perdure/internal/client"
)

// crowded is an engine with so many executions, called n-0, n-1 …, of which it counts those that it lists.
type crowded struct {
	ids    []string
	listed int
}

func (c *crowded) arn(i int) string {
	return fmt.Sprintf("arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/n-%d/%s", i, c.ids[i])
}

func (c *crowded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, _ := strconv.Atoi(q.Get("Marker"))
	most, _ := strconv.Atoi(q.Get("MaxItems"))
	var list adminapi.ExecutionList
	for i := from; i < len(c.ids); i++ {
		if len(list.Executions) == most {
			list.NextMarker = strconv.Itoa(i)
			break
		}
		name := fmt.Sprint("n-", i)
		if pattern := q.Get("Name"); pattern != "" {
			if ok, err := path.Match(pattern, name); err != nil || !ok {
				continue
			}
		}
		c.listed++
		list.Executions = append(list.Executions, adminapi.Execution{DurableExecutionArn: c.arn(i), DurableExecutionName: name})
	}
	json.NewEncoder(w).Encode(list)
}

// TestResolve: an execution is found by a word without reading all that there are.
func TestResolve(t *testing.T) {
	few, many := &crowded{}, &crowded{}
	for range 3 * maxByID {
		many.ids = append(many.ids, uuid.NewString())
	}
	few.ids = many.ids[:20]
	none := "no execution is called"
	for _, test := range []struct {
		of     *crowded
		word   string
		want   int    // the number of the one that is found
		errs   string // or the problem
		listed int    // at most
	}{
		{many, "n-29999", 29999, "", 1},
		{many, "29998", 29998, "", 1},
		{many, "2999", 0, `"2999" is a piece of several executions, among them n-2999 and n-12999`, 2},
		{many, many.ids[7], 7, "", maxByID},
		{many, "zzz", 0, `no execution has "zzz" in its name, and there are too many to look for it in their ids`, maxByID + 1000},
		{few, few.ids[7][3:20], 7, "", 20},
		{few, "/" + few.ids[7][:8], 0, none, 20},
		{few, "*", 0, none, 20},
		{few, "zzz", 0, none, 20},
	} {
		test.of.listed = 0
		server := httptest.NewServer(test.of)
		r := &remote{&client.Client{Endpoint: server.URL}}
		arn, err := r.resolve(t.Context(), test.word, "")
		server.Close()
		switch {
		case test.errs != "":
			if err == nil || !strings.HasPrefix(err.Error(), test.errs) {
				t.Errorf("%s: got %s, %v, want %s", test.word, arn, err, test.errs)
			}
		case err != nil || arn != test.of.arn(test.want):
			t.Errorf("%s: got %s, %v, want that of n-%d", test.word, arn, err, test.want)
		}
		if test.of.listed > test.listed {
			t.Errorf("%s: %d executions were listed, want %d at most", test.word, test.of.listed, test.listed)
		}
	}
}
