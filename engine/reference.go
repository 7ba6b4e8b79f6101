package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// target is the function version that a reference names.
type target struct {
	*function
	arn   protocol.ARN // of the version
	alias *Alias       // that the reference names; nil if it names a version
}

// Lookup finds a function by name or ARN, and returns it with its ARN, qualified with the version. A reference
// without a version means $LATEST, one with an alias the version that it points to. An unknown function is a
// ResourceNotFoundException.
func (fs *Functions) Lookup(ctx context.Context, ref, qualifier string) (Function, string, error) {
	if err := fs.documents.fresh(ctx); err != nil {
		return Function{}, "", err
	}
	t, err := fs.lookup(ref, qualifier, primary)
	if err != nil {
		return Function{}, "", err
	}
	return t.Function, t.arn.FunctionARN(), nil
}

// lookup finds the version that a reference names. share, from 0 to 1, decides if an alias leads to two versions.
func (fs *Functions) lookup(ref, qualifier string, share float64) (target, error) {
	name, qualifier, err := fs.home.parseRef(ref, qualifier)
	if err != nil {
		return target{}, err
	}
	t := target{arn: fs.home.functionARN(name, cmp.Or(qualifier, protocol.LatestVersion))}
	if !validVersion(t.arn.Version) {
		if t.alias = fs.alias(name, qualifier); t.alias == nil {
			return t, functionNotFound(t.arn)
		}
		t.arn.Version = t.alias.route(share)
	}
	if t.function = fs.find(name, t.arn.Version); t.function == nil {
		return t, functionNotFound(t.arn)
	}
	return t, nil
}

// primary is the share for which an alias leads to the version that it points to.
const primary = 1.0

// shareOf is the share of a start: random, or derived from the execution's name, so that a repeat leads to the same.
func shareOf(executionName string) float64 {
	if executionName == "" {
		return rand.Float64()
	}
	sum := sha256.Sum256([]byte(executionName))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// admit refuses a version that takes nothing new.
func (t target) admit() error {
	switch {
	case t.draining:
		return protocol.Errorf(protocol.CodeConflict, "The operation cannot be performed at this time. "+
			"The function is currently in the following state: %s", StateDeleting)
	case t.Invoker == nil && !t.remote:
		return protocol.Errorf(protocol.CodeNotReady,
			"Version %s of function %s cannot be run: %s", t.Version, t.Name, t.whyIdle())
	}
	return nil
}

// whyIdle says why a version has no invoker.
func (f *function) whyIdle() string { return cmp.Or(f.fault, "nothing here runs published versions") }

// admitStart returns the version of a new execution, and refuses one that takes none, or is gone. fs.starting is
// held.
func (fs *Functions) admitStart(arn protocol.ARN) (*function, error) {
	t := target{function: fs.find(arn.Function, arn.Version), arn: arn}
	if t.function == nil || t.Durable == nil {
		return nil, functionNotFound(arn)
	}
	return t.function, t.admit()
}

func functionNotFound(arn protocol.ARN) error {
	return protocol.Errorf(protocol.CodeNotFound, "Function not found: %s", arn.FunctionARN())
}

// versionNumber is the number of a version; $LATEST has none.
func versionNumber(version string) int {
	if n, err := strconv.Atoi(version); err == nil {
		return n
	}
	return 0
}

// home is where an engine's functions live. It reads references to functions, and makes their ARNs.
type home struct{ region, account string }

func (h home) functionARN(name, qualifier string) protocol.ARN {
	return protocol.ARN{Partition: "aws", Region: h.region, Account: h.account, Function: name, Version: qualifier}
}

// parseRef reads a function reference: a name, account:function:name, or an ARN, each with or without a qualifier
// behind a colon, which is a version or an alias; of is empty without one. A function of another account or region
// does not exist here.
func (h home) parseRef(ref, qualifier string) (name, of string, err error) {
	parts := strings.Split(ref, ":")
	switch {
	case len(parts) >= 7 && parts[0] == "arn" && parts[2] == "lambda" && parts[5] == "function":
		if parts[3] != h.region || parts[4] != h.account {
			return "", "", protocol.Errorf(protocol.CodeNotFound, "Function not found: %s", ref)
		}
		parts = parts[6:]
	case len(parts) >= 3 && parts[1] == "function":
		if parts[0] != h.account {
			return "", "", protocol.Errorf(protocol.CodeNotFound, "Function not found: %s", ref)
		}
		parts = parts[2:]
	}
	if len(parts) > 2 || !protocol.ValidID(parts[0], protocol.MaxFunctionName) {
		return "", "", protocol.Errorf(protocol.CodeInvalidParameter, "%q is not a function name or ARN", ref)
	}
	if len(parts) == 2 {
		if qualifier != "" && qualifier != parts[1] {
			return "", "", protocol.Errorf(protocol.CodeInvalidParameter,
				"The derived qualifier from the function name does not match the specified qualifier.")
		}
		qualifier = parts[1]
	}
	return parts[0], qualifier, nil
}

func (h home) unqualifiedARN(name string) string {
	arn := h.functionARN(name, "").FunctionARN()
	return arn[:len(arn)-1]
}

// plainRef reads a function reference that must not be qualified.
func (h home) plainRef(ref string) (name string, err error) {
	name, qualifier, err := h.parseRef(ref, "")
	if err == nil && qualifier != "" {
		err = protocol.Errorf(protocol.CodeInvalidParameter, "The function name must not be qualified: %s", ref)
	}
	return name, err
}

// checkHome refuses a chained invoke of a function that lives elsewhere.
func (h home) checkHome(ref string) error {
	of := h
	switch parts := strings.Split(ref, ":"); {
	case len(parts) >= 7 && parts[0] == "arn":
		of = home{cmp.Or(parts[3], h.region), cmp.Or(parts[4], h.account)}
	case len(parts) >= 3 && parts[1] == "function":
		of.account = cmp.Or(parts[0], h.account)
	}
	switch {
	case of.account != h.account:
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"Cannot start a CHAINED_INVOKE on a function in another account.")
	case of.region != h.region:
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"Cannot start a CHAINED_INVOKE on a function in another region.")
	}
	return nil
}
