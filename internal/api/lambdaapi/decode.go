package lambdaapi

import (
	"strconv"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// maxUpdates bounds the updates of one checkpoint, well above what SDKs send and twice the operations that an
// execution may have. It keeps a small body of empty updates from becoming a large slice.
const maxUpdates = 2 * protocol.MaxOperations

// decodeCheckpoint reads and checks the body of a checkpoint. The result does not share memory with the body.
func decodeCheckpoint(arn string, body []byte) (*engine.CheckpointRequest, error) {
	var d checkpointDecoder
	d.MaxFrames = maxFrames
	d.Reset(body)
	d.violations.text(arn, "durableExecutionArn", &executionARNShape)
	req := &engine.CheckpointRequest{ARN: arn}
	d.request(req)
	if d.Err() != nil {
		return nil, d.Err()
	}
	if err := d.violations.err(); err != nil {
		return nil, err
	}
	return req, nil
}

// checkpointDecoder reads a checkpoint and checks the shape of its members on the way. The latest of members with
// the same name wins, as on AWS.
type checkpointDecoder struct {
	protocol.Reader
	violations violations
	update     int // the update being read, from 1
}

func (d *checkpointDecoder) request(req *engine.CheckpointRequest) {
	var token bool
	if d.Peek() != 0 { // no body is an empty request
		for name := range d.Members() {
			switch string(name) {
			case "CheckpointToken":
				req.Token, token = d.requestText("checkpointToken", &tokenShape)
			case "ClientToken":
				req.ClientToken, _ = d.requestText("clientToken", &clientTokenShape)
			case "Updates":
				req.Updates = d.updates()
			default:
				d.Skip()
			}
		}
	}
	d.End()
	if !token {
		d.violations.missing("checkpointToken")
	}
}

func (d *checkpointDecoder) requestText(member string, shape *textShape) (s string, present bool) {
	b, present := d.Bytes()
	if s = string(b); present {
		d.violations.text(s, member, shape)
	}
	return s, present
}

func (d *checkpointDecoder) updates() (updates []protocol.Update) {
	d.update = 0
	for d.update = range d.Elements() {
		if d.update > maxUpdates {
			d.Skip()
			continue
		}
		if updates == nil {
			updates = make([]protocol.Update, 0, 2) // most often a step's start and end
		}
		updates = append(updates, protocol.Update{})
		d.operationUpdate(updates)
	}
	if d.update > maxUpdates {
		d.violations.add("", "updates", "Member must have length less than or equal to "+strconv.Itoa(maxUpdates))
	}
	return updates
}

// operationUpdate reads the last element of updates. It shares strings with the one before: a batch often starts
// and closes the same operation.
func (d *checkpointDecoder) operationUpdate(updates []protocol.Update) {
	u, previous := &updates[len(updates)-1], &protocol.Update{}
	if len(updates) > 1 {
		previous = &updates[len(updates)-2]
	}
	var id, kind, action bool
	for name := range d.Members() {
		switch string(name) {
		case "Id":
			u.ID, id = d.shared("id", &operationIDShape, previous.ID)
		case "Type":
			u.Type, kind = word(d, "type", protocol.OperationTypes, operationTypeConstraint)
		case "Action":
			u.Action, action = word(d, "action", protocol.Actions, actionConstraint)
		case "ParentId":
			u.ParentID, _ = d.shared("parentId", &operationIDShape, previous.ParentID)
		case "Name":
			u.Name, _ = d.shared("name", &nameShape, previous.Name)
		case "SubType":
			u.SubType, _ = d.shared("subType", &subTypeShape, previous.SubType)
		case "Payload":
			u.Payload = d.payload()
		case "Error":
			u.Error = d.ErrorObject()
		case "ContextOptions":
			u.ContextOptions = d.contextOptions()
		case "StepOptions":
			u.StepOptions = d.stepOptions()
		case "WaitOptions":
			u.WaitOptions = d.waitOptions()
		case "CallbackOptions":
			u.CallbackOptions = d.callbackOptions()
		case "ChainedInvokeOptions":
			u.ChainedInvokeOptions = d.chainedInvokeOptions()
		default:
			d.Skip()
		}
	}
	d.require("id", id)
	d.require("type", kind)
	d.require("action", action)
}

func (d *checkpointDecoder) require(member string, present bool) {
	if !present {
		d.violations.missing(d.path(member))
	}
}

// path is the place of a member of the present update, in AWS's notation.
func (d *checkpointDecoder) path(member string) string {
	return "updates." + strconv.Itoa(d.update) + ".member." + member
}

// shared reads a string member, and returns candidate if the two are equal.
func (d *checkpointDecoder) shared(member string, shape *textShape, candidate string) (s string, present bool) {
	b, present := d.Bytes()
	if !present {
		return "", false
	}
	if s = candidate; string(b) != s {
		s = string(b)
	}
	if !shape.ok(s) {
		shape.explain(&d.violations, s, d.path(member))
	}
	return s, true
}

// word reads a member whose value is from a set of words.
func word[T ~string](d *checkpointDecoder, member string, set []T, constraint string) (w T, present bool) {
	b, present := d.Bytes()
	if !present {
		return "", false
	}
	for _, known := range set {
		if string(b) == string(known) {
			return known, true
		}
	}
	d.violations.add(quote(string(b)), d.path(member), constraint)
	return "", true
}

func (d *checkpointDecoder) payload() *string {
	s := d.Optional()
	if s != nil && !payloadShape.ok(*s) {
		payloadShape.explain(&d.violations, *s, d.path("payload"))
	}
	return s
}

// number reads a whole number between least and most; absent is zero.
func (d *checkpointDecoder) number(member string, least, most int64) int64 {
	n, present := d.Int()
	if present && (n < least || n > most) {
		d.violations.number(n, d.path(member), least, most)
	}
	return n
}
