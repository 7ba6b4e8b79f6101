// Package template reads SAM and CloudFormation templates, as far as running their functions on this machine needs
// them.
//
//	t, err := template.Parse("template.yaml", data, &template.Options{Parameters: map[string]string{"Stage": "test"}})
//	for _, f := range t.Functions {
//		// f.Name, f.CodeURI, f.Handler, f.Environment, …
//	}
//	for _, w := range t.Warnings {
//		// w.Kind, w.Position, w.Text
//	}
//
// It reads functions (AWS::Serverless::Function, and AWS::Lambda::Function with local code), Globals, Parameters,
// Mappings, Conditions, loops and nested applications, in YAML 1.1 with long and short forms, or in JSON, as UTF-8
// or UTF-16. The intrinsic functions it knows are Ref, GetAtt, Sub, Join, Select, Split, If, FindInMap, Base64,
// Cidr, Length, ToJsonString and ForEach, and in conditions Equals, And, Or, Not and Condition. It knows the ids
// under which SAM makes versions, aliases and other resources.
//
// # Only what a function needs
//
// A value is worked out when a function needs it: a template may be full of things that have no meaning here, and
// none of them is in the way.
//
// # Nothing is skipped in silence
//
// A [Warning], with its kind and its place, tells each difference from AWS: a resource that does not exist on this
// machine, an event source, an unknown property, a value that only AWS knows. A property with an unknown value is
// left out. Properties that have no effect outside of AWS, such as roles and tags, are not mentioned.
//
// A mistake in one function leaves out that function, or the value if it runs without; that is a warning, too, and
// the other functions are there. Only what makes the whole template useless is an [Error], again with its place;
// [Errors] collects all.
//
// # Hostile templates
//
// The package does no I/O but by Options.Read. Nesting, the number of values, the work to expand aliases and loops,
// and the bytes of texts are bounded.
package template
