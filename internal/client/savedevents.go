package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/perdure/perdure/internal/api/adminapi"
)

func savedEvents(function string) string { return path(ownFunctions+"/", function, "/events") }

// SavedEvents lists the events that people keep of a function, by name.
func (c *Client) SavedEvents(ctx context.Context, function string) ([]adminapi.SavedEvent, error) {
	list, err := get[adminapi.SavedEventList](ctx, c, savedEvents(function), nil)
	return list.Events, err
}

// SavedEvent asks for one of them.
func (c *Client) SavedEvent(ctx context.Context, function, name string) (*adminapi.SavedEvent, error) {
	return get[adminapi.SavedEvent](ctx, c, savedEvents(function), url.Values{"Name": {name}})
}

// SaveEvent keeps an event, in place of one with its name.
func (c *Client) SaveEvent(ctx context.Context, function, name string, event []byte) (*adminapi.SavedEvent, error) {
	body := adminapi.SaveEvent{Name: name, Event: string(event)}
	return post[adminapi.SavedEvent](ctx, c, savedEvents(function), body)
}

// DeleteSavedEvent deletes one, which must be there.
func (c *Client) DeleteSavedEvent(ctx context.Context, function, name string) error {
	query := url.Values{"Name": {name}}
	_, err := c.read(ctx, call{method: http.MethodDelete, path: savedEvents(function), query: query}, nil)
	return err
}
