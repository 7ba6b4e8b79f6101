package doctor

import (
	"context"
	"fmt"
	"time"
)

// Database is a PostgreSQL as its server describes it.
type Database struct {
	Name    string // for people
	Version string
	Size    int64 // in bytes

	Fsync, FullPageWrites bool   // the settings
	SynchronousCommit     string // the setting
	Replicas              string // synchronous_standby_names

	MaxConnections int // of the server
	Connections    int // that there are
	PerNode        int // that a node takes at most

	Clock  time.Duration // how far its clock is ahead of ours
	Pooled bool          // by something in between, such as pgbouncer
	Nodes  []DatabaseNode
	Tables []Table
}

// DatabaseNode is a living node of the database's fleet.
type DatabaseNode struct{ Name, Version string }

// Table is a table of the database, in rows.
type Table struct {
	Name       string
	Live, Dead int64
}

// CheckDatabase looks at the database that engines keep executions in.
func CheckDatabase(ctx context.Context, look func(context.Context) (*Database, error)) []Finding {
	d, err := look(ctx)
	if err != nil {
		return []Finding{{"database", Problem, err.Error(), "perdure help serve says how --store gives the address"}}
	}
	found := []Finding{{"database", OK, fmt.Sprintf("%s is version %s, with %s of data", d.Name, d.Version,
		size(d.Size)), ""}}
	found = append(found, d.checkDurability()...)
	found = append(found, d.checkConnections(), d.checkClock(), d.checkNodes())
	if d.Pooled {
		found = append(found, Finding{"pooler", Note, "a pooler stands before the server: nodes hear of each other's " +
			"work by asking, somewhat later", "connect nodes to the server itself: a node takes few connections"})
	}
	return append(found, d.checkTables()...)
}

// checkDurability finds settings with which acknowledged work can get lost.
func (d *Database) checkDurability() (found []Finding) {
	bad := func(setting, loses string) {
		found = append(found, Finding{"durability", Problem, setting + " = off: " + loses,
			"ALTER SYSTEM SET " + setting + " = on, and SELECT pg_reload_conf(); no engine should serve before"})
	}
	if !d.Fsync {
		bad("fsync", "a loss of power, or a crash of the system, can cost the whole database")
	}
	if !d.FullPageWrites {
		bad("full_page_writes", "a loss of power can damage the database")
	}
	switch d.SynchronousCommit {
	case "off":
		bad("synchronous_commit", "a crash of the server loses the latest of what was acknowledged")
	case "local":
		found = append(found, Finding{"durability", Note, "synchronous_commit = local: a failover to a replica loses " +
			"the latest of what was acknowledged", "set it to on, and synchronous_standby_names, if there are any"})
	}
	if len(found) == 0 {
		found = append(found, Finding{"durability", OK, "fsync and full_page_writes are on, synchronous_commit is " +
			d.SynchronousCommit + "; " + d.replicas(), ""})
	}
	return found
}

// replicas says what a failover may lose.
func (d *Database) replicas() string {
	if d.Replicas == "" {
		return "no replica is synchronous, so a failover to one may lose the latest"
	}
	return "synchronous replicas: " + d.Replicas
}

// few is how many connections should be left for others, such as people.
const few = 3

func (d *Database) checkConnections() Finding {
	f := Finding{Check: "connections", Status: OK}
	f.Text = fmt.Sprintf("%d of %d are in use; a node takes at most %d", d.Connections, d.MaxConnections, d.PerNode)
	const hint = "raise max_connections of the server, or give each node fewer with the parameter pool_max_conns of " +
		"the address"
	nodes := max(len(d.Nodes), 1)
	switch {
	case nodes*d.PerNode+few > d.MaxConnections:
		f.Status, f.Hint = Problem, hint
		f.Text += fmt.Sprintf(", which is too many for %d nodes", nodes)
	case (nodes+1)*d.PerNode+few > d.MaxConnections:
		f.Status, f.Hint = Note, hint
		f.Text += ", which leaves no room for one node more"
	}
	return f
}

// databaseSkew is how far the clock of a node may be from the database's before it is worth a word.
const databaseSkew = time.Second

func (d *Database) checkClock() Finding {
	f := Finding{Check: "its clock", Status: OK, Text: fmt.Sprintf("is %v from ours", d.Clock.Round(time.Millisecond))}
	if d.Clock > databaseSkew || d.Clock < -databaseSkew {
		f.Status = Note
		f.Hint = "set the clocks: engines go by the database's, but logs and certificates by their machine's"
	}
	return f
}

func (d *Database) checkNodes() Finding {
	f := Finding{Check: "nodes", Status: OK, Text: fmt.Sprintf("%d are alive", len(d.Nodes))}
	for _, n := range d.Nodes {
		if n.Version != d.Nodes[0].Version {
			f.Status = Note
			f.Text = fmt.Sprintf("%d are alive, of different versions: %s is %s, and %s is %s", len(d.Nodes),
				d.Nodes[0].Name, d.Nodes[0].Version, n.Name, n.Version)
			f.Hint = "that is right while a new version is rolled out, and not for good"
			return f
		}
	}
	return f
}

// manyDead is how many dead rows a table may have, whatever its size.
const manyDead = 100_000

// checkTables finds tables that are mostly rows that nobody removed.
func (d *Database) checkTables() (found []Finding) {
	for _, t := range d.Tables {
		if t.Dead > manyDead && t.Dead > t.Live {
			text := fmt.Sprintf("the table %s has %d dead rows, and %d others", t.Name, t.Dead, t.Live)
			found = append(found, Finding{"bloat", Note, text, "autovacuum does not keep up: see its settings, and " +
				"in pg_stat_activity for transactions that are open for long"})
		}
	}
	if len(found) == 0 {
		found = append(found, Finding{"bloat", OK, "no table is mostly dead rows", ""})
	}
	return found
}
