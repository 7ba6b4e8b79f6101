package page

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// changed is approve with code that does not do what is recorded.
type changed struct{}

func (changed) Invoke(context.Context, *engine.Invocation) engine.Outcome {
	e := &protocol.ErrorObject{ErrorType: protocol.ErrorTypeNonDeterminism, ErrorMessage: `perdure: non-deterministic code ` +
		`at operation 2: recorded CALLBACK/Callback "manager", but the code now does STEP/Step "<ask>" (at main.go:7)`}
	return engine.Outcome{Payload: append(protocol.AppendErrorObject([]byte(`{"Status":"FAILED","Error":`), e), '}')}
}

// TestAChangedExecutionIsShownBesideItsCode: where records and code part is on the page.
func TestAChangedExecutionIsShownBesideItsCode(t *testing.T) {
	f := newFixture(t)
	arn := f.started()
	m := callbackID.FindStringSubmatch(f.get(executionPath(arn), 200))
	err := f.engine.Functions().Register(engine.Function{
		Name: "approve", Timeout: time.Minute, Invoker: changed{}, Durable: &engine.DurableConfig{ExecutionTimeout: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.post("/ui/succeed", url.Values{"arn": {arn}, "callback": {strings.ReplaceAll(m[1], "&#43;", "+")}, "result": {`"yes"`}}, 200)
	f.await(arn, protocol.EventExecutionFailed, 1)
	want(t, f.get(executionPath(arn), 200), `<pre class="sides">`, `  &gt; 2  CALLBACK/Callback &#34;manager&#34;  SUCCEEDED`,
		`| STEP/Step &#34;&lt;ask&gt;&#34;  at main.go:7`)
}
