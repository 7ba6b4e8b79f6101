// Package plainhttp is an HTTP/1.1 server for clients that speak plainly, as the processes of functions do. A request
// costs it one read and one write, one goroutine for each connection, and few allocations.
//
// It knows one shape of request: GET, POST, PUT or DELETE of a path, with a head that fits into its buffer, and with no
// body, a body of an announced length, or a body in chunks. A connection on which anything else arrives goes to
// net/http for good, with every byte that was read. So net/http judges what is odd, and there is no second parser that
// could disagree with it: in doubt, a connection is handed over. FuzzLikeNetHTTP compares both.
//
// # What handlers may rely on
//
// A handler, its ResponseWriter and an [http.ResponseController] behave as with net/http, with these differences:
//
//   - The request's header and body, and the ResponseWriter, are the handler's until it returns; the next request of
//     the connection uses them again. The request itself, its URL and its context stay as they are.
//   - The context notices that the client hung up only after somebody has called its Done. From then on the server
//     reads ahead, once the body has been read. Nobody who merely looks at Err needs that.
//   - There is no Hijack, no full duplex, no write deadline, and no trailer of an answer; an informational status is
//     left out.
package plainhttp
