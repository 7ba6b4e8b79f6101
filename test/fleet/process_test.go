package fleet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/test/survival/survivaltest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// root is that of the repository.
const root = "../.."

// binaries are the command and the victim, built once.
var binaries struct {
	once            sync.Once
	perdure, victim string
}

func build(t *testing.T) (perdure, victim string) {
	t.Helper()
	binaries.once.Do(func() {
		dir, err := filepath.Abs(filepath.Join(root, "bin", "fleet"))
		if err != nil {
			t.Fatal(err)
		}
		survivaltest.Build(t, root, filepath.Join(dir, "perdure"), "cmd/perdure")
		survivaltest.Build(t, root, filepath.Join(dir, "victim"), "test/survival/victim")
		binaries.perdure, binaries.victim = filepath.Join(dir, "perdure"), filepath.Join(dir, "victim")
	})
	return binaries.perdure, binaries.victim
}

// fleet is nodes that are processes, over one database, with the victim as their function.
type fleet struct {
	*survivaltest.Service
	t      *testing.T
	nodes  []*survivaltest.Server
	notes  string
	faults *timeline
	// forgiving says that what was acknowledged may be lost: such an order is begun again by its name.
	forgiving bool
	calm      bool // nothing is paused, so each step runs once
}

// newFleet starts a node for each address of the database.
func newFleet(t *testing.T, faults *timeline, databases []string, args ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, notes: filepath.Join(keptDir(t), "steps.log"), faults: faults}
	for _, database := range databases {
		f.nodes = append(f.nodes, f.node(database, args...))
	}
	f.Service = survivaltest.NewService(1000, addresses(f.nodes)...)
	for _, n := range f.nodes {
		f.ready(n)
	}
	return f
}

// node starts a node that is not yet among those that clients know.
func (f *fleet) node(database string, args ...string) *survivaltest.Server {
	f.t.Helper()
	s := f.prepare(database, args...)
	s.Start()
	return s
}

// prepare is node without the start.
func (f *fleet) prepare(database string, args ...string) *survivaltest.Server {
	f.t.Helper()
	perdure, victim := build(f.t)
	args = append([]string{"--store", database, "--data", f.t.TempDir(), "--function", "victim=" + victim,
		"--env", "VICTIM_LOG=" + f.notes}, args...)
	return survivaltest.Prepare(f.t, perdure, keptDir(f.t), args...)
}

