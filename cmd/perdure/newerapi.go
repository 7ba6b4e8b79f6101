package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/aws/smithy-go"
	"github.com/google/uuid"
)

// Of the Lambda API, the AWS SDK for Go does not have these operations yet.

// pause pauses an execution; reason may be empty.
func (r *remote) pause(ctx context.Context, arn, reason string, keepTimeout bool) error {
	body := struct {
		ClientToken            string
		ExecutionTimeoutPaused bool
		Reason                 string `json:",omitempty"`
	}{uuid.NewString(), !keepTimeout, reason}
	return r.onExecution(ctx, http.MethodPost, arn, "/pause", body)
}

// resume ends an execution's pause; reason may be empty.
func (r *remote) resume(ctx context.Context, arn, reason string) error {
	body := struct {
		ClientToken string
		Reason      string `json:",omitempty"`
	}{uuid.NewString(), reason}
	return r.onExecution(ctx, http.MethodPost, arn, "/resume", body)
}

// delete has a closed execution deleted.
func (r *remote) delete(ctx context.Context, arn string) error {
	return r.onExecution(ctx, http.MethodDelete, arn, "", nil)
}

// onExecution calls an operation on an execution; a nil body is none.
func (r *remote) onExecution(ctx context.Context, method, arn, suffix string, body any) error {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return err
		}
	}
	target := r.endpoint + "/2025-12-01/durable-executions/" + url.PathEscape(arn) + suffix
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	resp, err := (&signer{r.http, r.key}).Do(req)
	if err == nil && resp.StatusCode/100 != 2 {
		err = apiError(resp, r.http.body)
	}
	return r.fault(ctx, err)
}

// apiError reads a refusal.
func apiError(resp *http.Response, body []byte) error {
	var doc struct {
		Message string `json:"message"` // or Message: the decoder does not mind
	}
	if err := json.Unmarshal(body, &doc); err != nil || doc.Message == "" {
		doc.Message = resp.Status
	}
	return &smithy.GenericAPIError{Code: resp.Header.Get("X-Amzn-Errortype"), Message: doc.Message}
}
