package adminapi

import "net/http"

// Refusal reads a refused request's answer.
func (c *Client) Refusal(resp *http.Response) error {
	defer resp.Body.Close()
	return c.refusal(resp)
}
