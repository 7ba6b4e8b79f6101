package runtimeapi

// DecodeError is decodeError, for the fuzz target.
var DecodeError = decodeError
