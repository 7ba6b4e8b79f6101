package machine

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/perdure/perdure/protocol"
)

// words are the types of records, and of operations as SDKs name them, by the numbers that stand for them in entries.
// The numbers are part of the format: a new word goes to the end. A text that is not here is stored as it is.
var words = [...]string{
	"",
	string(protocol.EventStepStarted), string(protocol.EventStepSucceeded), string(protocol.EventStepFailed),
	string(checkpointAccepted), string(invocationStarted), string(protocol.EventInvocationCompleted),
	string(protocol.EventExecutionStarted), string(protocol.EventExecutionSucceeded),
	string(protocol.EventExecutionFailed), string(protocol.EventExecutionTimedOut),
	string(protocol.EventExecutionStopped), string(protocol.EventExecutionPaused),
	string(protocol.EventExecutionResumed),
	string(protocol.EventContextStarted), string(protocol.EventContextSucceeded), string(protocol.EventContextFailed),
	string(protocol.EventWaitStarted), string(protocol.EventWaitSucceeded), string(protocol.EventWaitCancelled),
	string(protocol.EventChainedInvokeStarted), string(protocol.EventChainedInvokeSucceeded),
	string(protocol.EventChainedInvokeFailed), string(protocol.EventChainedInvokeTimedOut),
	string(protocol.EventChainedInvokeStopped),
	string(protocol.EventCallbackStarted), string(protocol.EventCallbackSucceeded),
	string(protocol.EventCallbackFailed), string(protocol.EventCallbackTimedOut),
	string(stepReady), string(callbackHeartbeat), string(executionClosing), string(pauseRequested),
	string(pauseCancelled), string(deletionRequested), string(retrySkipped), string(executionForked),
	string(parentNotified),
	protocol.SubTypeStep, protocol.SubTypeWaitForCondition, protocol.SubTypeWait, protocol.SubTypeCallback,
	protocol.SubTypeWaitForCallback, protocol.SubTypeChainedInvoke, protocol.SubTypeRunInChildContext,
	protocol.SubTypeMap, protocol.SubTypeMapIteration, protocol.SubTypeParallel, protocol.SubTypeParallelBranch,
	protocol.SubTypeDag,
	string(acted), string(killRequested), string(cascadeRequested), string(cascadeEnded),
	string(forked),
}

var numbers = func() map[string]int64 {
	numbers := make(map[string]int64, len(words))
	for number, word := range words {
		numbers[word] = int64(number)
	}
	return numbers
}()

func appendWord(b []byte, field protowire.Number, word string) []byte {
	if number := numbers[word]; number > 0 {
		return appendInt(b, field, number)
	}
	return appendString(b, field, word)
}

// word is the value of a field that appendWord wrote; empty for a number that is not known.
func (v value) word() string {
	switch {
	case v.bytes != nil:
		return string(v.bytes)
	case v.int > 0 && v.int < int64(len(words)):
		return words[v.int]
	}
	return ""
}
