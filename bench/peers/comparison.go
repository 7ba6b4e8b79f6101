package main

import _ "embed"

// comparison is a table: who stands beside whom, and what Perdure is to reach there.
type comparison struct {
	title    string
	again    string // how to make it again
	systems  []system
	goals    map[string][]goal // by the key of a workload
	notes    string            // beneath the table: what was compared, and what each could do better
	sleepers bool              // whether executions that sleep are a row
}

//go:embed notes.md
var peerNotes string

//go:embed notes_fleet.md
var fleetNotes string

// peers is Perdure on one machine beside others.
var peers = comparison{
	title: "Benchmarks", again: "`make bench-peers`, or parts of it as `bench/peers/README.md` says.",
	systems: []system{
		perdureServe("perdure-processes", "Perdure: a process for each invocation", "--per-process", "1"),
		perdureServe("perdure-concurrent", "Perdure: as it comes, up to 32 invocations in a process"),
		perdureInProcess("perdure-http", "Perdure: in-process, over HTTP", true),
		perdureInProcess(embeddedKey, "Perdure: embedded", false),
		restateSystem,
		dbosPostgres,
		dbosSQLite,
	},
	goals: map[string][]goal{
		"steps":  {{form: served, value: 200}},
		"single": {{form: served, value: 900}},
		"crowd":  {{form: served, ofPeer: 2.5}, {form: embedded, value: 30_000}},
		"short":  {{form: served, ofPeer: 2.5}, {form: embedded, value: 6_000}},
		"map":    {{form: served, value: 80}},
		"large":  {{form: served, ofPeer: 2}},
	},
	notes: peerNotes, sleepers: true,
}

// fleet is Perdure on one PostgreSQL, with one node and with several, beside DBOS on the same.
var fleet = comparison{
	title: "Benchmarks of a fleet",
	again: "`make bench-fleet`, or parts of it as `bench/peers/README.md` says.",
	systems: []system{
		perdureFleet(1), perdureFleet(2), perdureFleet(4), perdureEmbeddedFleet, dbosPostgres,
	},
	goals: map[string][]goal{"crowd": {{form: served, ofPeer: 2}}},
	notes: fleetNotes,
}
