// Package build makes of a function's source what a process can run, as `sam build` does, but for this machine and
// in a blink.
//
//	b, err := build.Do(ctx, src, &build.Options{Root: ".perdure/builds"})
//	// run what is in b.Dir
//
// # What builds what
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
// The method is the template's BuildMethod, or else follows from the runtime and from what lies in the directory.
//
// # Builds are replaced, never changed
//
// A build goes into a directory of its own, named after its content, and appears there as a whole. A process that
// runs keeps the files it was started with; [Prune] removes old builds once nobody runs them. Building the same
// again yields the same directory. Packages are installed once for each list of them, beside the builds, and linked
// into each.
//
// # What a build depends on
//
// [Find] lists the files of which a change calls for a new build: for Go those that the compiler reads, in all
// packages that are not in the module cache; for the rest all files of the directory, but for what tools put there.
// Links are followed, and so is what lists of packages, Makefiles and imports name elsewhere on this machine. A
// [Snapshot] of them says what has changed.
package build
