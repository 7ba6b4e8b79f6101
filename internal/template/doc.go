// Package template reads SAM and CloudFormation templates, as far as running
// their functions on this machine needs them.
//
//	t, err := template.Parse("template.yaml", data, &template.Options{Parameters: map[string]string{"Stage": "test"}})
//	for _, f := range t.Functions {
//		// f.Name, f.CodeURI, f.Handler, f.Environment, …
//	}
//	for _, w := range t.Warnings {
//		// w.Kind, w.Position, w.Text
//	}
//
// It reads functions (AWS::Serverless::Function, and AWS::Lambda::Function with
// local code), Globals, Parameters, Mappings and Conditions, in YAML with long
// and short forms, or in JSON. The intrinsic functions it knows are Ref,
// GetAtt, Sub, Join, Select, Split, If, FindInMap and Base64, and in conditions
// Equals, And, Or, Not and Condition.
//
// # Only what a function needs
//
// A value is worked out when a function needs it: a template may be full of
// things that have no meaning here, and none of them is in the way.
//
// # Nothing is skipped in silence
//
// What cannot be honoured here is a [Warning], with its kind and its place: a
// resource that does not exist on this machine, an event source, a property
// that is not known, a value that only AWS knows. A property whose value cannot
// be known is left out. Properties that change nothing outside of AWS, such as
// roles and tags, are not mentioned.
//
// What makes a function impossible to run is an [Error], again with its place;
// [Errors] collects all that were found.
//
// # Hostile templates
//
// The package does no I/O. Nesting, the work to expand aliases, and the length
// of text are bounded.
package template
