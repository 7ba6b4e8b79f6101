// Package hostile has the JSON that makes a decoder take the most memory, for
// tests of whatever decodes what others sent.
package hostile

import (
	"runtime"
	"strings"
)

// elements are small texts that become large values.
var elements = []string{`{}`, `[]`, `""`, `0`, `null`, `{"":0}`, `[[]]`, `{"Id":""}`, `"\u0000"`, `{"Text":""}`}

// HostileJSON returns texts of about size bytes: lists and objects of small
// elements, bare and as each of the members, and what nests deep.
func HostileJSON(size int, members ...string) []string {
	var texts []string
	for _, element := range elements {
		n := size / (len(element) + 1)
		list := "[" + strings.Repeat(element+",", n-1) + element + "]"
		texts = append(texts, list, `{"":`+element+strings.Repeat(`,"":`+element, n/2)+`}`)
		for _, member := range members {
			texts = append(texts, `{"`+member+`":`+list+`}`)
		}
	}
	for _, open := range []string{`[`, `{"":`} {
		texts = append(texts, strings.Repeat(open, size/len(open)))
		for _, member := range members {
			texts = append(texts, `{"`+member+`":`+strings.Repeat(open, size/len(open)))
		}
	}
	return append(texts, `"`+strings.Repeat("x", size-2)+`"`, strings.Repeat(" ", size))
}

// Made returns how many bytes of memory f makes, those it gives back included.
func Made(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
