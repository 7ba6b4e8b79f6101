// Package durableinsight delivers a record of each execution to a sink: a file, an HTTP endpoint, a log, or any
// tool for analysis.
//
//	durable.Start(handler, durable.WithPlugins(
//		durableinsight.New(durableinsight.File("/mnt/insight/orders.jsonl"), durableinsight.Config{})))
//
// # Records
//
// A [Record] is that of AWS's telemetry exporters for other languages, type DurableExecutionTelemetry, schema 1.0.
// As JSON it is one line:
//
//	{"recordType":"DurableExecutionTelemetry","schemaVersion":"1.0","emittedAt":"2026-10-23T18:42:40.784Z",
//	 "executionArn":"arn:…","executionName":"o-1","functionName":"orders","functionQualifier":"7",
//	 "region":"us-east-1","accountId":"000000000000","status":"SUCCEEDED",
//	 "startTime":"…","endTime":"…","durationMs":5012,"input":{"order":"o-1"},"output":"shipped",
//	 "operations":[{"id":"1","name":"charge","type":"STEP","subType":"Step","status":"SUCCEEDED",
//	  "startTime":"…","endTime":"…","durationMs":5004,"attempt":2}]}
//
// There is one when an execution has succeeded or failed; with [OnFailure] only when it has failed, and with
// [OnChange] also, with the status RUNNING, whenever its operations have changed. With [Config.Sampling] only a
// share of all executions has records, always the same ones.
//
// Operations without a name are in no record. Those inside of contexts are with [FullTree], as far as the service
// tells of them: it forgets the inside of a context that closed in an earlier invocation. [ByName] sums up
// operations by name, so that a map of a thousand items is a line.
//
// # What is in a record
//
// Inputs, outputs and the messages of errors are in records unless [Config] says otherwise: set Input and Output to
// [Omit], or to a function that returns what people may see. A record has the result of an operation only if
// Results names the operation.
//
//	durableinsight.Config{
//		Input:   durableinsight.Omit,
//		Results: map[string]durableinsight.Transform{"quote": func(v json.RawMessage) any { return len(v) }},
//		Exclude: []string{"fetch-secret"},
//	}
//
// A record has at most [Config.Limit] bytes, and says what it lost to that.
//
// # Delivery
//
// Records are delivered at the end of an invocation, before the service hears of it, because Lambda may freeze the
// process then. That takes at most 5 seconds, and never more than half of the time that the invocation has left.
// With OnChange they are delivered in between, too, and the workflow does not wait for that.
//
// Records that the sink refuses are kept, up to 16 MiB, and offered again at the end of the next invocation of the
// same process; when the process ends, undelivered ones are lost. A sink costs the workflow time and nothing else:
// none can fail an execution. If the invocation fails after the last record of its execution was delivered, the
// next invocation makes that record again. So if an execution has two records with a status other than RUNNING, the
// later one counts.
//
// An execution that is stopped or times out ends while no function runs, so this package cannot tell of it.
// Perdure's engine can: it makes the same records, for functions in all languages, and loses none; see the flag
// --telemetry of perdure serve. Use one or the other.
//
// # Sinks
//
// A [Sink] is one method. [Lines], [File], [HTTP] and [Slog] need only the standard library; others are short:
//
//	sink := durableinsight.SinkFunc(func(ctx context.Context, records []durableinsight.Record) error {
//		for i := range records {
//			if err := queue.Send(ctx, records[i].JSON()); err != nil {
//				return &durableinsight.PartialError{Taken: i, Err: err}
//			}
//		}
//		return nil
//	})
//
// A sink may also choose, leave out, or pass on to several others. For spans instead of records there is package
// durableotel.
package durableinsight
