package machine_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// fill sets every settable member of v to something that is not its zero value.
func fill(v reflect.Value, n *int64) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.String:
		v.SetString(strings.Repeat("x", int(*n)))
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Uint32:
		v.SetUint(uint64(*n))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n)
			fill(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("fill: " + v.Type().String())
	}
}

// No member of a record is forgotten by the codec, a new one included.
func TestCodecIsComplete(t *testing.T) {
	var r machine.Record
	var n int64
	fill(reflect.ValueOf(&r).Elem(), &n)
	r.Identity.ARN = identity().ARN // a string on the wire
	r.Took, r.Ended = 0, 0          // folding finds them out
	r.Init *= time.Millisecond      // that is how exact it is
	got, err := machine.Decode(machine.Encode([]machine.Record{r}))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "record", got, []machine.Record{r})
}

func TestCodecKeepsAbsence(t *testing.T) {
	records := []machine.Record{
		{Event: protocol.Event{Type: "a"}},
		{Event: protocol.Event{Type: "b", Payload: str("")}},
		{Event: protocol.Event{Type: "c", Error: &protocol.ErrorObject{}}},
		{Event: protocol.Event{Type: "d", Payload: str("\xff\x00"), Time: -1, Timeout: -1 << 63}},
		{Event: protocol.Event{Type: "e", Error: &protocol.ErrorObject{StackTrace: []string{"", "x"}}}},
	}
	got, err := machine.Decode(machine.Encode(records))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "records", got, records)
}

// Fields that are not known are skipped: newer engines may have written them.
func TestDecodeSkipsUnknownFields(t *testing.T) {
	record := protowire.AppendTag(nil, 1, protowire.BytesType)
	record = protowire.AppendString(record, "WaitSucceeded")
	record = protowire.AppendTag(record, 5000, protowire.VarintType)
	record = protowire.AppendVarint(record, 7)
	record = protowire.AppendTag(record, 5001, protowire.Fixed64Type)
	record = protowire.AppendFixed64(record, 7)
	entry := protowire.AppendTag(nil, 2, protowire.BytesType)
	entry = protowire.AppendString(entry, "about the entry")
	entry = protowire.AppendTag(entry, 1, protowire.BytesType)
	entry = protowire.AppendBytes(entry, record)
	got, err := machine.Decode(entry)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "records", got, []machine.Record{{Event: protocol.Event{Type: protocol.EventWaitSucceeded}}})
}

func TestDecodeRefuses(t *testing.T) {
	for name, entry := range map[string]string{
		"nothing":                 "",
		"a cut tag":               "\x80",
		"a cut record":            "\x0a\x05\x0a",
		"a record without a type": "\x0a\x00",
		"a type without a word":   "\x0a\x03\x08\xff\x7f",
		"a start without identity": string(
			machine.Encode([]machine.Record{{Event: protocol.Event{Type: protocol.EventExecutionStarted}}})),
		"an identity without an id": string(machine.Encode([]machine.Record{{Event: protocol.Event{Type: protocol.EventExecutionStarted},
			Identity: &machine.Identity{}}})),
	} {
		if records, err := machine.Decode([]byte(entry)); err == nil {
			t.Errorf("%s: got %v, want an error", name, records)
		}
	}
}

// A journal that contradicts itself is an error, whatever is asked for later.
func TestLoadRefuses(t *testing.T) {
	r := invoked(t)
	r.must(r.checkpoint(wait("w", 60)))
	start, rest := r.journal[0], r.journal[1:]
	entry := func(records ...machine.Record) []byte { return machine.Encode(records) }
	event := func(typ protocol.EventType, id int64, op string) []byte {
		return entry(machine.Record{Event: protocol.Event{Type: typ, ID: id, OpID: op, Time: epoch}})
	}
	for name, journal := range map[string][][]byte{
		"nothing":           {},
		"no start":          rest,
		"two starts":        {start, start},
		"an identity later": {start, entry(machine.Record{Event: protocol.Event{Type: "stepReady"}, Identity: r.x.Identity()})},
		"the identity of another": {entry(machine.Record{Event: protocol.Event{Type: protocol.EventWaitSucceeded},
			Identity: r.x.Identity()})},
		"a gap in the events":         {start, event(protocol.EventStepStarted, 3, "s")},
		"an event twice":              append(append([][]byte{}, r.journal...), r.journal[2]),
		"an operation that is not":    {start, event(protocol.EventWaitSucceeded, 2, "w")},
		"a type that is not known":    {start, event(protocol.EventWaitStarted, 2, "w"), event("WaitForgotten", 3, "w")},
		"a record that is not known":  {start, event(protocol.EventWaitStarted, 2, "w"), event("waitForgotten", 0, "w")},
		"a start of another's op":     {start, event(protocol.EventWaitStarted, 2, "w"), event(protocol.EventStepStarted, 3, "w")},
		"the end of another's op":     {start, event(protocol.EventWaitStarted, 2, "w"), event(protocol.EventCallbackSucceeded, 3, "w")},
		"an attempt of another's op":  {start, event(protocol.EventWaitStarted, 2, "w"), event(protocol.EventStepFailed, 3, "w")},
		"an end of the execution's":   {start, event(protocol.EventStepSucceeded, 2, "0001")},
		"garbage":                     {start, []byte("garbage")},
		"an entry after one that bad": {start, []byte("garbage"), r.journal[1]},
	} {
		l := machine.Load(nil)
		var failed error
		for _, entry := range journal {
			failed = l.Add(entry)
		}
		x, err := l.Execution()
		if err == nil {
			t.Errorf("%s: got %v, want an error", name, ids(ops(x)))
		}
		if len(journal) > 0 && failed == nil {
			t.Errorf("%s: Add accepted the last entry", name)
		}
	}
}

// A draft that recorded nothing has nothing to publish: the number of the next
// journal entry stays.
func TestPublishOfNothing(t *testing.T) {
	r := invoked(t)
	before := r.x.Entries()
	d := r.x.Draft(r.now)
	d.FireTimers()
	if d.Publish() != r.x {
		t.Error("got another execution")
	}
	equal(t, "entries", r.x.Entries(), before)
}

// A step of a short name and result is a short entry: the journal is most of what an engine writes.
func TestEntryOfAStepIsShort(t *testing.T) {
	r := grown(t, 10)
	d := r.x.Draft(r.now)
	if _, err := d.Checkpoint(r.request(r.fence, "token", oneStep(10))); err != nil {
		t.Fatal(err)
	}
	payload := 0
	for _, u := range oneStep(10) {
		if u.Payload != nil {
			payload += len(*u.Payload)
		}
	}
	const most = 60 // with types and names in full 145
	if got := len(machine.Encode(d.Records())) - payload; got > most {
		t.Errorf("got %d bytes beside the payload of %d, want %d at most", got, payload, most)
	}
}

// Every type of a record has a number, and each number is one word's.
func TestWords(t *testing.T) {
	words := machine.Words()
	for typ := range machine.Types() {
		if n := len(machine.Encode([]machine.Record{{Event: protocol.Event{Type: typ}}})); n != 4 {
			t.Errorf("%s: got an entry of %d bytes, want 4: it is not among the words", typ, n)
		}
	}
	slices.Sort(words)
	if unique := slices.Compact(slices.Clone(words)); len(unique) != len(words) {
		t.Errorf("got %d words of which %d differ: one is there twice", len(words), len(unique))
	}
}
