package template

import (
	"strconv"
	"strings"
)

// ref is Ref: a pseudo parameter, a parameter or a resource.
func (r *reader) ref(n *node) *node {
	name, ok := r.text(n.arg)
	if !ok {
		return nil
	}
	return r.refer(n, name)
}

// refer is Ref of name, for n, which may be a Sub.
func (r *reader) refer(n *node, name string) *node {
	if strings.HasPrefix(name, "AWS::") {
		return r.pseudo(n, name)
	}
	if p := r.parameters.byName[name]; p != nil {
		return r.parameter(n, name, p)
	}
	if r.resources.byName[name] != nil {
		return r.refResource(n, name)
	}
	if id, property, ok := strings.Cut(name, "."); ok && r.resources.byName[id] != nil {
		return r.refProperty(n, id, property)
	}
	if g := r.generated(name); g != nil {
		return r.refGenerated(n, name, g, "")
	}
	r.unknown(n, KindReference, name, "there is no parameter or resource %s%s", quoted(name),
		didYouMean(name, append(r.parameters.names[:len(r.parameters.names):len(r.parameters.names)], r.resources.names...)))
	return nil
}

// pseudo is a parameter that AWS provides.
func (r *reader) pseudo(n *node, name string) *node {
	switch name {
	case "AWS::NoValue":
		return &node{pos: n.pos, null: true, gone: true}
	case "AWS::Region":
		return r.made(n, r.opts.Region)
	case "AWS::AccountId":
		return r.made(n, r.opts.Account)
	case "AWS::Partition":
		return r.made(n, partition(r.opts.Region))
	case "AWS::URLSuffix":
		if partition(r.opts.Region) == "aws-cn" {
			return r.made(n, "amazonaws.com.cn")
		}
		return r.made(n, "amazonaws.com")
	case "AWS::StackName":
		return r.made(n, r.opts.StackName)
	case "AWS::StackId":
		return r.made(n, "arn:aws:cloudformation:"+r.opts.Region+":"+r.opts.Account+":stack/"+r.opts.StackName+"/local")
	case "AWS::NotificationARNs":
		return r.texts(n, nil)
	}
	r.unknown(n, KindReference, name, "%s is not known here", quoted(name))
	return nil
}

// partition is where a region is.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// parameter is the value of a parameter: the one given, or the default.
func (r *reader) parameter(n *node, name string, p *node) *node {
	kind, value := p.get("Type"), p.get("Default")
	typ := ""
	if kind != nil {
		typ = kind.text
	}
	text, given := r.opts.Parameters[name]
	lookedUp := strings.HasPrefix(typ, "AWS::SSM::")
	if !given && !lookedUp {
		text, given = r.opts.Configured[name]
	}
	switch {
	case given:
	case r.withheld[name]:
		r.unknown(n, KindParameter, name, "the parameter %s was given a value that is not known here", name)
		return nil
	case lookedUp:
		r.unknown(n, KindParameter, name, "the parameter %s is looked up in SSM by AWS, and was given no value", name)
		return nil
	case value == nil:
		r.unknown(n, KindParameter, name, "the parameter %s has no default and was given no value", name)
		return nil
	default:
		plain, ok := r.literal(value)
		if !ok {
			return nil
		}
		text = plain
	}
	if !r.checkAllowed(name, text, p) {
		return nil
	}
	if typ == "CommaDelimitedList" || strings.HasPrefix(typ, "List<") || strings.Contains(typ, "<List<") {
		items := strings.Split(text, ",")
		for i := range items {
			items[i] = strings.TrimSpace(items[i])
		}
		return r.texts(n, items)
	}
	return r.made(n, text)
}

// literal is a value without calls.
func (r *reader) literal(n *node) (string, bool) {
	if n.call != "" || n.form != scalar || n.null {
		r.fail(n.pos, "the default of a parameter is a single value")
		return "", false
	}
	return r.text(n)
}

// checkAllowed refuses a value that a parameter does not take.
func (r *reader) checkAllowed(name, text string, p *node) bool {
	if typ := p.get("Type"); typ != nil && typ.text == "Number" {
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			r.fail(p.pos, "%s is not a number, as the parameter %s is", quoted(text), name)
			return false
		}
	}
	allowed := p.get("AllowedValues")
	if allowed == nil || allowed.form != list {
		return true
	}
	var values []string
	for _, v := range allowed.items {
		if v.text == text {
			return true
		}
		values = append(values, v.text)
	}
	r.fail(p.pos, "%s is none of the AllowedValues of the parameter %s: %s", quoted(text), name, quotedList(values))
	return false
}

// getAtt is GetAtt: Resource.Attribute as a text, or a list of both.
func (r *reader) getAtt(n *node) *node {
	if n.arg.form == list && n.arg.call == "" {
		args, ok := r.arguments(n, 2, 2, "a resource and one of its attributes")
		if !ok {
			return nil
		}
		id, ok1 := r.text(args[0])
		attribute, ok2 := r.text(args[1])
		if !ok1 || !ok2 {
			return nil
		}
		return r.attribute(n, id, attribute)
	}
	text, ok := r.text(n.arg)
	if !ok {
		return nil
	}
	id, attribute, ok := strings.Cut(text, ".")
	if !ok {
		r.fail(n.pos, "GetAtt takes Resource.Attribute, not %s", quoted(text))
		return nil
	}
	return r.attribute(n, id, attribute)
}

