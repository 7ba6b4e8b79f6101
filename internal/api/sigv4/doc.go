// Package sigv4 verifies AWS Signature Version 4, by which every client of AWS proves who it is: a MAC over the
// request in a canonical form, under a key derived from a secret that the request does not carry.
//
//	proof, err := sigv4.Parse(r)          // what the request claims
//	err = proof.Fresh(time.Now())         // is it of now?
//	err = proof.Verify(r, secret, hash)   // is it true?
//
// The first two cost little and need no body, so a stranger is refused before his body is read. A signature may be
// in the Authorization header, or in the query of a presigned URL.
//
// Every error is a *protocol.Error with the code and text of AWS.
package sigv4
