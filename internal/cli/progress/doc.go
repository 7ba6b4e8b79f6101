// Package progress shows an execution while it runs. It reads history events,
// so what it shows is what the engine recorded, whether the engine is in this
// process or behind the Lambda API.
//
// A [View] writes a line for what has happened. On a terminal it also keeps a
// few lines below that say what is going on now, with countdowns, and redraws
// them. In a pipe there are only lines, without control characters.
package progress
