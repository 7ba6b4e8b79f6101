// Package codestore keeps the code of published function versions: files and directories, copied as they are, each
// under the hash of what is in it.
//
//	DIR/3f9c…/bootstrap      the code of a function in Go
//	DIR/81d0…/app.py, …      that of a function in Python
//	DIR/copying-…            a copy that is being made
//
// A copy is made beside its place, put on the disk and then renamed, so that code is there as a whole or not at
// all. Versions of the same code share it, also those of different functions.
//
// What is hashed and copied are names, contents and whether a file can be executed. Symbolic links stay links if
// they lead to a place in the same directory; what others lead to, such as packages that are installed elsewhere,
// is copied. Directories that hold caches and histories (.git, __pycache__) are no part of the code.
package codestore
