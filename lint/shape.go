package lint

import (
	"cmp"
	"fmt"
	"go/types"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A shape is what JSON makes of a type, as a JSON value itself: an object of its members for a struct, {"*": shape} for
// a map, [shape] for a list, [shape, n] for an array, and the name of the type for anything else. Pointers are looked
// through, as null is read into anything.

// shapeOf is the shape of a type; false if it has type parameters, which each call decides.
func shapeOf(t types.Type) (shape any, ok bool) {
	s := shaper{around: make(map[types.Type]bool), ok: true}
	shape = s.shape(t)
	return shape, s.ok
}

type shaper struct {
	around map[types.Type]bool
	ok     bool
}

func (s *shaper) shape(t types.Type) any {
	if _, param := types.Unalias(t).(*types.TypeParam); param {
		s.ok = false
		return "any"
	}
	if p, ok := t.Underlying().(*types.Pointer); ok && !has(t, "MarshalJSON") {
		return s.shape(p.Elem())
	}
	name := types.TypeString(t, func(pkg *types.Package) string { return pkg.Name() })
	if name == "json.RawMessage" {
		return "any"
	}
	if !types.IsInterface(t) && (has(t, "MarshalJSON") || has(t, "MarshalText")) {
		return strings.TrimPrefix(name, "*")
	}
	if s.around[t] {
		return name // a type within itself
	}
	s.around[t] = true
	defer delete(s.around, t)
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Name()
	case *types.Slice:
		if b, ok := u.Elem().Underlying().(*types.Basic); ok && b.Kind() == types.Byte {
			return "bytes"
		}
		return []any{s.shape(u.Elem())}
	case *types.Array:
		return []any{s.shape(u.Elem()), float64(u.Len())}
	case *types.Map:
		return map[string]any{"*": s.shape(u.Elem())}
	case *types.Struct:
		members := make(map[string]any)
		s.members(u, members)
		return members
	}
	return "any"
}

// members adds what a struct is written with; embedded structs without a name of their own are part of it.
func (s *shaper) members(u *types.Struct, members map[string]any) {
	for i := range u.NumFields() {
		f := u.Field(i)
		tag := reflect.StructTag(u.Tag(i)).Get("json")
		name, options, _ := strings.Cut(tag, ",")
		t := f.Type()
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		inner, isStruct := t.Underlying().(*types.Struct)
		switch {
		case tag == "-" || !f.Exported() && !(f.Embedded() && isStruct):
		case f.Embedded() && isStruct && name == "" && !has(t, "MarshalJSON") && !has(t, "MarshalText"):
			if !s.around[t] {
				s.around[t] = true
				s.members(inner, members)
				delete(s.around, t)
			}
		default:
			shape := s.shape(f.Type())
			if text, ok := shape.(string); ok && slices.Contains(strings.Split(options, ","), "string") {
				shape = "quoted " + text
			}
			members[cmp.Or(name, f.Name())] = shape
		}
	}
}

// changes lists what values of an old shape lose if they are read into a new one; nothing if they lose nothing.
func shapeChanges(before, after any, path string) []string {
	if after == "any" || reflect.DeepEqual(before, after) {
		return nil
	}
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			return memberChanges(b, a, path)
		}
	case []any:
		a, ok := after.([]any)
		if ok && len(b) > 0 && len(a) > 0 && (len(a) == 1 || len(b) == 2 && length(b) <= length(a)) {
			return shapeChanges(b[0], a[0], path+"[]")
		}
	case string:
		if a, ok := after.(string); ok && widens(b, a) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s was %s and is %s", cmp.Or(path, "the value"), kindOf(before), kindOf(after))}
}

func length(array []any) float64 { n, _ := array[1].(float64); return n }

func memberChanges(before, after map[string]any, path string) (list []string) {
	element, toMap := after["*"]
	if old, wasMap := before["*"]; wasMap && !toMap {
		return []string{fmt.Sprintf("%s was a map and is an object", cmp.Or(path, "the value"))}
	} else if wasMap {
		return shapeChanges(old, element, path+"[]")
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		switch now, found := member(after, name); {
		case toMap:
			list = append(list, shapeChanges(before[name], element, at)...)
		case found:
			list = append(list, shapeChanges(before[name], now, at)...)
		default:
			list = append(list, at+" is gone"+renamed(before, after, name))
		}
	}
	return list
}

// member finds a member as encoding/json does, which takes any case for want of the exact one.
func member(members map[string]any, name string) (any, bool) {
	if shape, ok := members[name]; ok {
		return shape, true
	}
	for other, shape := range members {
		if strings.EqualFold(other, name) {
			return shape, true
		}
	}
	return nil, false
}

// renamed guesses what the new name of a member is.
func renamed(before, after map[string]any, name string) string {
	for _, other := range slices.Sorted(maps.Keys(after)) {
		if _, old := before[other]; !old && reflect.DeepEqual(after[other], before[name]) {
			return fmt.Sprintf(" (is it %s now?)", other)
		}
	}
	return ""
}

func kindOf(shape any) string {
	switch s := shape.(type) {
	case map[string]any:
		if _, isMap := s["*"]; isMap {
			return "a map"
		}
		return "an object"
	case []any:
		if len(s) == 2 {
			return fmt.Sprintf("an array of %v", s[1])
		}
		return "a list"
	}
	return fmt.Sprint(shape)
}

// widens reports whether each value of a basic type is one of another.
func widens(before, after string) bool {
	from, to := number(before), number(after)
	switch {
	case from.bits == 0 || to.bits == 0:
		return false
	case from.kind == to.kind:
		return from.bits <= to.bits
	case to.kind == "float":
		return from.bits <= 32 || to.bits == 64
	case from.kind == "uint" && to.kind == "int":
		return from.bits < to.bits
	}
	return false
}

type numberType struct {
	kind string
	bits int
}

func number(name string) numberType {
	switch name {
	case "byte":
		name = "uint8"
	case "rune":
		name = "int32"
	}
	for _, kind := range []string{"int", "uint", "float"} {
		digits, ok := strings.CutPrefix(name, kind)
		if bits, err := strconv.Atoi(cmp.Or(digits, "64")); ok && err == nil {
			return numberType{kind, bits}
		}
	}
	return numberType{}
}
