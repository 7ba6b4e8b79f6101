package server

import (
	"net/http"

	"github.com/perdure/perdure/internal/credentials"
	"github.com/perdure/perdure/internal/lambdaapi"
	"github.com/perdure/perdure/internal/wire"
)

// authorize refuses what a caller may not do. Whatever changes something has
// another method than GET, on every face.
func authorize(caller *credentials.Credential, r *http.Request) error {
	if caller.Access == credentials.Full || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	return denied("user/"+caller.Name, r)
}

// denied is AWS's refusal of somebody who is known.
func denied(who string, r *http.Request) error {
	action := actionOf(r)
	return wire.Errorf(wire.CodeAccessDenied, "User: arn:aws:iam::000000000000:%s is not authorized to perform: %s "+
		"because no identity-based policy allows the %[2]s action", who, action)
}

// actionOf names what r asks for, as policies do.
func actionOf(r *http.Request) string {
	switch name := lambdaapi.OperationName(r); name {
	case "":
		return "perdure:" + clip(r.Method+" "+r.URL.EscapedPath())
	case "Invoke":
		return "lambda:InvokeFunction"
	default:
		return "lambda:" + name
	}
}
