package template

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// length is Length, of the language extensions.
func (r *reader) length(n *node) *node {
	items, ok := r.values(n.arg)
	if !ok {
		return nil
	}
	return r.made(n, strconv.Itoa(len(items)))
}

// toJSON is ToJsonString, of the language extensions.
func (r *reader) toJSON(n *node) *node {
	var b strings.Builder
	if !r.writeJSON(&b, n.arg) {
		return nil
	}
	return r.made(n, b.String())
}

// writeJSON writes a value with all that is in it; false if a part is not known.
func (r *reader) writeJSON(b *strings.Builder, n *node) bool {
	v := r.resolve(n)
	switch {
	case v == nil || b.Len() > maxText:
		return v != nil // what is too long is refused
	case v.form == mapping:
		return r.writeObject(b, v)
	case v.form == list:
		items, ok := r.values(v)
		b.WriteByte('[')
		for i, item := range items {
			if i > 0 {
				b.WriteByte(',')
			}
			ok = ok && r.writeJSON(b, item)
		}
		b.WriteByte(']')
		return ok
	case v.null:
		b.WriteString("null")
		return true
	}
	text, ok := r.text(v)
	if v.bare {
		b.WriteString(text)
	} else {
		writeText(b, text)
	}
	return ok
}

func (r *reader) writeObject(b *strings.Builder, v *node) bool {
	ok, first := true, true
	b.WriteByte('{')
	for _, e := range v.entries {
		value := r.resolve(e.value)
		if value == nil {
			return false
		}
		if value.gone {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		writeText(b, e.key.text)
		b.WriteByte(':')
		ok = ok && r.writeJSON(b, value)
	}
	b.WriteByte('}')
	return ok
}

func writeText(b *strings.Builder, text string) {
	var quoted strings.Builder
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // of a text, which can be
	b.WriteString(strings.TrimSuffix(quoted.String(), "\n"))
}

// maxBlocks is the largest number of blocks that AWS cuts off at once.
const maxBlocks = 256

// cidr is Cidr: the first blocks of a network, each with some bits for hosts.
func (r *reader) cidr(n *node) *node {
	args, ok := r.arguments(n, 2, 3, "a network, a number of blocks and their bits")
	if !ok {
		return nil
	}
	texts := []string{"", "", "8"}
	for i, arg := range args {
		if texts[i], ok = r.text(arg); !ok {
			return nil
		}
	}
	network, err := netip.ParsePrefix(texts[0])
	count, err2 := strconv.Atoi(texts[1])
	bits, err3 := strconv.Atoi(texts[2])
	all := network.Addr().BitLen()
	if err != nil || err2 != nil || err3 != nil || count < 1 || count > maxBlocks || bits < 1 || bits > all-network.Bits() {
		r.fail(n.pos, "Cidr: %s has no %s blocks of %s bits", quoted(texts[0]), quoted(texts[1]), quoted(texts[2]))
		return nil
	}
	next := new(big.Int).SetBytes(network.Masked().Addr().AsSlice())
	step := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	var blocks []string
	for range count {
		addr, ok := netip.AddrFromSlice(next.FillBytes(make([]byte, all/8)))
		if !ok || !network.Contains(addr) {
			r.fail(n.pos, "Cidr: %s has no %d blocks of %d bits", quoted(texts[0]), count, bits)
			return nil
		}
		blocks = append(blocks, netip.PrefixFrom(addr, all-bits).String())
		if next.Add(next, step); next.BitLen() > all {
			next.SetInt64(0)
		}
	}
	return r.texts(n, blocks)
}
