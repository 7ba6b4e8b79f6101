// Package survivaltest is what the tests share that kill engines and functions: orders that a client sees through
// whatever happens ([Service]), the engines that are killed ([Server]), and the judge ([Judge]), who holds each history
// against the promises and against what the bodies of the steps wrote down.
//
// The function of the orders is victim, beside this package.
package survivaltest
