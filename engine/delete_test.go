package engine_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

func TestDelete(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "mine", `{}`)
		_, err := f.Delete(t.Context(), arn)
		wantRefusal(t, err, "ResourceConflictException: Cannot delete a durable execution with status RUNNING.")
		f.result(arn)
		at, err := f.Delete(t.Context(), arn)
		if err != nil || at == 0 {
			t.Fatalf("Delete: %v, %v", at, err)
		}
		// It is gone soon; who wants its name need not wait for that.
		again := f.start("order", "mine", `{"other":1}`)
		if again == arn {
			t.Error("the name was not free")
		}
		synctest.Wait()
		_, err = f.Describe(t.Context(), arn)
		wantRefusal(t, err, "ResourceNotFoundException")
		_, err = f.Delete(t.Context(), arn)
		wantRefusal(t, err, "ResourceNotFoundException")
		_, _, err = f.History(t.Context(), &engine.HistoryRequest{ARN: arn})
		wantRefusal(t, err, "ResourceNotFoundException")
		items, _, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "order"}})
		if err != nil || len(items) != 1 || items[0].ARN != again {
			t.Errorf("got %+v, %v, want the new execution alone", items, err)
		}
		f.result(again)
	})
}

// What an engine was asked to delete, the next one deletes.
func TestDeleteOutlivesACrash(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("order", order)
		arn := f.start("order", "mine", `{}`)
		f.result(arn)
		f.store.Intercept(func(writes []store.Write, commit func() error) error {
			err := commit()
			f.store.Intercept(nil)
			return errors.Join(err, errors.New("the store is gone"))
		})
		if _, err := f.Delete(t.Context(), arn); err == nil {
			t.Error("the deletion was promised although nobody knows whether it is durable")
		}
		f.restart()
		synctest.Wait()
		_, err := f.Describe(t.Context(), arn)
		wantRefusal(t, err, "ResourceNotFoundException")
	})
}

// A child may be deleted at once; its parent learns the outcome all the same.
// Its own children stay.
func TestDeleteOfFamily(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("child", func(c *call) engine.Outcome { return succeed(`"c"`) })
		f.durable("parent", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(invokeUpdate("1", "child:$LATEST", "1"))
			}
			if c.op("1").Status != protocol.StatusSucceeded {
				return pending()
			}
			return succeed(*c.op("1").Payload)
		})
		parent := f.start("parent", "", "")
		if r := f.result(parent); *r.Payload != `"c"` {
			t.Errorf("got %+v", r)
		}
		if _, err := f.Delete(t.Context(), parent); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		items, _, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "child"}})
		if err != nil || len(items) != 1 {
			t.Fatalf("got %+v, %v, want the child", items, err)
		}
		if _, err := f.Delete(t.Context(), items[0].ARN); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if items, _, _ = f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "child"}}); len(items) != 0 {
			t.Errorf("got %+v, want nothing", items)
		}
	})
}

// A child whose parent cannot be told of its end is DELETING until that is so.
func TestDeletingUntilTheParentKnows(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		release := make(chan struct{})
		f.durable("child", func(c *call) engine.Outcome { <-release; return succeed(`"c"`) })
		f.durable("parent", func(c *call) engine.Outcome {
			if c.op("1").ID == "" {
				c.checkpoint(invokeUpdate("1", "child:$LATEST", "1"))
			}
			if c.op("1").Status != protocol.StatusSucceeded {
				return pending()
			}
			return succeed(*c.op("1").Payload)
		})
		parent := f.start("parent", "", "")
		synctest.Wait()
		items, _, err := f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "child"}})
		if err != nil || len(items) != 1 {
			t.Fatal(items, err)
		}
		child := items[0]
		f.store.Intercept(func(writes []store.Write, commit func() error) error {
			if !strings.HasSuffix(child.ARN, writes[0].ID) {
				return errors.New("the parent's disk is full")
			}
			return commit()
		})
		close(release)
		f.result(child.ARN)
		first, err := f.Delete(t.Context(), child.ARN)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		items, _, err = f.List(t.Context(), &engine.ListRequest{Filter: engine.Filter{Function: "child",
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionDeleting}}})
		if err != nil || len(items) != 1 || f.status(child.ARN) != protocol.ExecutionDeleting {
			t.Errorf("got %+v, %v and status %s", items, err, f.status(child.ARN))
		}
		if again, err := f.Delete(t.Context(), child.ARN); err != nil || again != first {
			t.Errorf("got %v, %v, want the time of the first request, %v", again, err, first)
		}
		if r := f.result(child.ARN); r.Status != protocol.ExecutionSucceeded {
			t.Errorf("who waits for the outcome got %s", r.Status)
		}
		_, err = f.Start(t.Context(), &engine.InvokeRequest{Function: "child", Name: child.Name, Payload: []byte("1")})
		wantRefusal(t, err, "ResourceConflictException: The durable execution is being deleted: ")
		f.store.Intercept(nil)
		if r := f.result(parent); *r.Payload != `"c"` {
			t.Errorf("the parent got %+v", r)
		}
		synctest.Wait()
		_, err = f.Describe(t.Context(), child.ARN)
		wantRefusal(t, err, "ResourceNotFoundException")
	})
}
