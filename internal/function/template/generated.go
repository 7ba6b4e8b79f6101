package template

import (
	"regexp"
	"strings"
)

// generated is a resource that SAM makes and the template does not name.
type generated struct {
	typ      string // of CloudFormation
	function string // whose version or alias it is; or empty
	alias    string
}

// eventTypes are the resources that SAM makes of events, with the function's id and the event's as their own. Other
// resources of an event have a word behind that.
var eventTypes = map[string]string{
	"SQS": typeMapping, "Kinesis": typeMapping, "DynamoDB": typeMapping, "MQ": typeMapping, "MSK": typeMapping,
	"SelfManagedKafka": typeMapping, "DocumentDB": typeMapping,
	"SNS": "AWS::SNS::Subscription", "Schedule": "AWS::Events::Rule", "ScheduleV2": "AWS::Scheduler::Schedule",
	"EventBridgeRule": "AWS::Events::Rule", "CloudWatchEvent": "AWS::Events::Rule",
	"CloudWatchLogs": "AWS::Logs::SubscriptionFilter", "IoTRule": "AWS::IoT::TopicRule",
}

const typeMapping = "AWS::Lambda::EventSourceMapping"

// eventWords are behind the id of an event.
var eventWords = map[string]string{
	"Role": "AWS::IAM::Role", "Queue": "AWS::SQS::Queue", "QueuePolicy": "AWS::SQS::QueuePolicy",
	"EventSourceMapping": typeMapping,
}

// generatedWords are the words that SAM puts behind the ids of its resources, by their types.
var generatedWords = map[string]map[string]string{
	typeServerless: {
		"Url": "AWS::Lambda::Url", "UrlPublicPermissions": typePermission, "URLInvokeAllowPublicAccess": typePermission,
		"EventInvokeConfig":               "AWS::Lambda::EventInvokeConfig",
		"EventInvokeConfigOnSuccessQueue": "AWS::SQS::Queue", "EventInvokeConfigOnSuccessTopic": "AWS::SNS::Topic",
		"EventInvokeConfigOnFailureQueue": "AWS::SQS::Queue", "EventInvokeConfigOnFailureTopic": "AWS::SNS::Topic",
		"DeploymentGroup": "AWS::CodeDeploy::DeploymentGroup",
	},
	"AWS::Serverless::StateMachine": {
		"Version": "AWS::StepFunctions::StateMachineVersion",
	},
	"AWS::Serverless::Api": {
		"ApiKey": "AWS::ApiGateway::ApiKey", "UsagePlan": "AWS::ApiGateway::UsagePlan",
		"UsagePlanKey": "AWS::ApiGateway::UsagePlanKey", "BasePathMapping": "AWS::ApiGateway::BasePathMapping",
	},
	"AWS::Serverless::HttpApi":    {"ApiGatewayDefaultStage": "AWS::ApiGatewayV2::Stage"},
	"AWS::Serverless::GraphQLApi": {"Schema": "AWS::AppSync::GraphQLSchema", "CloudWatchRole": "AWS::IAM::Role"},
	"AWS::Serverless::Connector":  {"Policy": "AWS::IAM::ManagedPolicy"},
}

const typePermission = "AWS::Lambda::Permission"

// hashed are the words behind which SAM puts ten digits of a hash.
var (
	hashed = map[string]map[string]string{
		typeServerless:                  {"Version": typeVersion},
		"AWS::Serverless::Api":          {"Deployment": "AWS::ApiGateway::Deployment"},
		"AWS::Serverless::LayerVersion": {"": "AWS::Lambda::LayerVersion"},
	}
	// globalHashed are hashed for what several resources may share.
	globalHashed = map[string]string{
		"ApiGatewayDomainName": "AWS::ApiGateway::DomainName", "ApiGatewayDomainNameV2": "AWS::ApiGatewayV2::DomainName",
		"RecordSetGroup": "AWS::Route53::RecordSetGroup",
	}
	hashDigits = regexp.MustCompile(`^[0-9a-f]{10}$`)
)

// generated returns the resource that SAM makes under an id; nil if it makes none.
func (r *reader) generated(id string) *generated {
	key := "resource " + id
	if r.busy[key] {
		return nil // a name that depends on what has the name
	}
	r.busy[key] = true
	defer delete(r.busy, key)
	if g := r.implicit(id); g != nil {
		return g
	}
	for end := len(id); end > 0; end-- { // the longest id first
		owner, word := id[:end], id[end:]
		if resource := r.resources.byName[owner]; strings.HasPrefix(typeOf(resource), "AWS::Serverless::") {
			if g := r.generatedOf(owner, resource, word); g != nil {
				return g
			}
		}
	}
	return nil
}

