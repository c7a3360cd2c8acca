package watch

import (
	"os"
	"path/filepath"

	"evcp"
)

// Fleet is a Monitor with a file of charge points. A fleet of one is a fleet: it goes on when
// that one is refused, and more may come.
type Fleet struct {
	Name  string // names the state folder
	File  string // where the charge points stand, for people
	Sites int    // how many the charge points are at; 0 when the file names none
}

// loneFolders are the state folders of lone charge points that this fleet watches now.
func (o Options) loneFolders() (folders []string) {
	if o.Fleet == nil {
		return nil
	}
	watched := make(map[evcp.CPID]bool, len(o.Targets))
	for _, cp := range o.cps() {
		watched[cp] = true
	}
	all, _ := os.ReadDir(o.StateDir) // where there is none yet, there is nothing to take over
	for _, entry := range all {
		if entry.IsDir() && watched[evcp.CPID(entry.Name())] && entry.Name() != o.Fleet.Name {
			folders = append(folders, filepath.Join(o.StateDir, entry.Name()))
		}
	}
	return folders
}
