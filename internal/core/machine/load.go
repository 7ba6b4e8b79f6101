package machine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Loader rebuilds an execution from its journal.
type Loader struct {
	x       *Execution
	outline bool
	err     error // the first entry that could not be understood
}

// Load starts a rebuild; [Loader.Add] takes the entries in order.
func Load(rules *Rules) *Loader { return &Loader{x: blank(rules)} }

// LoadOutline starts a rebuild without payloads, and with no more of errors than type and message. Its memory grows
// with the number of operations, not with the size of the journal. The result is for readers: never begin a draft
// on it.
func LoadOutline(rules *Rules) *Loader { return &Loader{x: blank(rules), outline: true} }

// Add folds the next journal entry. An entry that cannot be understood, or contradicts earlier ones, is an error;
// there is no execution then.
func (l *Loader) Add(entry []byte) error {
	if l.err == nil {
		l.err = l.add(entry)
	}
	return l.err
}

func (l *Loader) add(entry []byte) (err error) {
	number := l.x.entries + 1
	defer func() {
		// A damaged entry may decode and still contradict the entries before it. This must cost one execution,
		// never the process.
		if p := recover(); p != nil {
			err = fmt.Errorf("entry %d contradicts the journal before it: %v", number, p)
		}
	}()
	records, err := Decode(entry)
	if err != nil {
		return fmt.Errorf("entry %d: %w", number, err)
	}
	d := l.x.Draft(0)
	d.records = records
	for i := range records {
		d.now = records[i].Time
		d.check(&records[i])
		d.apply(&records[i])
	}
	d.Publish()
	if l.outline {
		for _, o := range d.touched {
			o.forget()
		}
	}
	d.Done()
	return nil
}

func (o *operation) forget() {
	if o.Type == protocol.TypeExecution {
		return
	}
	o.Payload = nil
	if e := o.Error; e != nil {
		o.Error = &protocol.ErrorObject{ErrorType: strings.Clone(protocol.Clip(e.ErrorType, maxOutlined)),
			ErrorMessage: strings.Clone(protocol.Clip(e.ErrorMessage, maxOutlined))}
	}
	if t := o.invoke; t != nil {
		o.invoke = &InvokeTarget{Function: t.Function, Version: t.Version, ARN: t.ARN, TenantID: t.TenantID}
	}
}

// maxOutlined bounds each text of an error in an outline, in bytes.
const maxOutlined = 1 << 10

// check panics if r cannot be the next record. It finds the contradictions that would not stop the fold.
func (d *Draft) check(r *Record) {
	first := d.identity == nil
	if first != (r.Identity != nil) {
		panic(fmt.Sprintf("%s is not the first record, or the first is not a start", r.Type))
	}
	if id := r.Event.ID; id != 0 && id != d.events+1 {
		panic(fmt.Sprintf("event %d follows event %d", id, d.events))
	}
	if typ := meaning(r.Type).Operation; typ != "" {
		if i := d.find(r.OpID); i >= 0 && d.op(i).Type != typ {
			panic(fmt.Sprintf("%s of operation %q, which is a %s", r.Type, r.OpID, d.op(i).Type))
		}
	}
}

// Execution returns the rebuilt execution. Without any entry it is an error.
func (l *Loader) Execution() (*Execution, error) {
	if l.err != nil {
		return nil, l.err
	}
	if l.x.identity == nil {
		return nil, errors.New("the journal is empty")
	}
	return l.x, nil
}
