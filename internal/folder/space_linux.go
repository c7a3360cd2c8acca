package folder

import "golang.org/x/sys/unix"

// freeSpace is how many bytes this user may still write to the disk of a path.
func freeSpace(path string) (bytes uint64, known bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil || s.Bsize <= 0 {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
