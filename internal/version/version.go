// Package version says which build of EV_CP_M this is.
package version

import "runtime/debug"

// number is the release; the revision comes from the build.
const number = "0.1.0"

// String is the release, followed by the revision where the build knows it and
// the tree was not the release's own: "0.1.0" or "0.1.0+1a2b3c4d".
func String() string {
	revision := Revision()
	if revision == "" {
		return number
	}
	return number + "+" + revision[:min(8, len(revision))]
}

// Revision is the commit that was built, "" where the build does not know it.
func Revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
