package protocol

import (
	"fmt"
	"strings"
)

// LatestVersion is the version that follows the newest build of a function.
const LatestVersion = "$LATEST"

// ARN names one execution:
//
//	arn:<partition>:lambda:<region>:<account>:function:<function>:<version>/durable-execution/<name>/<id>
//
// The version is never an alias: aliases resolve when the execution starts.
type ARN struct {
	Partition string
	Region    string
	Account   string
	Function  string
	Version   string
	Name      string // the execution's name
	ID        string // the execution's id, which is also the id of its EXECUTION operation
}

// ParseARN reads an execution ARN.
func ParseARN(s string) (ARN, error) {
	function, execution, _ := strings.Cut(s, "/durable-execution/")
	name, id, _ := strings.Cut(execution, "/")
	var p [8]string // not strings.Split: every checkpoint parses one
	for i := range p[:7] {
		p[i], function, _ = strings.Cut(function, ":")
	}
	p[7] = function // with all parts that are too many, of which no version consists
	if len(s) > MaxARN || p[0] != "arn" || p[2] != "lambda" || p[5] != "function" ||
		!only(p[1], isLabel) || !only(p[3], isLabel) || len(p[4]) != 12 || !only(p[4], isDigit) ||
		!only(p[6], isID) || !validVersion(p[7]) || !only(name, isID) || !only(id, isID) {
		return ARN{}, fmt.Errorf("%q is not a durable execution ARN", s)
	}
	return ARN{Partition: p[1], Region: p[3], Account: p[4], Function: p[6], Version: p[7], Name: name, ID: id}, nil
}

func (a ARN) String() string {
	return a.FunctionARN() + "/durable-execution/" + a.Name + "/" + a.ID
}

// FunctionARN is the function's ARN, qualified with the version.
func (a ARN) FunctionARN() string {
	return strings.Join([]string{"arn", a.Partition, "lambda", a.Region, a.Account, "function", a.Function,
		a.Version}, ":")
}

// ValidID reports whether s is an identifier of at most max bytes in the alphabet of operation ids, subtypes and
// execution names.
func ValidID(s string, max int) bool { return len(s) <= max && only(s, isID) }

// No regular expressions: compiling them takes a noticeable part of every function's start-up.

// only reports whether s is not empty and holds only allowed bytes.
func only(s string, allowed func(c byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return s != ""
}

func validVersion(s string) bool {
	return s == LatestVersion || s == LatestVersion+".PUBLISHED" || only(s, isDigit)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLabel(c byte) bool { return 'a' <= c && c <= 'z' || isDigit(c) || c == '-' }

func isID(c byte) bool { return isLabel(c) || 'A' <= c && c <= 'Z' || c == '_' }
