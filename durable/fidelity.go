package durable

import (
	"cmp"
	"reflect"
	"strings"
	"sync"
	"unicode"
)

// A result need not be read back from JSON where that could only give the same value. Reading 100 KB back takes longer
// than all else in the function.

// fidelity is what JSON makes of a type's values, as long as their strings are UTF-8.
type fidelity int

const (
	changed  fidelity = iota // perhaps other values
	detached                 // equal values, in memory of their own: see detach
	same                     // equal values that point to nothing
)

var fidelities sync.Map // of reflect.Type: fidelity

func fidelityOf(t reflect.Type) fidelity {
	known, ok := fidelities.Load(t)
	if !ok {
		known, _ = fidelities.LoadOrStore(t, findFidelity(t, make(map[reflect.Type]bool)))
	}
	return known.(fidelity)
}

// findFidelity looks for what JSON loses: methods of its own, members left out, what an interface holds, and the
// difference between a nil and a pointer to it. Types within themselves are not looked at: their values may nest
// deeper than JSON is read.
func findFidelity(t reflect.Type, around map[reflect.Type]bool) fidelity {
	if around[t] || t == jsonNumber || has(t, jsonWriter) || has(t, jsonReads) || has(t, textWriter) ||
		has(t, textReads) {
		return changed
	}
	around[t] = true
	defer delete(around, t)
	switch t.Kind() {
	case reflect.Array:
		return findFidelity(t.Elem(), around)
	case reflect.Slice:
		return min(detached, findFidelity(t.Elem(), around))
	case reflect.Pointer:
		if !isNilable(t.Elem()) {
			return min(detached, findFidelity(t.Elem(), around))
		}
	case reflect.Map:
		if isScalar(t.Key()) && findFidelity(t.Key(), around) == same {
			return min(detached, findFidelity(t.Elem(), around))
		}
	case reflect.Struct:
		return findMembers(t, around)
	}
	if isScalar(t) {
		return same
	}
	return changed
}

func findMembers(t reflect.Type, around map[reflect.Type]bool) fidelity {
	least, names := same, make(map[string]bool)
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		name = cmp.Or(name, f.Name)
		if !f.IsExported() || f.Anonymous || name != plainName(name) || names[name] || !isKept(f.Type, options) {
			return changed
		}
		names[name] = true
		least = min(least, findFidelity(f.Type, around))
	}
	return least
}

// isKept reports whether a member with such options is either written, or read back as it was when it is left out. The
// zero of numbers with a fraction has a sign, which is left out with it.
func isKept(t reflect.Type, options string) bool {
	switch options {
	case "":
		return true
	case "omitempty", "omitzero":
		hasSign := t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64
		return !hasSign && (isScalar(t) || isNilable(t)) && !has(t, zeroTeller)
	}
	return false
}

var zeroTeller = reflect.TypeFor[interface{ IsZero() bool }]()

func isNilable(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map
}

// isScalar reports whether values of the kind are numbers, strings, true or false.
func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// plainName is name without what has a meaning in tags of encoding/json, or may have.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name)
}

// detach copies what v points to, as JSON does: code that still has the original, and changes it, must not change the
// result, because on replay it could not. v can be set, and is of a type with a fidelity.
func detach(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); isNilable(f.Type()) && !f.IsNil() && f.Kind() != reflect.Pointer && f.Len() == 0 &&
				strings.HasSuffix(v.Type().Field(i).Tag.Get("json"), ",omitempty") {
				f.SetZero() // it was left out
			} else {
				detach(f)
			}
		}
	case reflect.Array:
		detachElements(v)
	case reflect.Slice:
		if !v.IsNil() {
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			v.Set(own)
			detachElements(v)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			own := reflect.New(v.Type().Elem())
			own.Elem().Set(v.Elem())
			v.Set(own)
			detach(own.Elem())
		}
	case reflect.Map:
		if !v.IsNil() {
			own := reflect.MakeMapWithSize(v.Type(), v.Len())
			for members := v.MapRange(); members.Next(); {
				element := reflect.New(v.Type().Elem()).Elem()
				element.Set(members.Value())
				detach(element)
				own.SetMapIndex(members.Key(), element)
			}
			v.Set(own)
		}
	}
}

func detachElements(v reflect.Value) {
	if fidelityOf(v.Type().Elem()) == same {
		return
	}
	for i := range v.Len() {
		detach(v.Index(i))
	}
}
