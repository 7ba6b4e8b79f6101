// Package fleet holds the proof of the fleet: many nodes over one PostgreSQL, whose nodes, functions, connections and
// database fail at random, and what is promised of executions held against what happened.
//
// It is a module of its own, because its tools (a proxy that breaks connections, a checker of linearizability) need
// many others. `make fleet` runs what every change must pass, `make fleet-soak` kills for ten minutes. Each failure
// prints the seed, the faults in their order, and where what the nodes said is kept.
//
//	lab_test.go         seeds, the timeline of faults, and where logs are kept
//	node_test.go        a node in this process, whose handlers are Go functions
//	process_test.go     nodes that are `perdure serve`, and the orders that they carry
//	proxy_test.go       the network between a node and the database; proxytools_test.go tests it
//	survival_test.go    nodes and functions are killed and stopped; soak_test.go does everything for long
//	failover_test.go    PostgreSQL is killed, away, and failed over to a replica
//	network_test.go     networks that break, also in the middle of commits
//	partition_test.go   a node without the database stops its functions within its lease
//	skew_test.go        clocks that are wrong by minutes
//	upgrade_test.go     nodes that are replaced by newer ones
//	limits_test.go      how many invocations a function may have
//	record_test.go      what clients asked for and were answered, as a history for Porcupine
//	models_test.go      what the answers may be: start, checkpoint, callback, stop and pause
//	linear_test.go      what the clients ask for
//	faults_test.go      clients of different nodes, under all faults
//	memory_test.go      the same over a database in memory that fails, and a planted bug
package fleet