func (r *reader) attribute(n *node, id, attribute string) *node {
	resource := r.resources.byName[id]
	typ := typeOf(resource)
	if resource == nil {
		if g := r.generated(id); g != nil {
			return r.refGenerated(n, id, g, attribute)
		}
	}
	switch output, nested := strings.CutPrefix(attribute, "Outputs."); {
	case nested && isNested(typ):
		return r.output(n, id, output)
	case typ == typeServerless && (strings.HasPrefix(attribute, "Alias.") || strings.HasPrefix(attribute, "Version.")):
		property, of, _ := strings.Cut(attribute, ".")
		return r.refGenerated(n, id+"."+property, &generated{typ: "AWS::Lambda::" + property, function: id}, of)
	case resource == nil:
		r.unknown(n, KindReference, id, "there is no resource %s%s", quoted(id), didYouMean(id, r.resources.names))
	case isFunction(typ) && attribute == "Arn":
		return r.functionARN(n, id, "")
	case typ == typeAlias && attribute == "FunctionName":
		return r.resolve(resource.get("Properties").get("FunctionName"))
	case typ == typeAlias && attribute == "AliasArn", typ == typeVersion && attribute == "FunctionArn":
		return r.refResource(n, id)
	default:
		r.unknown(n, KindReference, id+"."+attribute, "%s of %s (%s) is known to AWS only", attribute, id, typ)
	}
	return nil
}

// The types of resources that mean something here.
const (
	typeServerless = "AWS::Serverless::Function"
	typeFunction   = "AWS::Lambda::Function"
	typeAlias      = "AWS::Lambda::Alias"
	typeVersion    = "AWS::Lambda::Version"
)

func isFunction(typ string) bool { return typ == typeServerless || typ == typeFunction }

func typeOf(resource *node) string {
	if typ := resource.get("Type"); typ != nil {
		return typ.text
	}
	return ""
}

// names are the properties that name resources. Names of other resources than functions stay as they are, for
// people who run the real thing beside us.
var names = []string{"TableName", "BucketName", "QueueName", "TopicName", "LogGroupName", "StateMachineName", "Name"}

// refResource is Ref of a resource: mostly its name.
func (r *reader) refResource(n *node, id string) *node {
	resource := r.resources.byName[id]
	properties := resource.get("Properties")
	switch typ := typeOf(resource); {
	case isFunction(typ):
		return r.functionName(n, id)
	case typ == typeVersion:
		return r.onFunction(n, properties.get("FunctionName"), "$LATEST")
	case typ == typeAlias:
		name, ok := r.text(properties.get("Name"))
		if !ok {
			return nil
		}
		return r.onFunction(n, properties.get("FunctionName"), name)
	default:
		return r.refOther(n, id, typ, properties)
	}
}

func (r *reader) refOther(n *node, id, typ string, properties *node) *node {
	value, key := id, "name of "+id
	for _, name := range names {
		if p := properties.get(name); p != nil && !r.busy[key] {
			r.busy[key] = true
			if text, ok := r.text(p); ok {
				value = text
			}
			delete(r.busy, key)
			break
		}
	}
	text := id + " (" + typ + ") does not exist here"
	if r.about != "" {
		text += "; " + r.about + " has its name, " + quoted(value)
	}
	r.warn(n.pos, KindReference, id, "%s", text)
	return r.made(n, value)
}

// refProperty is SAM's addition to Ref: Function.Version and Function.Alias.
func (r *reader) refProperty(n *node, id, property string) *node {
	resource := r.resources.byName[id]
	if typeOf(resource) == typeServerless {
		switch property {
		case "Version":
			return r.functionARN(n, id, "$LATEST")
		case "Alias":
			if alias, ok := r.text(r.properties(id).get("AutoPublishAlias")); ok {
				return r.functionARN(n, id, alias)
			}
			r.fail(n.pos, "%s has no AutoPublishAlias, so there is no %s.Alias", id, id)
			return nil
		}
	}
	r.unknown(n, KindReference, id+"."+property, "%s of %s is known to AWS only", property, id)
	return nil
}

// functionName is the name of the function id, as it is registered here.
func (r *reader) functionName(n *node, id string) *node {
	if r.busy["name of "+id] {
		r.fail(n.pos, "the FunctionName of %s depends on itself", id)
		return nil
	}
	r.busy["name of "+id] = true
	defer delete(r.busy, "name of "+id)
	if given := r.properties(id).get("FunctionName"); given != nil {
		about := r.about
		r.about = "the FunctionName of " + id
		text, ok := r.text(given)
		r.about = about
		if ok {
			return r.made(n, text)
		}
	}
	return r.made(n, r.prefix+id)
}

func (r *reader) functionARN(n *node, id, qualifier string) *node {
	name := r.functionName(n, id)
	if name == nil {
		return nil
	}
	return r.made(n, r.arnOf(name.text, qualifier))
}

func (r *reader) arnOf(name, qualifier string) string {
	arn := name
	if !strings.HasPrefix(name, "arn:") {
		arn = "arn:" + partition(r.opts.Region) + ":lambda:" + r.opts.Region + ":" + r.opts.Account + ":function:" + name
	}
	if qualifier == "" {
		return arn
	}
	return arn + ":" + qualifier
}

// onFunction is the ARN of a version or alias of the function that a property names, by its name or its ARN.
func (r *reader) onFunction(n, property *node, qualifier string) *node {
	if property == nil {
		r.fail(n.pos, "this resource names no function")
		return nil
	}
	key := "function of " + property.pos.String()
	if r.busy[key] {
		r.fail(property.pos, "this depends on itself")
		return nil
	}
	r.busy[key] = true
	defer delete(r.busy, key)
	name, ok := r.text(property)
	if !ok {
		return nil
	}
	return r.made(n, r.arnOf(name, qualifier))
}
