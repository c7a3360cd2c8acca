package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"evcp"
	"evcp/internal/console/cell"
)

// systemdDir is where the units of packaging/systemd keep state.
const systemdDir = "/var/lib/ev-cp-m"

// where says where a Monitor was looked for, who is there instead, and how to look
// elsewhere.
func (o options) where() string {
	text := fmt.Sprintf(english.looked, o.folder())
	if others := o.neighbours(); len(others) > 0 {
		text += "\n" + fmt.Sprintf(english.neighbours, o.stateDir, strings.Join(others, ", "))
	}
	if _, err := os.Stat(filepath.Join(o.folder(), "outbox.db")); err == nil {
		text += "\n" + english.before
	}
	if _, err := os.Lstat(filepath.Join(systemdDir, string(o.cp))); err == nil && o.stateDir != systemdDir {
		text += "\n" + fmt.Sprintf(english.bySystemd, systemdDir)
	}
	return text
}

// mostNeighbours is how many are named.
const mostNeighbours = 5

// neighbours are the charge points whose Monitors keep their state in the same
// folder.
func (o options) neighbours() (ids []string) {
	entries, err := os.ReadDir(o.stateDir)
	if err != nil {
		return nil // there is none, or it is not ours to see
	}
	for _, e := range entries {
		if id, err := evcp.ParseCPID(e.Name()); err != nil || !e.IsDir() || id == o.cp {
			continue
		}
		if len(ids) == mostNeighbours {
			return append(ids, "…")
		}
		ids = append(ids, cell.Safe(e.Name()))
	}
	return ids
}
