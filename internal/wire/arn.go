package wire

import (
	"fmt"
	"regexp"
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

var (
	arnPattern = regexp.MustCompile(`^arn:([a-z0-9-]+):lambda:([a-z0-9-]+):([0-9]{12}):function:([a-zA-Z0-9-_]+):(\$LATEST(?:\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9-_]+)/([a-zA-Z0-9-_]+)$`)
	idPattern  = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
)

// ParseARN reads an execution ARN.
func ParseARN(s string) (ARN, error) {
	m := arnPattern.FindStringSubmatch(s)
	if m == nil || len(s) > MaxARN {
		return ARN{}, fmt.Errorf("%q is not a durable execution ARN", s)
	}
	return ARN{Partition: m[1], Region: m[2], Account: m[3], Function: m[4], Version: m[5], Name: m[6], ID: m[7]}, nil
}

func (a ARN) String() string {
	return a.FunctionARN() + "/durable-execution/" + a.Name + "/" + a.ID
}

// FunctionARN is the function's ARN, qualified with the version.
func (a ARN) FunctionARN() string {
	return strings.Join([]string{"arn", a.Partition, "lambda", a.Region, a.Account, "function", a.Function, a.Version}, ":")
}

// ValidID reports whether s is an identifier of at most max bytes in the
// alphabet that operation ids, subtypes and execution names share.
func ValidID(s string, max int) bool {
	return len(s) >= 1 && len(s) <= max && idPattern.MatchString(s)
}
