package lambdaapi

import "github.com/perdure/perdure/protocol"

// The options of an update are pointers: null is absent, and an empty object is present. The engine knows which
// type and action take which.

func (d *checkpointDecoder) contextOptions() *protocol.ContextOptions {
	if d.Null() {
		return nil
	}
	o := &protocol.ContextOptions{}
	for name := range d.Members() {
		switch string(name) {
		case "ReplayChildren":
			o.ReplayChildren = d.Bool()
		default:
			d.Skip()
		}
	}
	return o
}

func (d *checkpointDecoder) stepOptions() *protocol.StepOptions {
	if d.Null() {
		return nil
	}
	o := &protocol.StepOptions{}
	for name := range d.Members() {
		switch string(name) {
		case "NextAttemptDelaySeconds":
			o.NextAttemptDelaySeconds = d.number("stepOptions.nextAttemptDelaySeconds", 1, protocol.MaxWaitSeconds)
		default:
			d.Skip()
		}
	}
	return o
}

func (d *checkpointDecoder) waitOptions() *protocol.WaitOptions {
	if d.Null() {
		return nil
	}
	o := &protocol.WaitOptions{}
	for name := range d.Members() {
		switch string(name) {
		case "WaitSeconds":
			o.WaitSeconds = d.number("waitOptions.waitSeconds", 1, protocol.MaxWaitSeconds)
		default:
			d.Skip()
		}
	}
	return o
}

func (d *checkpointDecoder) callbackOptions() *protocol.CallbackOptions {
	if d.Null() {
		return nil
	}
	o := &protocol.CallbackOptions{}
	for name := range d.Members() {
		switch string(name) {
		case "TimeoutSeconds":
			o.TimeoutSeconds = d.number("callbackOptions.timeoutSeconds", 0, protocol.MaxCallbackSeconds)
		case "HeartbeatTimeoutSeconds":
			o.HeartbeatTimeoutSeconds = d.number("callbackOptions.heartbeatTimeoutSeconds", 0, protocol.MaxCallbackSeconds)
		default:
			d.Skip()
		}
	}
	return o
}

func (d *checkpointDecoder) chainedInvokeOptions() *protocol.ChainedInvokeOptions {
	if d.Null() {
		return nil
	}
	o := &protocol.ChainedInvokeOptions{}
	function := false
	for name := range d.Members() {
		switch string(name) {
		case "FunctionName":
			o.FunctionName, function = d.shared("chainedInvokeOptions.functionName", &functionNameShape, "")
		case "TenantId":
			o.TenantID, _ = d.shared("chainedInvokeOptions.tenantId", &tenantShape, "")
		case "XAmznTraceId":
			o.XAmznTraceID, _ = d.shared("chainedInvokeOptions.xAmznTraceId", &traceShape, "")
		default:
			d.Skip()
		}
	}
	d.require("chainedInvokeOptions.functionName", function)
	return o
}
