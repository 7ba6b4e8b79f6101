package main

import (
	"fmt"
	"slices"
)

// median is the middle of values, or the mean of the two in the middle; 0 if there are none.
func median[T int64 | float64](values []T) T {
	n := len(values)
	if n == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	return (values[(n-1)/2] + values[n/2]) / 2
}

// summary are the medians of one system's figures under one workload.
type summary struct {
	Value                        float64
	Least, Most                  float64
	EngineCPU, FunctionCPU       float64 // milliseconds for one execution
	EngineMemory, FunctionMemory float64 // MB
	Error                        string  // if no round has a figure: the first error
	Failed                       int     // rounds without one
}

// String is the median, with the range if there is one, and with the rounds that failed.
func (s summary) String() string {
	text := "**" + number(s.Value) + "**"
	if s.Least < s.Most {
		text += " (" + number(s.Least) + "–" + number(s.Most) + ")"
	}
	if s.Failed > 0 {
		text += fmt.Sprintf(", failed rounds: %d", s.Failed)
	}
	return text
}

// summarize summarizes the figures of one system under one workload.
func summarize(figures []figure) (s summary) {
	var value, engineCPU, functionCPU, engineMemory, functionMemory []float64
	for _, f := range figures {
		if f.Error != "" {
			s.Failed++
			if s.Error == "" {
				s.Error = f.Error
			}
			continue
		}
		value = append(value, f.Value)
		engineCPU = append(engineCPU, milliseconds(f.EngineCPU))
		functionCPU = append(functionCPU, milliseconds(f.FunctionCPU))
		engineMemory = append(engineMemory, megabytes(f.EngineMemory))
		functionMemory = append(functionMemory, megabytes(f.FunctionMemory))
	}
	if len(value) == 0 {
		return s
	}
	return summary{
		Value: median(value), Least: slices.Min(value), Most: slices.Max(value),
		EngineCPU: median(engineCPU), FunctionCPU: median(functionCPU),
		EngineMemory: median(engineMemory), FunctionMemory: median(functionMemory), Failed: s.Failed,
	}
}
