package lambdaapi

import (
	"github.com/perdure/perdure/internal/api/route"
	"regexp"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// The shapes of the string members that the API model constrains. The patterns are the model's; messages quote
// them. Those of a checkpoint are matched without regular expressions.
var (
	executionARNShape = textShape{min: 1, max: protocol.MaxARN, match: isExecutionARN,
		pattern: `arn:([a-zA-Z0-9-]+):lambda:([a-zA-Z0-9-]+):(\d{12}):function:([a-zA-Z0-9_-]+):(\$LATEST(?:\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)`}
	tokenShape         = textShape{min: 1, max: protocol.MaxToken, match: isBase64, pattern: base64Pattern}
	callbackIDShape    = textShape{min: 1, max: protocol.MaxCallbackID, match: isBase64, pattern: base64Pattern}
	clientTokenShape   = textShape{min: 1, max: protocol.MaxClientToken, match: isVisible, pattern: `[\x21-\x7E]+`}
	operationIDShape   = textShape{min: 1, max: protocol.MaxOperationID, match: isIdentifier, pattern: identifierPattern}
	nameShape          = textShape{min: 1, max: protocol.MaxName, match: isPrintable, pattern: `[\x20-\x7E]+`}
	subTypeShape       = textShape{min: 1, max: protocol.MaxSubType, match: isIdentifier, pattern: identifierPattern}
	payloadShape       = textShape{max: protocol.MaxSyncPayload, sensitive: true}
	reasonShape        = textShape{max: protocol.MaxReason, sensitive: true}
	executionNameShape = textShape{min: 1, max: protocol.MaxExecutionName, match: isIdentifier, pattern: identifierPattern}
	functionNameShape  = textShape{min: 1, max: 256, match: isFunctionName, pattern: functionNamePattern}
	qualifierShape     = textShape{min: 1, max: 128, match: qualifierRegexp.MatchString, pattern: qualifierPattern}
	tenantShape        = textShape{min: 1, max: 256, match: tenantRegexp.MatchString, pattern: tenantPattern}
	traceShape         = textShape{max: 8192}
	aliasShape         = textShape{min: 1, max: 128, match: isAlias, pattern: `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`}
	versionShape       = textShape{min: 1, max: 1024, match: isVersion, pattern: `(\$LATEST(\.PUBLISHED)?|[0-9]+)`}
	numberShape        = textShape{min: 1, max: 1024, match: isNumber, pattern: `[0-9]+`}
	descriptionShape   = textShape{max: 256}
	anyText            = textShape{max: route.MaxURL}
)

const (
	base64Pattern       = `[A-Za-z0-9+/]+={0,2}`
	identifierPattern   = `[a-zA-Z0-9-_]+`
	functionNamePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`
	qualifierPattern    = `\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`
	tenantPattern       = `[a-zA-Z0-9\._:\/=+\-@ ]+`
)

var (
	functionNameRegexp = whole(functionNamePattern)
	qualifierRegexp    = whole(qualifierPattern)
	tenantRegexp       = whole(tenantPattern)

	statusConstraint         = enumConstraint(protocol.ExecutionStatuses)
	operationTypeConstraint  = enumConstraint(protocol.OperationTypes)
	actionConstraint         = enumConstraint(protocol.Actions)
	invocationTypeConstraint = enumConstraint(invocationTypes)
	logTypeConstraint        = enumConstraint(logTypes)
)

func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) }

// class holds, for every byte, the kinds of text that may have it.
var class = func() (table [256]uint8) {
	for c := range 256 {
		b := byte(c)
		digit, letter := '0' <= b && b <= '9', 'a' <= b|0x20 && b|0x20 <= 'z'
		if digit {
			table[c] |= inDigits
		}
		if digit || letter || b == '-' || b == '_' {
			table[c] |= inIdentifier
		}
		if digit || letter || b == '-' {
			table[c] |= inRegion
		}
		if digit || letter || b == '+' || b == '/' {
			table[c] |= inBase64
		}
		if ' ' <= b && b <= '~' {
			table[c] |= inPrintable
		}
		if ' ' < b && b <= '~' {
			table[c] |= inVisible
		}
	}
	return table
}()

const (
	inDigits uint8 = 1 << iota
	inIdentifier
	inRegion // and partition
	inBase64
	inPrintable
	inVisible
)

// all reports whether s is one or more bytes of a kind.
func all(s string, kind uint8) bool {
	for i := range len(s) {
		if class[s[i]]&kind == 0 {
			return false
		}
	}
	return s != ""
}

func isIdentifier(s string) bool { return all(s, inIdentifier) }
func isPrintable(s string) bool  { return all(s, inPrintable) }
func isVisible(s string) bool    { return all(s, inVisible) }

func isBase64(s string) bool {
	s = strings.TrimSuffix(s, "=")
	return all(strings.TrimSuffix(s, "="), inBase64)
}

// isExecutionARN is executionARNShape's pattern.
func isExecutionARN(s string) bool {
	function, execution, ok := strings.Cut(s, "/durable-execution/")
	if !ok {
		return false
	}
	name, id, _ := strings.Cut(execution, "/")
	return isIdentifier(name) && isIdentifier(id) && isQualifiedFunctionARN(function)
}

// isQualifiedFunctionARN matches arn:<partition>:lambda:<region>:<account>:function:<name>:<version>.
func isQualifiedFunctionARN(s string) bool {
	var part [8]string
	for i := range len(part) - 1 {
		var ok bool
		if part[i], s, ok = strings.Cut(s, ":"); !ok {
			return false
		}
	}
	part[7] = s
	return part[0] == "arn" && all(part[1], inRegion) &&
		part[2] == "lambda" && all(part[3], inRegion) &&
		len(part[4]) == 12 && all(part[4], inDigits) &&
		part[5] == "function" && isIdentifier(part[6]) && isVersion(part[7])
}

func isNumber(s string) bool { return all(s, inDigits) }

func isAlias(s string) bool { return isIdentifier(s) && !isNumber(s) }

func isVersion(s string) bool {
	return s == protocol.LatestVersion || s == protocol.LatestVersion+".PUBLISHED" || all(s, inDigits)
}

// isFunctionName is functionNamePattern, with a shortcut for bare names.
func isFunctionName(s string) bool { return isIdentifier(s) || functionNameRegexp.MatchString(s) }

// isQualified reports whether a function's name, of functionNameShape, has a version.
func isQualified(function string) bool {
	if _, after, ok := strings.Cut(function, "function:"); ok {
		function = after
	}
	colon := strings.LastIndexByte(function, ':')
	return colon >= 0 && !isAccount(function[:colon])
}

// isAccount reports whether s is an account, with or without a region: the front of a partial ARN that lacks the
// word function.
func isAccount(s string) bool {
	account := s[strings.LastIndexByte(s, ':')+1:]
	return len(account) == 12 && all(account, inDigits)
}
