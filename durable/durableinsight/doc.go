// Package durableinsight delivers a record of every operation and execution
// that ended to a sink: a file, an HTTP endpoint, a log, or whatever somebody
// analyses executions with.
//
//	durable.Start(handler, durable.WithPlugins(
//		durableinsight.New(durableinsight.File("/mnt/insight/orders.jsonl"), durableinsight.Config{})))
//
// # Records
//
// A [Record] is flat, and as JSON one line:
//
//	{"id":"arn:…/1","kind":"operation","execution":"arn:…","operation":"1","type":"STEP","subType":"Step",
//	 "name":"charge","status":"SUCCEEDED","attempts":2,"start":"…","end":"…","durationMs":5012}
//
// There is one for each operation that closed, in the order in which they did,
// and one for each execution that succeeded or failed. Replay makes none. An
// execution that is stopped or times out ends while no function runs, so there
// is no record of it; nor is there one of a virtual context, which is recorded
// nowhere. What people entrusted to the workflow, its inputs and results, is in
// records only if [Config] says so; the messages of errors always are.
//
// # Delivery
//
// Records are delivered at the end of each invocation, before the service hears
// of it, because Lambda may freeze the process then; and in between when many
// have gathered. What the sink refuses is kept, and offered again with the next
// invocation of the same process; what is not delivered when the process ends is
// lost. That costs the workflow time and nothing else: no sink can fail an
// execution.
//
// An invocation that fails after it had delivered records is followed by one to
// which the service tells the same again, so a record may come twice. Its
// [Record.ID] is then the same; where that matters, the sink keeps the first.
//
// # Sinks
//
// A [Sink] is one method. [Lines], [File], [HTTP] and [Slog] are here, since they
// take no more than the standard library; others are short:
//
//	sink := durableinsight.SinkFunc(func(ctx context.Context, records []durableinsight.Record) error {
//		for _, r := range records {
//			data, err := json.Marshal(r)
//			if err != nil {
//				return err
//			}
//			if err := queue.Send(ctx, data); err != nil {
//				return err
//			}
//		}
//		return nil
//	})
//
// A sink may also choose, leave out, or pass on to several others. For spans
// instead of records there is package durableotel.
package durableinsight
