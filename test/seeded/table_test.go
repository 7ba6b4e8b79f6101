package seeded

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/test/seeded/testdata/workflows"
)

var update = flag.Bool("update", false, "write the tables of docs/seeded-bugs.md")

// TestTables keeps the tables of docs/seeded-bugs.md to the bugs that there are, and to what the tests want of the tools.
func TestTables(t *testing.T) {
	const page = "../../docs/seeded-bugs.md"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	got := string(data)
	want := with(t, with(t, got, "workflows", workflowRows()), "patches", patchRows())
	if *update {
		write(t, page, []byte(want))
	} else if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s is not what the tests say (-want +got); go test -run TestTables -update writes it:\n%s", page, d)
	}
}

// with puts rows into a table of a page, under its head of two lines. An empty line ends it.
func with(t *testing.T, page, table string, rows []string) string {
	t.Helper()
	before, rest, found := strings.Cut(page, "<!-- "+table+" -->\n")
	_, after, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatalf("the page has no table %s", table)
	}
	head := strings.SplitAfterN(rest, "\n", 3)[:2]
	return before + "<!-- " + table + " -->\n" + strings.Join(head, "") + strings.Join(rows, "\n") + "\n\n" + after
}

func workflowRows() (rows []string) {
	all := workflows.All()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		rows = append(rows, row(name, words(s.Explore), words(s.Replay), words(s.Lint)))
	}
	return rows
}

func patchRows() (rows []string) {
	all := patches()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		rows = append(rows, row(name, "`"+p.file+"`", "`"+p.victim+"`", words(p.says)))
	}
	return rows
}

func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |" }

// words shows a regular expression for people.
func words(says string) string {
	if says == "" {
		return "–"
	}
	var all []string
	for _, or := range alternatives(says) {
		all = append(all, fmt.Sprintf("`%s`", strings.ReplaceAll(strings.TrimSpace(or), "|", `\|`)))
	}
	return strings.Join(all, " or ")
}

// alternatives are the parts of a regular expression between bars that are in no parentheses.
func alternatives(says string) []string {
	depth := 0
	return strings.FieldsFunc(says, func(r rune) bool {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		return r == '|' && depth == 0
	})
}
