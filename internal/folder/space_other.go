//go:build !linux

package folder

// freeSpace is known on Linux alone.
func freeSpace(string) (bytes uint64, known bool) { return 0, false }
