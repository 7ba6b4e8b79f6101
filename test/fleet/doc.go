// Package fleet holds the proof of the fleet: many nodes over one PostgreSQL, whose nodes, functions, connections and
// database fail at random, and what is promised of executions held against what happened.
//
// It is a module of its own, because its tools (a proxy that breaks connections, a checker of linearizability) need
// many others. `make fleet` runs what every change must pass, `make fleet-soak` kills for ten minutes. Each failure
// prints the seed, the faults in their order, and where what the nodes said is kept.
//
//	lab_test.go       seeds, the timeline of faults, and databases
//	node_test.go      a node in this process, whose handlers are Go functions
//	process_test.go   a node that is `perdure serve`, to be killed
//	proxy_test.go     the network between a node and the database
//	record_test.go    what clients asked for and were answered, as a history for Porcupine
//	models_test.go    what the answers may be: start, checkpoint, callback, stop and pause
//	linear_test.go    clients of different nodes, under all faults
package fleet
