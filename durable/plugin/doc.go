// Package plugin defines plugins: sets of hooks that hear what happens in the invocations of a handler.
// durable.WithPlugins adds them. Packages durableotel and durableinsight are two.
package plugin