func (r *reader) generatedOf(owner string, resource *node, word string) *generated {
	typ, p := typeOf(resource), r.properties(owner)
	hasRole := typ == typeServerless || typ == "AWS::Serverless::StateMachine"
	switch {
	case word == "":
		return nil
	case word == "Role" && hasRole && p.get("Role") == nil:
		return &generated{typ: "AWS::IAM::Role"}
	case generatedWords[typ][word] != "":
		return &generated{typ: generatedWords[typ][word]}
	case typ == "AWS::Serverless::Api" && r.isStage(p, word):
		return &generated{typ: "AWS::ApiGateway::Stage"}
	case typ == "AWS::Serverless::HttpApi" && r.isStage(p, word):
		return &generated{typ: "AWS::ApiGatewayV2::Stage"}
	case hasRole && r.isAlias(p, word):
		alias, _ := r.text(p.get("AutoPublishAlias"))
		if typ == typeServerless {
			return &generated{typ: typeAlias, function: owner, alias: alias}
		}
		return &generated{typ: "AWS::StepFunctions::StateMachineAlias"}
	case typ == "AWS::Serverless::GraphQLApi" && p.get("ApiKeys").get(word) != nil:
		return &generated{typ: "AWS::AppSync::ApiKey"}
	case hasRole && strings.HasSuffix(word, "CognitoPermission") && r.isAlias(p, strings.TrimSuffix(word, "CognitoPermission")):
		return &generated{typ: typePermission}
	}
	for front, made := range hashed[typ] {
		if digits, ok := strings.CutPrefix(word, front); ok && hashDigits.MatchString(digits) {
			return &generated{typ: made, function: owner}
		}
	}
	return ofEvents(p.get("Events"), word)
}

// isStage reports whether word is StageName with Stage behind it.
func (r *reader) isStage(p *node, word string) bool {
	name, ok := strings.CutSuffix(word, "Stage")
	given := p.get("StageName")
	if !ok || given == nil {
		return false
	}
	stage, known := r.quietly(given)
	return known && alphanumerics(stage) == name || name == "" && given.call != ""
}

// isAlias reports whether word is Alias with AutoPublishAlias behind it.
func (r *reader) isAlias(p *node, word string) bool {
	name, ok := strings.CutPrefix(word, "Alias")
	given := p.get("AutoPublishAlias")
	if !ok || given == nil {
		return false
	}
	alias, known := r.quietly(given)
	return known && strings.NewReplacer("-", "D", "_", "U").Replace(alias) == name
}

func alphanumerics(s string) string { return strings.Map(alphanumeric, s) }

// quietly works out a text without warnings: it is only compared.
func (r *reader) quietly(n *node) (text string, ok bool) {
	warnings, warned := r.warnings, r.warned
	r.warned = map[Warning]bool{}
	r.within(func() { text, ok = r.text(n) })
	r.warnings, r.warned = warnings, warned
	return text, ok
}

// ofEvents is what SAM makes of one of the events.
func ofEvents(events *node, word string) *generated {
	if events == nil {
		return nil
	}
	for _, e := range events.entries {
		after, ok := strings.CutPrefix(word, e.key.text)
		typ := eventTypes[typeOf(e.value)]
		switch {
		case !ok:
		case after == "" && typ != "":
			return &generated{typ: typ}
		case strings.HasPrefix(after, "Permission"):
			return &generated{typ: typePermission}
		case eventWords[after] != "":
			return &generated{typ: eventWords[after]}
		}
	}
	return nil
}

// implicit is what SAM makes once for all functions.
func (r *reader) implicit(id string) *generated {
	hash, isDeployment := strings.CutPrefix(id, "ServerlessRestApiDeployment")
	switch {
	case id == "ServerlessRestApi":
		return r.ifEvent("Api", "AWS::ApiGateway::RestApi")
	case id == "ServerlessRestApiProdStage":
		return r.ifEvent("Api", "AWS::ApiGateway::Stage")
	case isDeployment && hashDigits.MatchString(hash):
		return r.ifEvent("Api", "AWS::ApiGateway::Deployment")
	case id == "ServerlessHttpApi":
		return r.ifEvent("HttpApi", "AWS::ApiGatewayV2::Api")
	case id == "ServerlessHttpApiApiGatewayDefaultStage":
		return r.ifEvent("HttpApi", "AWS::ApiGatewayV2::Stage")
	case len(id) > 10 && globalHashed[id[:len(id)-10]] != "" && hashDigits.MatchString(id[len(id)-10:]):
		return &generated{typ: globalHashed[id[:len(id)-10]]}
	case id == "ServerlessDeploymentApplication":
		return &generated{typ: "AWS::CodeDeploy::Application"}
	case id == "CodeDeployServiceRole":
		return &generated{typ: "AWS::IAM::Role"}
	}
	return nil
}

// ifEvent is a resource that SAM makes if there is an event of some type.
func (r *reader) ifEvent(event, typ string) *generated {
	for _, id := range r.resources.names {
		if !strings.HasPrefix(typeOf(r.resources.byName[id]), "AWS::Serverless::") {
			continue
		}
		if events := r.properties(id).get("Events"); events != nil {
			for _, e := range events.entries {
				if typeOf(e.value) == event {
					return &generated{typ: typ}
				}
			}
		}
	}
	return nil
}

// refGenerated is Ref of a generated resource, or one of its attributes.
func (r *reader) refGenerated(n *node, id string, g *generated, attribute string) *node {
	switch {
	case g.typ == typeAlias && (attribute == "" || attribute == "AliasArn"):
		if g.alias == "" {
			return r.refProperty(n, g.function, "Alias")
		}
		return r.functionARN(n, g.function, g.alias)
	case g.typ == typeVersion && (attribute == "" || attribute == "FunctionArn"):
		return r.functionARN(n, g.function, "$LATEST")
	case (g.typ == typeAlias || g.typ == typeVersion) && attribute == "FunctionName":
		return r.functionName(n, g.function)
	}
	what := id
	if attribute != "" {
		what = attribute + " of " + id
	}
	r.unknown(n, KindReference, id, "%s (%s, which SAM generates) is known to AWS only", what, g.typ)
	return nil
}
