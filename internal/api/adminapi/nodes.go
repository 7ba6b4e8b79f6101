package adminapi

import (
	"context"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// NodeList is the nodes of the engine's fleet, the oldest first. An engine without a fleet is one node.
type NodeList struct {
	Nodes []Node
}

// Node is one engine of a fleet.
type Node struct {
	ID      string `json:",omitempty"`
	Name    string
	URL     string `json:",omitempty"`
	Version string
	// Self marks the engine that answers.
	Self bool
	// State is alive, draining, gone or dead. Others go on with what a dead node left.
	State  engine.NodeState
	Joined protocol.Seconds `json:",omitzero"`
	Until  protocol.Seconds `json:",omitzero"` // the end of its lease
	// Owns counts the executions that it works on, roughly.
	Owns int64
	// LagSeconds is how far the clock of its machine is behind the database's, by which the fleet goes.
	LagSeconds float64
	Functions  []NodeFunction
}

// NodeFunction is a function version that a node can run.
type NodeFunction struct {
	FunctionName string
	Version      string
	// Concurrency is how many invocations the node may have at one time: its share of the function's concurrency.
	Concurrency int
}

type nodeEngine interface {
	Nodes(ctx context.Context) ([]engine.Node, error)
}

func (a *api) nodes(w http.ResponseWriter, r *http.Request, _ string) error {
	if err := newQuery(r).err(); err != nil {
		return err
	}
	nodes, err := a.engine.Nodes(r.Context())
	if err != nil {
		return err
	}
	list := NodeList{Nodes: []Node{}}
	for i := range nodes {
		list.Nodes = append(list.Nodes, nodeOf(&nodes[i]))
	}
	return reply(w, list)
}

func nodeOf(n *engine.Node) Node {
	node := Node{
		ID: n.ID, Name: n.Name, URL: n.URL, Version: n.Version, Self: n.Self, State: n.State(),
		Joined: protocol.Seconds(n.Joined), Until: protocol.Seconds(n.Until), Owns: n.Owns, LagSeconds: n.Lag.Seconds(),
		Functions: []NodeFunction{},
	}
	for _, f := range n.Functions {
		node.Functions = append(node.Functions, NodeFunction{f.Name, f.Version, f.Concurrency})
	}
	return node
}