// ready waits until a node answers as one that has a lease and a database.
func (f *fleet) ready(n *survivaltest.Server) {
	f.t.Helper()
	until(f.t, n.String()+" gets ready", func(int) bool {
		resp, err := http.Get("http://" + n.Addr + "/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func addresses(nodes []*survivaltest.Server) (all []string) {
	for _, n := range nodes {
		all = append(all, n.Addr)
	}
	return all
}

// same is n times one address of a database.
func same(database string, n int) (all []string) {
	for range n {
		all = append(all, database)
	}
	return all
}

// load is orders that clients begin one after the other, and see to their end.
type load struct {
	f     *fleet
	over  atomic.Bool
	stuck atomic.Int64 // orders that did not end within their time
	lost  atomic.Int64 // acknowledged starts after which the name was free again
	work  sync.WaitGroup
	clerk context.CancelFunc
	gone  chan struct{}

	mu     sync.Mutex
	orders map[string]survivaltest.Job // by ARN
}

// begin begins orders of every kind with n clients.
func (f *fleet) begin(n int) *load {
	l := &load{f: f, orders: map[string]survivaltest.Job{}, gone: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	l.clerk = cancel
	go func() {
		defer close(l.gone)
		f.approve(ctx)
	}()
	for c := range n {
		l.work.Go(func() {
			for n := 0; !l.over.Load() && !f.t.Failed(); n++ {
				l.order(fmt.Sprintf("order-%d-%d", c, n), survivaltest.Job{WaitSeconds: n % 2, Approval: n%3 == 1, Child: n%5 == 2},
					(n+c)%4)
			}
		})
	}
	return l
}

// order sees one order to its end. A quarter of the clients wait on the line, half look, and a quarter pauses it.
func (l *load) order(name string, job survivaltest.Job, how int) {
	var arn string
	var err error
	switch {
	case l.f.forgiving:
		var started string
		if started, err = l.f.Start(l.f.t.Context(), name, job); err == nil {
			arn, err = l.f.Attend(l.f.t.Context(), name, job)
		}
		if started != arn {
			l.lost.Add(1)
		}
	case how < 2:
		arn, err = l.f.Attend(l.f.t.Context(), name, job)
	case how == 2 || l.f.calm:
		arn, err = l.f.Run(l.f.t.Context(), name, job, func(context.Context, string) error { return nil })
	default:
		arn, err = l.f.Run(l.f.t.Context(), name, job, l.f.Hold)
	}
	if err != nil {
		l.stuck.Add(1)
		l.f.t.Errorf("%s: %v", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if arn != "" {
		l.orders[arn] = job
	}
}

// done is how many orders have ended.
func (l *load) done() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.orders)
}

// end begins no more orders, and returns when all have ended.
func (l *load) end() {
	l.over.Store(true)
	l.work.Wait()
	l.clerk()
	<-l.gone
}

// clocks is by how much a node may misjudge the database's clock, by which histories are dated: half of what an answer
// of the database takes, on a machine that is busy. A step that ran again sooner is found out by its result.
const clocks = time.Second

// judge holds all orders against the promises, and the database against itself.
func (l *load) judge() *survivaltest.Judge {
	l.f.t.Helper()
	j := &survivaltest.Judge{Service: l.f.Service, Notes: survivaltest.ReadNotes(l.f.t, l.f.notes), Skew: clocks}
	for arn, job := range l.orders {
		j.Order(l.f.t, arn, job)
	}
	l.f.nodes[0].Verify()
	l.f.t.Logf("%d orders; lost %d, twice %d; paused %d times", len(l.orders), j.Lost, j.Twice, j.Pauses)
	return j
}

// approve completes the callbacks that the victims write down, each by way of any node.
func (f *fleet) approve(ctx context.Context) {
	f.open(ctx, func(log *os.File) {
		var work sync.WaitGroup
		defer work.Wait()
		line := ""
		for r := bufio.NewReader(log); ctx.Err() == nil; {
			part, err := r.ReadString('\n')
			line += part
			if err == io.EOF {
				time.Sleep(20 * time.Millisecond)
				continue
			}
			words := strings.Fields(line)
			line = ""
			if len(words) == 5 && words[1] == "approval" {
				work.Go(func() {
					if err := f.Approve(ctx, words[3], "yes"); err != nil && ctx.Err() == nil && !f.forgiving {
						f.t.Error(err)
					}
				})
			}
		}
	})
}

// open opens the notes once there are some.
func (f *fleet) open(ctx context.Context, read func(*os.File)) {
	for ctx.Err() == nil {
		log, err := os.Open(f.notes)
		if err == nil {
			defer log.Close()
			read(log)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// harm does something to one of the nodes, or to its functions.
func (f *fleet) harm(r *rand.Rand, frozen time.Duration) {
	n := r.IntN(len(f.nodes))
	node := f.nodes[n]
	switch what := r.IntN(6); what {
	case 0:
		f.faults.add("the functions of node %d are killed", n)
		node.KillFunctions()
	case 1:
		f.faults.add("node %d and its functions are killed", n)
		node.KillFunctions()
		node.Restart()
	case 2:
		f.faults.add("node %d is stopped for %v, and goes on", n, frozen)
		node.Freeze()
		time.Sleep(frozen)
		node.Thaw()
		f.faults.add("node %d goes on", n)
	default:
		f.faults.add("node %d is killed", n)
		node.Restart()
	}
}

// told is the history of an order.
func (f *fleet) told(arn string) string {
	var b strings.Builder
	for e, err := range newAPI("", f.nodes[0].Addr).Events(context.Background(), arn, false) {
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, "  %s %s %s %v\n", e.Time.Time().Format("15:04:05.000"), e.Type, e.Name, e.Error)
	}
	return b.String()
}
