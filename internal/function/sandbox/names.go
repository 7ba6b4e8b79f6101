package sandbox

import (
	"encoding/json"
	"sync"
)

// names knows the invocations of a process that runs several at one time, so that a line which names one is known to
// be of that one. A nil names knows none.
type names struct {
	mu       sync.Mutex
	byID     map[string]origin
	ended    []string // that are kept for what they write late, oldest first
	maxEnded int
}

func newNames(places int) *names { return &names{byID: map[string]origin{}, maxEnded: places} }

func (n *names) begin(o origin) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.byID[o.requestID] = o
}

func (n *names) end(requestID string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended = append(n.ended, requestID); len(n.ended) > n.maxEnded {
		delete(n.byID, n.ended[0])
		n.ended = n.ended[1:]
	}
}

// of returns the invocation that a line names, as AWS's runtime clients do with the log format JSON, which is the only
// one of Managed Instances: Java's calls the member AWSRequestId. It returns rest for another line.
func (n *names) of(line string, rest origin) origin {
	if n == nil || line == "" || line[0] != '{' {
		return rest
	}
	var named struct {
		RequestID    string `json:"requestId"`
		AWSRequestID string `json:"AWSRequestId"`
	}
	if json.Unmarshal([]byte(line), &named) != nil {
		return rest
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range []string{named.RequestID, named.AWSRequestID} {
		if o, ok := n.byID[id]; ok {
			return o
		}
	}
	return rest
}
