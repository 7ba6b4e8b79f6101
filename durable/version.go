package durable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/perdure/perdure/protocol"
)

var versionKind = &kind{call: "durable.Version", typ: protocol.TypeStep, subType: subTypeVersion}

// Version lets code change while executions of it are open. The new code asks which way this execution goes:
//
//	if durable.Version(ctx, "fees", 1) >= 1 {
//		if _, err := durable.Step(ctx, "add-fees", addFees); err != nil { … }
//	}
//
// An execution that comes to this place for the first time gets latest, and keeps it: it is recorded under the
// name, once in each context, and every later call with that name in the same context returns it. An execution that
// had come past this place before the call was put there gets 0. So the next change of the same place makes it
// latest 2, and the code deals with 0, 1 and 2, until no execution with the older numbers is left.
//
// A call takes no number: it moves no operation, and may be taken out again. It is recorded as a step, without a
// call of the service of its own. The name is as for [Step], but not empty, and latest is at least 1; otherwise the
// execution fails. It fails, too, with a VersionError, if newer code has recorded a number over latest. Version
// panics if ctx is not a durable context.
func Version(ctx Context, name string, latest int) int {
	s, err := versionKind.enter(ctx, name)
	if err != nil {
		panic(err)
	}
	s.checkOpen(versionKind, name)
	v, known := s.versions[name]
	if !known {
		v = s.decideVersion(ctx, name, latest)
		if s.versions == nil {
			s.versions = make(map[string]int)
		}
		s.versions[name] = v
	}
	if v > latest {
		s.run.fail(&fatalError{name: "VersionError", text: fmt.Sprintf("version %q of this execution is %d, but the code knows it up to %d only; "+
			"let the code that recorded it finish the execution", name, v, latest)})
	}
	s.busy.Store(false)
	return v
}

func validateVersion(name string, latest int) error {
	switch {
	case name == "":
		return errNoVersionName
	case latest < 1:
		return fmt.Errorf("latest is %d; it must be at least 1, because 0 is for executions from before", latest)
	}
	return validateName(name)
}

// decideVersion is the first call with a name in a context.
func (s *scope) decideVersion(ctx Context, name string, latest int) int {
	id := versionID(s.id, name)
	switch op := s.run.history.strays[id].op; {
	case op != nil && op.Status == protocol.StatusSucceeded && op.Payload != nil:
		if v, err := strconv.Atoi(*op.Payload); err == nil {
			return v
		}
		s.run.fail(versionKind.errorf(name, "the recorded version is %q", *op.Payload))
	case op == nil && (s.sealing != open || s.ranOn()):
		return 0
	}
	if err := validateVersion(name, latest); err != nil {
		s.run.fail(versionKind.errorf(name, "%w", err))
	}
	o := operation{kind: versionKind, scope: s, ctx: ctx, name: name, known: s.run.history.strays[id]}
	o.note(id, strconv.Itoa(latest))
	return latest
}

// note records a step that is only a result. It does not wait: later operations are recorded behind it.
func (o *operation) note(id, payload string) {
	if o.known.op == nil {
		o.scope.run.hold(o.scope, o.update(id, protocol.ActionStart))
	}
	u := o.update(id, protocol.ActionSucceed)
	u.Payload = &payload
	o.scope.run.hold(o.scope, u)
}

// versionID is the id of a version's record. It has the form of a hashed id, so it has no place among a context's
// operations.
func versionID(context, name string) string {
	sum := sha256.Sum256([]byte("version\x00" + context + "\x00" + name))
	return "h" + hex.EncodeToString(sum[:16])
}

var errNoVersionName = errors.New("the name is empty; each place that changes needs one")
