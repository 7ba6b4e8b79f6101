package emulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/perdure/perdure/internal/api/route"
	"github.com/perdure/perdure/protocol"
)

// The paths that an emulator has beside the Lambda API.
const (
	StartPath    = "/start-durable-execution"
	EndpointPath = "/lambda-endpoint"
)

// maxBody bounds a request: an event, in JSON text with every other character escaped, and some room.
const maxBody = 2*protocol.MaxSyncPayload + 64<<10

// Face answers for the emulator, at StartPath and EndpointPath.
func (m *Emulator) Face() *route.Face { return m.face }

// refuse words why a request has no route.
func refuse(r *http.Request, _ route.Reason) error {
	return protocol.Errorf(protocol.CodeInvalidParameter, "%s is not a route of the emulator: those are POST %s and PUT %s.",
		protocol.Clip(r.Method, 20), StartPath, EndpointPath)
}

// startBody is the body of a start. SAM sends null for settings that it lacks.
type startBody struct {
	AccountID                    *string `json:"AccountId"` // any: there is one account here
	FunctionName                 *string
	FunctionQualifier            *string
	ExecutionName                *string
	ExecutionTimeoutSeconds      *int64
	ExecutionRetentionPeriodDays *int
	TenantID                     *string `json:"TenantId"`
	Input                        *string
	LambdaEndpoint               *string
}

func (m *Emulator) start(w http.ResponseWriter, r *http.Request, _ string) error {
	var body startBody
	if err := read(r, &body); err != nil {
		return err
	}
	if body.FunctionName == nil {
		return protocol.Errorf(protocol.CodeInvalidParameter, "Missing required field: FunctionName")
	}
	req := &StartRequest{
		Function: *body.FunctionName, Qualifier: value(body.FunctionQualifier), Name: value(body.ExecutionName),
		ExecutionTimeout: value(body.ExecutionTimeoutSeconds), RetentionDays: value(body.ExecutionRetentionPeriodDays),
		TenantID: value(body.TenantID), Endpoint: value(body.LambdaEndpoint), Input: event(body.Input),
	}
	if len(req.Input) > protocol.MaxSyncPayload {
		return protocol.Errorf(protocol.CodeRequestTooLarge, "The input must be smaller than %d bytes.", protocol.MaxSyncPayload)
	}
	arn, err := m.Start(r.Context(), req)
	if err != nil {
		return err
	}
	return write(w, http.StatusCreated, map[string]string{"ExecutionArn": arn})
}

// event is the input as JSON: other text becomes a string.
func event(input *string) []byte {
	if input == nil || *input == "" || json.Valid([]byte(*input)) {
		return []byte(value(input))
	}
	text, _ := json.Marshal(*input) // a string always has a form
	return text
}

func (m *Emulator) setEndpoint(w http.ResponseWriter, r *http.Request, _ string) error {
	var body struct {
		EndpointURL *string `json:"EndpointUrl"`
		RegionName  *string // there is one region here
	}
	if err := read(r, &body); err != nil {
		return err
	}
	if value(body.EndpointURL) == "" {
		return protocol.Errorf(protocol.CodeInvalidParameter, "EndpointUrl is required")
	}
	if err := m.SetEndpoint(r.Context(), *body.EndpointURL); err != nil {
		return err
	}
	return write(w, http.StatusOK, map[string]string{"message": "Lambda endpoint updated successfully"})
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// read reads the body of r into v, and ignores unknown members.
func read(r *http.Request, v any) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if refused, ok := errors.AsType[*protocol.Error](err); ok {
		return refused
	}
	switch {
	case err != nil:
		return protocol.Errorf(protocol.CodeInvalidContent, "Could not read the request body: %v.", err)
	}
	if err := protocol.CheckWeight(data, maxBody); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return protocol.Errorf(protocol.CodeSerialization, "The request body is not as expected: %v.", err)
	}
	return nil
}

func write(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a failure means that the client is gone
	return nil
}
