package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
)

// Function is one version of a function.
type Function struct {
	FunctionName  string
	Version       string
	CodeSize      int64
	DurableConfig *struct{ ExecutionTimeout int64 } // nil for a plain function

	JSON json.RawMessage `json:"-"` // as the engine wrote it
}

// Function describes a function: the version in name, or the latest.
func (c *Client) Function(ctx context.Context, name string) (*Function, error) {
	var f Function
	_, err := c.read(ctx, call{method: http.MethodGet, path: path(functionPath, Qualified(name), "/configuration")}, &f)
	return &f, err
}

// Publish publishes a version; description may be nil.
func (c *Client) Publish(ctx context.Context, function string, description *string) (*Function, error) {
	var f Function
	var err error
	body := jsonBody(struct {
		Description *string `json:",omitempty"`
	}{description})
	f.JSON, err = c.read(ctx, call{method: http.MethodPost, path: path(functionPath, function, "/versions"), body: body,
		patient: true}, &f)
	return &f, err
}

// Versions yields the versions of a function, in order.
func (c *Client) Versions(ctx context.Context, function string) iter.Seq2[*Function, error] {
	return pages(ctx, c, path(functionPath, function, "/versions"), nil,
		func(page *struct {
			Versions   []*Function
			NextMarker string
		}) ([]*Function, string) {
			return page.Versions, page.NextMarker
		}, whole[*Function])
}

// DeleteFunction deletes a function, or the version in name. If it has open executions it drains first.
func (c *Client) DeleteFunction(ctx context.Context, name string) (draining bool, err error) {
	resp, err := c.send(ctx, call{method: http.MethodDelete, path: path(functionPath, name, "")})
	if err != nil {
		return false, err
	}
	return resp.StatusCode == http.StatusAccepted, resp.Body.Close()
}

// Alias is an alias of a function's versions.
type Alias struct {
	Name            string
	FunctionVersion string
	Description     string   `json:",omitempty"`
	RoutingConfig   *Routing `json:",omitempty"`
	RevisionID      string   `json:"RevisionId,omitempty"` // of the alias to be changed

	JSON json.RawMessage `json:"-"` // as the engine wrote it
}

// Routing is an alias's share of other versions.
type Routing struct{ AdditionalVersionWeights map[string]float64 }

// Weights are the shares of the other versions.
func (a *Alias) Weights() map[string]float64 {
	if a.RoutingConfig == nil {
		return nil
	}
	return a.RoutingConfig.AdditionalVersionWeights
}

const aliasPath = "/aliases/"

// Alias describes an alias.
func (c *Client) Alias(ctx context.Context, function, name string) (*Alias, error) {
	var a Alias
	var err error
	a.JSON, err = c.read(ctx, call{method: http.MethodGet,
		path: path(functionPath, function, path(aliasPath, name, ""))}, &a)
	return &a, err
}

// Aliases yields the aliases of a function.
func (c *Client) Aliases(ctx context.Context, function string) iter.Seq2[*Alias, error] {
	return pages(ctx, c, path(functionPath, function, "/aliases"), nil,
		func(page *struct {
			Aliases    []json.RawMessage
			NextMarker string
		}) ([]json.RawMessage, string) {
			return page.Aliases, page.NextMarker
		}, func(raw json.RawMessage) (*Alias, error) {
			a := &Alias{JSON: raw}
			return a, json.Unmarshal(raw, a)
		})
}

// CreateAlias makes an alias, and returns it.
func (c *Client) CreateAlias(ctx context.Context, function string, a *Alias) (*Alias, error) {
	return c.writeAlias(ctx, http.MethodPost, path(functionPath, function, "/aliases"), a)
}

// UpdateAlias changes an alias that still has the revision of a, and returns it.
func (c *Client) UpdateAlias(ctx context.Context, function string, a *Alias) (*Alias, error) {
	return c.writeAlias(ctx, http.MethodPut, path(functionPath, function, path(aliasPath, a.Name, "")), a)
}

func (c *Client) writeAlias(ctx context.Context, method, path string, a *Alias) (*Alias, error) {
	var out Alias
	var err error
	out.JSON, err = c.read(ctx, call{method: method, path: path, body: jsonBody(a)}, &out)
	return &out, err
}

// DeleteAlias deletes an alias.
func (c *Client) DeleteAlias(ctx context.Context, function, name string) error {
	_, err := c.read(ctx, call{method: http.MethodDelete,
		path: path(functionPath, function, path(aliasPath, name, ""))}, nil)
	return err
}
