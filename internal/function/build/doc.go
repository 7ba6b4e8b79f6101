// Package build turns a function's source into something that a process can run, as `sam build` does, but for this
// machine and in a blink.
//
//	b, err := build.Do(ctx, src, &build.Options{Root: ".perdure/builds"})
//	// run what is in b.Dir
//
// # Methods
//
//	go        go build, into an executable called bootstrap
//	makefile  make build-LOGICALID, with ARTIFACTS_DIR, in a copy of the source
//	esbuild   the project's own esbuild, from its node_modules
//	nodejs    a copy of the source, with its packages from npm
//	python    a copy of the source, with its packages from pip
//	archive   the content of a zip archive, which was built elsewhere
//	inline    the code that is in a template, in a file
//	none      the source as it is: a file bootstrap, classes of Java, or what a
//	          template says not to build
//
// The template's BuildMethod chooses; without it, the runtime and the content of the directory do.
//
// # Builds are replaced, never changed
//
// A build goes into a directory of its own, named after its content, and appears there as a whole. A running
// process keeps the files it was started with; [Prune] removes old builds once nobody runs them. Building the same
// again yields the same directory. Packages are installed once for each list of them, beside the builds, and linked
// into each.
//
// # Inputs of a build
//
// [Find] lists the files whose change calls for a new build: for Go those that the compiler reads, in all packages
// outside of the module cache; otherwise all files of the directory, without those that tools make. It follows
// links, and the files of this machine that lists of packages, Makefiles and imports name. A [Snapshot] of the
// files tells changes.
package build
