package lambdaapi

import (
	"net/http"
	"time"
)

// functionList is the answer of ListFunctions. There is always one page: the
// functions of an engine are few.
type functionList struct {
	Functions []functionConfiguration
}

type functionConfiguration struct {
	FunctionName  string
	FunctionArn   string
	Version       string
	Timeout       int            // seconds
	DurableConfig *durableConfig `json:",omitempty"`
}

// functions is ListFunctions. Unlike AWS it lists every version, whatever
// FunctionVersion asks for, as here each one is registered by itself.
func (a *api) functions(w http.ResponseWriter, _ *http.Request, _ string) error {
	functions, arns := a.engine.Functions()
	out := functionList{Functions: make([]functionConfiguration, len(functions))}
	for i, f := range functions {
		c := functionConfiguration{FunctionName: f.Name, FunctionArn: arns[i], Version: f.Version, Timeout: int(f.Timeout / time.Second)}
		if d := f.Durable; d != nil {
			c.DurableConfig = &durableConfig{
				ExecutionTimeout: int64(d.ExecutionTimeout / time.Second), RetentionPeriodInDays: int64(d.RetentionDays),
			}
		}
		out.Functions[i] = c
	}
	return reply(w, out)
}
