package lambdaapi

import "github.com/perdure/perdure/internal/wire"

// The options of an update are pointers: null is absent, and an empty object is
// there. What goes with which type and action is the engine's matter.

func (d *checkpointDecoder) contextOptions() *wire.ContextOptions {
	if d.null() {
		return nil
	}
	o := &wire.ContextOptions{}
	for name := range d.members() {
		switch string(name) {
		case "ReplayChildren":
			o.ReplayChildren = d.boolean()
		default:
			d.skip()
		}
	}
	return o
}

func (d *checkpointDecoder) stepOptions() *wire.StepOptions {
	if d.null() {
		return nil
	}
	o := &wire.StepOptions{}
	for name := range d.members() {
		switch string(name) {
		case "NextAttemptDelaySeconds":
			o.NextAttemptDelaySeconds = d.number("stepOptions.nextAttemptDelaySeconds", 1, wire.MaxWaitSeconds)
		default:
			d.skip()
		}
	}
	return o
}

func (d *checkpointDecoder) waitOptions() *wire.WaitOptions {
	if d.null() {
		return nil
	}
	o := &wire.WaitOptions{}
	for name := range d.members() {
		switch string(name) {
		case "WaitSeconds":
			o.WaitSeconds = d.number("waitOptions.waitSeconds", 1, wire.MaxWaitSeconds)
		default:
			d.skip()
		}
	}
	return o
}

func (d *checkpointDecoder) callbackOptions() *wire.CallbackOptions {
	if d.null() {
		return nil
	}
	o := &wire.CallbackOptions{}
	for name := range d.members() {
		switch string(name) {
		case "TimeoutSeconds":
			o.TimeoutSeconds = d.number("callbackOptions.timeoutSeconds", 0, wire.MaxCallbackSeconds)
		case "HeartbeatTimeoutSeconds":
			o.HeartbeatTimeoutSeconds = d.number("callbackOptions.heartbeatTimeoutSeconds", 0, wire.MaxCallbackSeconds)
		default:
			d.skip()
		}
	}
	return o
}

func (d *checkpointDecoder) chainedInvokeOptions() *wire.ChainedInvokeOptions {
	if d.null() {
		return nil
	}
	o := &wire.ChainedInvokeOptions{}
	function := false
	for name := range d.members() {
		switch string(name) {
		case "FunctionName":
			o.FunctionName, function = d.shared("chainedInvokeOptions.functionName", &functionNameShape, "")
		case "TenantId":
			o.TenantID, _ = d.shared("chainedInvokeOptions.tenantId", &tenantShape, "")
		case "XAmznTraceId":
			o.XAmznTraceID, _ = d.shared("chainedInvokeOptions.xAmznTraceId", &traceShape, "")
		default:
			d.skip()
		}
	}
	d.require("chainedInvokeOptions.functionName", function)
	return o
}
