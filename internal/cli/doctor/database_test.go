package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// good is a database about which there is nothing to say.
func good() *Database {
	return &Database{
		Name: "postgres://db/shop", Version: "15.4", Size: 5_000_000, Fsync: true, FullPageWrites: true, SynchronousCommit: "on",
		MaxConnections: 97, Connections: 5, PerNode: 12, Nodes: []DatabaseNode{{"a", "v1"}, {"b", "v1"}},
		Tables: []Table{{"journal", 1_000_000, 900_000}, {"nodes", 3, 90_000}},
	}
}

// TestDatabase: each thing that can be wrong with a database is told, and nothing else.
func TestDatabase(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Database)
		check  string // of the finding that is not ok; empty if all are
		is     Status
		want   string
	}{
		"good":               {func(*Database) {}, "", OK, ""},
		"fsync":              {func(d *Database) { d.Fsync = false }, "durability", Problem, "fsync = off"},
		"full pages":         {func(d *Database) { d.FullPageWrites = false }, "durability", Problem, "full_page_writes = off"},
		"asynchronous":       {func(d *Database) { d.SynchronousCommit = "off" }, "durability", Problem, "synchronous_commit = off"},
		"not on the replica": {func(d *Database) { d.SynchronousCommit = "local" }, "durability", Note, "failover"},
		"on the replica":     {func(d *Database) { d.SynchronousCommit = "remote_apply" }, "", OK, ""},
		"too many nodes":     {func(d *Database) { d.MaxConnections = 20 }, "connections", Problem, "too many for 2 nodes"},
		"no more nodes":      {func(d *Database) { d.MaxConnections = 30 }, "connections", Note, "no room for one node more"},
		"no nodes":           {func(d *Database) { d.Nodes = nil }, "", OK, ""},
		"ahead":              {func(d *Database) { d.Clock = time.Minute }, "its clock", Note, "1m0s"},
		"behind":             {func(d *Database) { d.Clock = -2 * time.Second }, "its clock", Note, "-2s"},
		"pooled":             {func(d *Database) { d.Pooled = true }, "pooler", Note, "a pooler"},
		"versions":           {func(d *Database) { d.Nodes[1].Version = "v2" }, "nodes", Note, "a is v1, and b is v2"},
		"bloat":              {func(d *Database) { d.Tables[0].Dead = 2_000_000 }, "bloat", Note, "journal has 2000000 dead rows"},
	} {
		d := good()
		test.change(d)
		told := 0
		for _, f := range CheckDatabase(t.Context(), func(context.Context) (*Database, error) { return d, nil }) {
			if f.Status == OK {
				continue
			}
			told++
			if f.Check != test.check || f.Status != test.is || !strings.Contains(f.Text, test.want) || f.Hint == "" {
				t.Errorf("%s: got %+v, want %s, %s, %q, with a hint", name, f, test.check, test.is, test.want)
			}
		}
		if want := map[bool]int{true: 0, false: 1}[test.check == ""]; told != want {
			t.Errorf("%s: %d findings are not ok, want %d", name, told, want)
		}
	}
	away := CheckDatabase(t.Context(), func(context.Context) (*Database, error) { return nil, errors.New("away") })
	if len(away) != 1 || away[0].Status != Problem || away[0].Text != "away" {
		t.Errorf("got %+v, want the problem", away)
	}
}
