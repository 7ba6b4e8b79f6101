package protocol

// Limits of the service. Sizes are bytes, durations seconds. Sources: the API
// model of the Lambda service (November 2026) and the AWS developer guide.
const (
	// MaxOperationID bounds an operation id; ids match [a-zA-Z0-9-_]+.
	MaxOperationID = 64
	// MaxName bounds an operation name; names are printable ASCII.
	MaxName = 256
	// MaxSubType bounds a subtype; subtypes match [a-zA-Z0-9-_]+.
	MaxSubType = 32
	// MaxToken bounds a checkpoint token, which is standard base64.
	MaxToken = 2048
	// MaxClientToken bounds an idempotency token.
	MaxClientToken = 64
	// MaxCallbackID bounds a callback id, which is standard base64.
	MaxCallbackID = 1024
	// MaxExecutionName bounds an execution's name; names match [a-zA-Z0-9-_]+.
	MaxExecutionName = 64
	// MaxFunctionName bounds a function's name; names match [a-zA-Z0-9-_]+.
	MaxFunctionName = 64
	// MaxARN bounds an execution ARN.
	MaxARN = 1024

	// MaxPayload bounds the payload or error of one checkpointed operation, a callback's result, and the input and
	// result of an asynchronous execution. It was 262,144 before 2026-10-22.
	MaxPayload = 1 << 20
	// MaxSyncPayload bounds the request and the response of a synchronous
	// invocation, and any payload at shape level.
	MaxSyncPayload = 6 << 20
	// MaxInlineResult is the size above which an SDK closes a context with
	// ReplayChildren rather than with its result.
	MaxInlineResult = 256 << 10

	// MaxWaitSeconds bounds waits, retry delays and execution timeouts: 366 days.
	MaxWaitSeconds = 31_622_400
	// MaxCallbackSeconds bounds a callback's timeout and heartbeat timeout.
	MaxCallbackSeconds = 99_999_999
	// MaxFunctionSeconds bounds the timeout of one invocation.
	MaxFunctionSeconds = 900
	// MaxSyncExecutionSeconds is the longest execution timeout with which AWS
	// accepts a synchronous invocation of a durable function.
	MaxSyncExecutionSeconds = 900

	// MaxExecutionSeconds is how long after its start an execution times out
	// at the latest, however long its timeout was paused: 366 days.
	MaxExecutionSeconds = MaxWaitSeconds
	// MaxReason bounds the reason of a pause or a resumption, in characters.
	MaxReason = 1024
	// RepeatWindowSeconds is how long the service knows a pause or a resumption again by its client token.
	RepeatWindowSeconds = 900

	// DefaultConcurrency is how many invocations an account may have at one time, unless AWS grants more.
	DefaultConcurrency = 1000

	// DefaultRetentionDays is how long a closed execution stays readable.
	DefaultRetentionDays = 14
	// MaxRetentionDays bounds the retention.
	MaxRetentionDays = 90

	// DefaultPage and MaxPage are the number of items of one page.
	DefaultPage = 100
	MaxPage     = 1000

	// MaxOperations and MaxStoredBytes are AWS's fixed quotas of one execution.
	MaxOperations  = 3000
	MaxStoredBytes = 100 << 20
)
